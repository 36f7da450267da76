"""The relay when a topic is missing, refuses a record, or has lost what was published."""

from secrets import token_hex

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import outbox, parking
from shared.relay import relay
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.shared.conftest import Ground
from tests.shared.notes import Noted
from tests.shared.topics import delete_topic, make_topic, truncate_topic
from tests.shared.transport import (
    assert_the_log_holds_the_outbox,
    first_order,
    log_of,
    look,
    published,
    waiting,
)

TOO_LARGE = token_hex(1_200_000)  # not to be compressed below the broker's limit


async def _put(ground: Ground, topic: str, *numbers: int, about: str = "k") -> None:
    notes = [Noted(where=topic, about=about, number=number) for number in numbers]
    await ground.db.as_worker(lambda conn: outbox.put_all(conn, notes))


async def _idle(ground: Ground) -> bool:
    return await waiting(ground.databases) == 0


async def test_a_missing_topic_holds_only_itself(ground: Ground, backing: Backing):
    here, missing = ground.fresh_topic(), ground.fresh_topic()
    delete_topic(backing, missing)
    await _put(ground, missing, 1, 2)
    await _put(ground, here, 1, 2)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _count(ground, 2), "the other topic goes on")
        make_topic(backing, missing)
        await eventually(lambda: _idle(ground), "the held topic passes by itself", timeout=30)
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


async def test_a_topic_that_is_not_ours_holds_only_itself(ground: Ground, backing: Backing):
    foreign, here = backing.fresh_topic("notify"), ground.fresh_topic()
    await _put(ground, foreign, 1)
    await _put(ground, here, 1)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _count(ground, 1), "the other topic goes on")
    rows = await published(ground.databases)
    assert [row.topic for row in rows] == [here]


async def test_a_record_that_is_too_large_is_parked_and_holds_its_key(ground: Ground):
    topic = ground.fresh_topic()
    await _put(ground, topic, 1)
    await ground.db.as_worker(lambda conn: outbox.put(conn, _large(topic)))
    await _put(ground, topic, 3)
    await _put(ground, topic, 4, 5, about="other")
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _count(ground, 3), "all but the held key are published")
        await eventually(lambda: _parked(ground), "the row is parked")
        assert await waiting(ground.databases) == 2
        assert await outbox.pending(ground.db) == 1, "the row behind the parked one waits"
        assert await parking.count(ground.db) == 1
        assert await outbox.oldest(ground.db) > 0
        (shown,) = await ground.db.as_worker(parking.listing)
        assert "too large" in str(shown.cause)
        await look(ground.databases, "update outbox set value = '{}' where parked_at is not null")
        assert await ground.db.as_worker(lambda conn: parking.release(conn, shown.id))
        await eventually(lambda: _idle(ground), "released, it goes, and what waited behind it")
        assert await outbox.oldest(ground.db) == 0
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


def _large(topic: str) -> Noted:
    return Noted(where=topic, about="k", number=2, text=TOO_LARGE)


async def _parked(ground: Ground) -> bool:
    return await parking.count(ground.db) > 0


async def test_what_a_topic_has_lost_is_published_again_in_order(ground: Ground, backing: Backing):
    topic = ground.fresh_topic()
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await _put(ground, topic, *range(20))
        await eventually(lambda: _idle(ground), "all is published")
        before = first_order(await log_of(ground.access, [topic]))
        delete_topic(backing, topic)
        make_topic(backing, topic)
        await eventually(lambda: _in_log(ground, topic, 20), "the idle leader sees it", timeout=30)
        await _put(ground, topic, 20)
        await eventually(lambda: _in_log(ground, topic, 21), "newer ones follow", timeout=30)
    after = first_order(await log_of(ground.access, [topic]))
    assert after[topic, "k"][:20] == before[topic, "k"]
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


async def test_a_topic_that_was_lost_and_made_again_gets_the_old_rows_before_new_ones(
    ground: Ground, backing: Backing
):
    topic, there = ground.fresh_topic(), ground.fresh_topic()
    await _put(ground, topic, *range(5))
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is published")
    delete_topic(backing, topic)
    await _put(ground, topic, 5)
    await _put(ground, there, 1)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _in_log(ground, there, 1), "the relay goes on without it")
        make_topic(backing, topic)
        await eventually(lambda: _in_log(ground, topic, 6), "it has all again", timeout=30)
    records = await log_of(ground.access, [topic])
    rows = await look(
        ground.databases, "select event_id from outbox where topic = $1 order by id", topic
    )
    assert [record.event_id for record in records][:6] == [row[0] for row in rows]


async def test_what_another_cluster_held_is_published_again(
    ground: Ground, spans: InMemorySpanExporter
):
    topic = ground.fresh_topic()
    await _put(ground, topic, *range(5))
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is published")
    await look(ground.databases, "update outbox set cluster = 'the one before'")
    await _put(ground, topic, 5)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _in_log(ground, topic, 11), "all of it is sent again")
        await eventually(lambda: _idle(ground), "and so noted")
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)
    sent = [one for one in spans.get_finished_spans() if one.name == f"send {topic}"]
    assert len(sent) == 6, "what is healed has its spans already"


async def test_what_retention_has_taken_is_not_sent_again(ground: Ground, backing: Backing):
    topic = ground.fresh_topic()
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await _put(ground, topic, *range(5))
        await eventually(lambda: _idle(ground), "all is published")
    marks = await published(ground.databases)
    truncate_topic(backing, topic, before=5)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await _put(ground, topic, 5)
        await eventually(lambda: _count(ground, 6), "the new one goes")
    assert (await published(ground.databases))[:5] == marks
    assert len(await log_of(ground.access, [topic])) == 1


async def test_old_rows_are_forgotten_and_young_ones_kept(ground: Ground):
    topic = ground.fresh_topic()
    await _put(ground, topic, 1, 2)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is published")
    old = "update outbox set published_at = now() - interval '100 days' where id = 1"
    await look(ground.databases, old)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _count(ground, 1), "the old row goes")


async def _count(ground: Ground, number: int) -> bool:
    return len(await published(ground.databases)) == number


async def _in_log(ground: Ground, topic: str, number: int) -> bool:
    return len(await log_of(ground.access, [topic])) >= number
