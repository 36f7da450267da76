"""A restored docs reads its own topics: numbers that only the log holds are not given again."""

from collections.abc import Sequence

import pytest

from services.docs.recover import take_entries
from shared.events import DeliveryCleared
from shared.ids import uuid7
from shared.kafka import ID_HEADER, TYPE_HEADER, KafkaAccess, Message
from shared.kafka.producer import Producer
from tests.conftest import FreshDatabase
from tests.docs.country import commune
from tests.docs.exchange import Exchange
from tests.fixtures.database import access_of, opened
from tests.fixtures.stack import Backing


async def published(access: KafkaAccess, topic: str, events: Sequence[DeliveryCleared]) -> None:
    """Put events on a topic of one partition, in this order."""
    messages = [
        Message(
            event.key(),
            {TYPE_HEADER: event.ce_type(), ID_HEADER: str(uuid7())},
            event.to_json(),
        )
        for event in events
    ]
    producer = Producer(access)
    await producer.start()
    try:
        batch, count = await producer.begin((topic, 0), messages)
        assert count == len(messages)
        await batch
    finally:
        await producer.discard()


async def cleared(exchange: Exchange, code: str) -> None:
    """Send a document to one agency and clear it."""
    sent = await exchange.send(code)
    await exchange.judge(sent)
    await exchange.clear()


@pytest.mark.parametrize("twice", [False, True])
async def test_a_number_that_only_the_log_holds_is_not_given_again(
    exchange: Exchange, fresh_database: FreshDatabase, backing: Backing, *, twice: bool
):
    for code in (commune(1), commune(2), commune(1)):
        await cleared(exchange, code)
    first, second = [await exchange.mailbox(commune(n)) for n in (1, 2)]
    access, topic = access_of(backing, "docs"), backing.fresh_topic("docs")
    # A relay that died before it could mark them has sent some of them twice.
    await published(access, topic, [*first, *second, *(first if twice else [])])
    async with opened(await fresh_database("docs"), "docs", backing) as db:
        restored = Exchange(db)
        await restored.fill()
        await take_entries(db, access, [topic])
        assert await restored.mailbox(commune(1)) == first
        assert await restored.mailbox(commune(2)) == second
        await cleared(restored, commune(1))
        entries = await restored.mailbox(commune(1))
    assert entries[:2] == first
    assert [one.sequence for one in entries] == [1, 2, 3]
