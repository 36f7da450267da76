"""Records that no service of ours wrote: what PostgreSQL cannot hold as it is, is parked too."""

import secrets
from collections.abc import Sequence
from uuid import uuid4

import pytest

from shared import parking
from shared.consumer import On, consume
from shared.db import Connection
from shared.kafka import ID_HEADER, TYPE_HEADER, Message, Record
from shared.kafka.producer import Producer
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.effects import has_done
from tests.shared.notes import Noted
from tests.shared.transport_process import note

LONG = secrets.token_hex(4000)
"""Not to be compressed to what an index holds."""


def noted(topic: str, key: str, number: int, *, text: str = "", **more: str) -> Message:
    """Return a note as a record under any key, with any more headers."""
    event = Noted(where=topic, about=key, number=number, text=text)
    headers = {TYPE_HEADER: Noted.ce_type(), ID_HEADER: str(uuid4()), **more}
    return Message(key, headers, event.to_json())


async def send(ground: Ground, topic: str, messages: Sequence[Message]) -> None:
    """Write records past the outbox, which could not hold them."""
    producer = Producer(ground.access)
    await producer.start()
    try:
        await producer.learn(topic)
        for message in messages:
            sent, _ = await producer.begin((topic, 0), [message])
            await sent
    finally:
        await producer.discard()


@pytest.mark.usefixtures("effects")
async def test_what_postgresql_cannot_hold_is_parked_and_the_next_ones_go_on(ground: Ground):
    topic = ground.fresh_topic()

    async def handle(conn: Connection, event: Noted, record: Record) -> None:
        if event.number == 0:
            raise LookupError(f"cannot do {event.text}")
        await note(conn, event, record)

    messages = [
        noted(topic, "a\0b", 0),
        noted(topic, "in a value", 0, header="a\0b"),
        noted(topic, "in a name", 0, **{"a\0b": "header"}),
        noted(topic, "in its cause", 0, text="a\0b"),
        noted(topic, LONG, 0),
        noted(topic, "a\0b", 1),  # behind the first
        noted(topic, LONG, 1),  # behind the other
        noted(topic, "good", 2),
    ]
    await send(ground, topic, messages)
    on = On(Noted, handle)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with ground.running(reader):
        await has_done(ground, ("good", 2))

    async def parked() -> bool:
        return await parking.count(ground.db) == 7

    await eventually(parked, "all but the good one are parked")
    shown = await ground.db.as_worker(parking.listing)
    assert [one.cause is None for one in shown] == [False] * 5 + [True] * 2
    assert shown[0].key == shown[5].key == "a\N{REPLACEMENT CHARACTER}b"
    assert shown[3].cause == "LookupError: cannot do a\N{REPLACEMENT CHARACTER}b"
    assert shown[4].key == shown[6].key
    assert LONG.startswith(shown[4].key)
