"""What consumers promise: each event has its effect once, poison is parked, offsets are ours."""

import asyncio
from uuid import UUID

import pytest

from shared import outbox, parking, positions
from shared.consumer import On, consume
from shared.db import Connection
from shared.errors import Unavailable
from shared.events import topics
from shared.events.topics import group
from shared.kafka import Record
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.shared.conftest import Ground
from tests.shared.effects import done, has_done, put, sending
from tests.shared.notes import Noted, Other
from tests.shared.topics import delete_topic, make_topic
from tests.shared.transport import look, published
from tests.shared.transport_process import note


@pytest.mark.usefixtures("effects")
async def test_poison_is_parked_and_only_its_key_waits(ground: Ground):
    topic, bad = ground.fresh_topic(), {2}
    told: list[int] = []

    async def handle(conn: Connection, event: Noted, record: Record) -> None:
        await note(conn, event, record)
        if event.number in bad:
            raise LookupError(f"cannot do {event.number}")

    async def parked(_conn: Connection, record: Record) -> None:
        told.append(Noted.model_validate_json(record.value).number)

    reader = consume(
        ground.db,
        ground.access,
        service="docs",
        topics=[topic],
        handlers=[On(Noted, handle)],
        parked=parked,
    )
    async with sending(ground), ground.running(reader):
        await put(ground, topic, ("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5))
        await has_done(ground, ("a", 1), ("b", 3), ("b", 5))
        await eventually(lambda: _parked(ground, 2), "poison and the one behind it are parked")
        assert sorted(set(told)) == [2, 4]
        first, second = await ground.db.as_worker(parking.listing)
        assert (first.cause, second.cause) == ("LookupError: cannot do 2", None)

        assert await ground.db.as_worker(lambda conn: parking.release(conn, first.id))
        await eventually(lambda: _tried(ground, 4), "released too early, it fails again")
        assert await parking.count(ground.db) == 2
        bad.clear()
        await put(ground, topic, ("a", 6))
        assert await ground.db.as_worker(lambda conn: parking.release(conn, first.id))
        await eventually(lambda: _parked(ground, 0), "released, all of the key goes")
        await has_done(ground, ("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5), ("a", 6))
    assert [number for about, number in await done(ground) if about == "a"] == [1, 2, 4, 6]


async def _parked(ground: Ground, number: int) -> bool:
    return await parking.count(ground.db) == number


async def _tried(ground: Ground, times: int) -> bool:
    rows = await look(ground.databases, "select tries, released_at from parked order by id")
    return rows[0][0] == times and rows[0][1] is None


async def test_a_parked_record_leaves_a_dead_letter(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
):
    topic = ground.fresh_topic()
    monkeypatch.setitem(topics.BY_NAME, topic, topics.Topic(topic, (Noted,), "docs", (), key="k"))

    async def handle(_conn: Connection, _event: Noted, _record: Record) -> None:
        raise LookupError("no")

    on = On(Noted, handle)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with sending(ground), ground.running(reader):
        await put(ground, topic, ("a", 1))
        await eventually(lambda: _letters(ground, topic), "a copy is on the dead-letter topic")
    sent, copied = await published(ground.databases)
    headers = await look(ground.databases, "select headers from outbox order by id")
    assert copied.key == "a"
    assert copied.event_id != sent.event_id
    assert str(sent.event_id) in str(headers[1][0])
    assert "LookupError: no" in str(headers[1][0])


async def _letters(ground: Ground, topic: str) -> bool:
    rows = await published(ground.databases)
    return [row.topic for row in rows] == [topic, f"{topic}.dlt"]


@pytest.mark.usefixtures("effects")
async def test_a_record_that_nobody_can_read_is_parked(ground: Ground):
    topic = ground.fresh_topic()
    on = On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    broken = 'update outbox set value = \'{"where": "\''
    await put(ground, topic, ("a", 1))
    await look(ground.databases, broken)
    await put(ground, topic, ("b", 2))
    async with sending(ground), ground.running(reader):
        await has_done(ground, ("b", 2))
        await eventually(lambda: _parked(ground, 1), "it is parked")
        (shown,) = await ground.db.as_worker(parking.listing)
    assert "Invalid JSON" in str(shown.cause)
    assert "where" not in str(shown.cause), "no content in causes"


@pytest.mark.usefixtures("effects")
async def test_types_without_a_handler_are_passed_over(ground: Ground):
    topic = ground.fresh_topic()
    on = On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with sending(ground), ground.running(reader):
        other = Other(where=topic)
        await ground.db.as_worker(lambda conn: outbox.put(conn, other))
        await put(ground, topic, ("a", 1))
        await has_done(ground, ("a", 1))
    assert await parking.count(ground.db) == 0


@pytest.mark.usefixtures("effects")
async def test_what_is_unavailable_is_waited_for(ground: Ground):
    topic, left = ground.fresh_topic(), [3]

    async def handle(conn: Connection, event: Noted, record: Record) -> None:
        await note(conn, event, record)
        if event.number == 1 and left[0]:
            left[0] -= 1
            raise Unavailable("notify")

    on = On(Noted, handle)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with sending(ground), ground.running(reader):
        await put(ground, topic, ("a", 0), ("a", 1), ("b", 2))
        await has_done(ground, ("a", 0), ("a", 1), ("b", 2))
    assert left == [0]
    assert await parking.count(ground.db) == 0


@pytest.mark.usefixtures("effects")
async def test_a_forgotten_offset_is_read_again_without_a_second_effect(ground: Ground):
    topic = ground.fresh_topic()
    on = On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    notes = [(f"k{n % 3}", n) for n in range(30)]
    async with sending(ground), ground.running(reader):
        await put(ground, topic, *notes)
        await has_done(ground, *notes)
    forget = "update offsets set next_offset = 7, event_before = (select event_id from effects"
    await look(ground.databases, f"{forget} where number = 6)")
    async with ground.running(reader):
        await eventually(lambda: _at(ground, topic, 30), "it is read again to the end")
    assert await done(ground) == notes
    assert await _generation(ground) == 0


@pytest.mark.usefixtures("effects")
async def test_another_log_is_read_from_its_beginning(ground: Ground, backing: Backing):
    topic = ground.fresh_topic()
    on = On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    first, second = [("a", n) for n in range(5)], [("a", n) for n in range(5, 12)]
    async with sending(ground), ground.running(reader):
        await put(ground, topic, *first)
        await has_done(ground, *first)
    delete_topic(backing, topic)
    make_topic(backing, topic)
    await look(ground.databases, "delete from outbox")
    await put(ground, topic, *second)
    async with sending(ground):
        await eventually(lambda: _all_sent(ground), "the new log holds other records")
    async with ground.running(reader):
        await has_done(ground, *first, *second)
    assert await _generation(ground) == 1


async def _at(ground: Ground, topic: str, offset: int) -> bool:
    rows = await look(ground.databases, "select next_offset from offsets where topic = $1", topic)
    return [row[0] for row in rows] == [offset]


async def _generation(ground: Ground) -> int:
    rows = await look(ground.databases, "select generation from offsets")
    return int(rows[0][0])


async def _all_sent(ground: Ground) -> bool:
    return await outbox.pending(ground.db) == 0


@pytest.mark.usefixtures("effects")
async def test_a_write_counts_only_under_its_generation_and_never_lowers(ground: Ground):
    name = group("docs", "t")
    await look(
        ground.databases,
        "insert into offsets values ($1, 't', 0, 10, null, 3, 'c')",
        name,
    )

    def record(offset: int) -> Record:
        return Record("t", 0, offset, "k", {}, b"", UUID(int=offset))

    async def advance(offset: int, generation: int) -> bool:
        return await ground.db.as_worker(
            lambda conn: positions.advance(conn, name, record(offset), generation=generation)
        )

    assert not await advance(20, generation=2)
    assert not await advance(8, generation=3)
    assert await advance(12, generation=3)
    assert await _at(ground, "t", 13)


@pytest.mark.usefixtures("effects")
async def test_two_members_share_and_one_takes_over(ground: Ground):
    topic = ground.fresh_topic(partitions=4)
    on = On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    notes = [(f"k{n % 11}", n) for n in range(300)]
    async with sending(ground), ground.running(reader):
        await put(ground, topic, *notes[:100])
        async with ground.running(reader):
            await put(ground, topic, *notes[100:200])
            await has_done(ground, *notes[:200])
        await put(ground, topic, *notes[200:])
        await has_done(ground, *notes)
    for key in range(11):
        numbers = [number for about, number in await done(ground) if about == f"k{key}"]
        assert numbers == sorted(numbers)


@pytest.mark.usefixtures("effects")
async def test_without_an_inbox_the_handler_sees_everything_again(ground: Ground):
    topic = ground.fresh_topic()
    reader = consume(
        ground.db,
        ground.access,
        service="docs",
        topics=[topic],
        handlers=[On(Noted, note)],
        inbox=False,
    )
    await put(ground, topic, ("a", 1))
    async with sending(ground):
        await eventually(lambda: _all_sent(ground), "it is sent")
    await look(ground.databases, "update outbox set published_at = null")
    async with sending(ground), ground.running(reader):
        await has_done(ground, ("a", 1), ("a", 1))


@pytest.mark.usefixtures("effects")
async def test_a_thousand_records_a_second(ground: Ground):
    """Not a benchmark: it fails when records are handled one transaction each."""
    topic = ground.fresh_topic()
    on = On(Noted, note)
    notes = [(f"k{n % 100}", n) for n in range(2000)]
    await put(ground, topic, *notes)
    async with sending(ground):
        await eventually(lambda: _all_sent(ground), "all is sent", timeout=30)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    before = await _transactions(ground)
    async with ground.running(reader):
        await eventually(lambda: _at(ground, topic, 2000), "all is read", timeout=30)
    assert len(await done(ground)) == 2000
    await asyncio.sleep(1.1)  # the server's counters lag by up to a second
    assert await _transactions(ground) - before < 500


async def _transactions(ground: Ground) -> int:
    rows = await look(
        ground.databases,
        "select xact_commit from pg_stat_database where datname = current_database()",
    )
    return int(rows[0][0])
