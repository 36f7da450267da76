"""Who comes in at the listener for integrators: the bearer of a token of ours, until it ends."""

import asyncio
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError

from shared.tokens import KAFKA_CLAIM
from tests.fixtures.eventually import eventually
from tests.kafka.conftest import Broker
from tests.kafka.tokens import TokenKey
from tests.proof.access.integrator import admitted, consuming, visible

pytestmark = pytest.mark.timeout(240)  # the first test starts a broker


async def test_the_bearer_of_a_token_is_its_client(broker: Broker):
    await broker.settled("sys-a", "sys-b")
    seen = await asyncio.to_thread(visible, broker.bootstrap, broker.key.token("sys-a"))
    assert seen == {"lienthong.mailbox.sys-a.v1", "lienthong.agencies.v1"}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://lienthong.vn/internal/docs"},
        {"aud": ["https://lienthong.vn/api/"]},
        {"iss": "http://127.0.0.1:2"},
        {"iat": int(time.time()) - 700, "exp": int(time.time()) - 30},
        {KAFKA_CLAIM: ""},
        {KAFKA_CLAIM: None},
    ],
    ids=["audience", "similar audience", "issuer", "expired", "empty user", "no user"],
)
async def test_another_token_is_refused(broker: Broker, claims: dict[str, Any]):
    assert not await admitted(broker.bootstrap, broker.key.token("sys-a", **claims))


async def test_a_key_that_is_not_published_signs_in_vain(broker: Broker):
    assert not await admitted(broker.bootstrap, TokenKey("foreign").token("sys-a"))
    assert not await admitted(broker.bootstrap, TokenKey(broker.key.kid).token("sys-a"))


async def test_a_new_key_is_taken_and_an_old_one_refused_without_a_restart(broker: Broker):
    new = TokenKey("second")
    broker.publish(broker.key, new)
    assert await admitted(broker.bootstrap, new.token("sys-a"))
    assert await admitted(broker.bootstrap, broker.key.token("sys-a"))
    broker.publish(new)
    assert not await admitted(broker.bootstrap, broker.key.token("sys-a"))
    broker.publish(broker.key)
    assert await admitted(broker.bootstrap, broker.key.token("sys-a"))


async def test_a_session_ends_with_its_token(broker: Broker):
    await broker.settled("sys-a")
    began, ended = time.monotonic(), list[float]()
    token = broker.key.token("sys-a", life=8)

    def refused(error: KafkaError) -> None:
        if error.name() == "_AUTHENTICATION":
            ended.append(time.monotonic() - began)

    def over() -> bool:
        client.poll(0.2)
        return bool(ended)

    # This client goes on with its token for as long as it is let.
    with consuming(
        broker.bootstrap, lambda: token, "sys-a.s", "lienthong.agencies.v1", error_cb=refused
    ) as client:
        await eventually(over, "the session is ended", timeout=60)
    print(f"a token of 8 s: its session was ended after {ended[0]:.1f} s")  # noqa: T201
    assert ended[0] > 6
