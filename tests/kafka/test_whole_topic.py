"""The proof's reading of a whole topic, against a broker: all records, no group, no offset."""

import pytest
from aiokafka.abc import AbstractTokenProvider

from tests.kafka.conftest import Broker
from tests.proof.kafka import whole

pytestmark = pytest.mark.timeout(240)  # the first test starts a broker


class Token(AbstractTokenProvider):
    """One token."""

    def __init__(self, text: str) -> None:
        """Give this one."""
        self._text = text

    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] -- untyped base
        """Return it."""
        return self._text


async def test_a_mailbox_is_read_from_its_first_record_to_its_last_each_time(broker: Broker):
    await broker.settled("sys-w")
    topic = "lienthong.mailbox.sys-w.v1"
    settings: dict[str, object] = {
        "bootstrap_servers": broker.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "group_id": "sys-w.reader",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
    tokens = Token(broker.key.token("sys-w"))
    assert await whole(topic, settings, tokens) == []
    for number in range(3):
        await broker.fill(topic, str(number))
    for _ in range(2):
        found = await whole(topic, settings, tokens)
        assert [value for _, value in found] == [b"0", b"1", b"2"]
