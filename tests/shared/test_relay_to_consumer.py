"""What is put into the outbox is handled once by a consumer, in order per key."""

from collections.abc import Callable

from shared import outbox
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.kafka import KafkaAccess, Record
from shared.relay import relay
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Running
from tests.shared.notes import Noted


async def test_an_event_goes_from_outbox_to_handler(
    db: Database, access: KafkaAccess, fresh_topic: Callable[..., str], running: Running
):
    topic = fresh_topic(partitions=2)
    seen: list[tuple[str, int]] = []

    async def handle(_conn: Connection, event: Noted, _record: Record) -> None:
        seen.append((event.about, event.number))

    events = [Noted(where=topic, about=f"k{n % 7}", number=n) for n in range(500)]
    reader = consume(db, access, service="docs", topics=[topic], handlers=[On(Noted, handle)])
    async with running(relay(db, access, service="docs")), running(reader):
        await db.as_worker(lambda conn: outbox.put_all(conn, events))
        await eventually(lambda: len(seen) >= 500, "all events are handled", timeout=30)
    assert sorted(seen) == sorted((event.about, event.number) for event in events)
    for key in {about for about, _ in seen}:
        numbers = [number for about, number in seen if about == key]
        assert numbers == sorted(numbers)
