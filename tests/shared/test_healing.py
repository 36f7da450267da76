"""Healing at size and after a long silence: in parts, through deaths, nothing forgotten."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from shared import healing, outbox, outbox_rows, parking
from shared.db import Connection, Session
from shared.events.types import AGENCIES, DOCUMENTS
from shared.kafka.reader import Reader
from shared.relay import Leader, relay
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.effects import put
from tests.shared.test_relay_and_topics import TOO_LARGE
from tests.shared.transport import assert_the_log_holds_the_outbox, look, started, waiting
from tests.shared.transport_process import Order

BEFORE = "the cluster before"
_PUBLISHED = (
    "insert into outbox"
    ' (event_id, topic, key, headers, value, published_at, cluster, partition, "offset")'
    " select id, $1, 'k' || n % 7, jsonb_build_object('ce_id', id), '{}', clock_timestamp(), $2,"
    " n % $3, n / $3 from (select gen_random_uuid() as id, n"
    " from generate_series(0, $4 - 1) as n) as new order by n"
)

_ROWS_READ = (
    "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'outbox'"
)
_TAKEN = 'select cluster from outbox where "offset" is not null'
_AGED = "update outbox set published_at = clock_timestamp() - interval '1 day' * $1::int"


async def _publish(
    ground: Ground, topic: str, count: int, *, cluster: str = BEFORE, partitions: int = 1
) -> None:
    """Write rows as if a cluster had taken them."""
    await look(ground.databases, _PUBLISHED, topic, cluster, partitions, count)


@asynccontextmanager
async def _looking(ground: Ground) -> "AsyncGenerator[tuple[Session, Reader]]":
    async with ground.db.alone() as conn, Reader.open(ground.access) as reader:
        yield conn, reader


async def test_what_two_lost_clusters_held_goes_in_its_old_order_with_the_rest(ground: Ground):
    topic = ground.fresh_topic()
    for cluster in ("a", "b", "a", "now"):
        await _publish(ground, topic, 4, cluster=cluster)
        await put(ground, topic, ("new", 1))
    async with ground.db.alone() as conn:
        assert await outbox_rows.note_lost(conn, "now") == ["a", "b"]
        rows = await outbox_rows.waiting(conn, held=[], limit=100)
        assert await outbox_rows.waiting(conn, held=[topic], limit=100) == []
        assert await outbox.pending(ground.db) == 16
        assert await outbox_rows.note_lost(conn, "a") == ["b", "now"], "it has come back"
        assert await outbox.pending(ground.db) == 12
    assert [row.id for row in rows] == [*range(1, 16), 20]
    assert [row.again for row in rows] == ([True] * 4 + [False]) * 3 + [False]


async def test_what_a_cluster_held_is_sent_again_through_deaths(ground: Ground):
    topic = ground.fresh_topic()
    await _publish(ground, topic, 12_000)
    await put(ground, topic, *((f"k{number}", number) for number in range(7)))
    order, log = Order(ground.databases, ground.access, []), ground.folder / "log"
    for point, left in (("after_send:3", 11_000), ("before_mark:6", 8500), ("marked:8", 4500)):
        with started(order, log, failpoint=f"relay.{point}") as process:
            await eventually(process.dead, "the leader dies among them", timeout=30)
        rows = await look(ground.databases, _TAKEN)
        assert [row[0] for row in rows].count(BEFORE) == left
        assert await outbox.pending(ground.db) == left + 7, "the gauge counts them"
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is sent", timeout=60)
    assert BEFORE not in [row[0] for row in await look(ground.databases, _TAKEN)]
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)
    assert "records lost" not in log.read_text(), "rows are compared with the log of their cluster"


async def test_a_row_that_is_refused_when_sent_again_is_parked_and_holds_its_key(ground: Ground):
    topic = ground.fresh_topic()
    await _publish(ground, topic, 14)
    await look(ground.databases, "update outbox set value = $1 where id = 3", TOO_LARGE.encode())
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _parked(ground), "it is parked")
        await eventually(lambda: _taken_but(ground, {3, 10}), "the others go", timeout=30)
        (shown,) = await ground.db.as_worker(parking.listing)
        await look(ground.databases, "update outbox set value = '{}' where id = 3")
        assert await ground.db.as_worker(lambda conn: parking.release(conn, shown.id))
        await eventually(lambda: _taken_but(ground, set()), "released, they go too")
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


async def test_lost_records_are_set_back_in_parts_and_the_last_goes_last(ground: Ground):
    topic = ground.fresh_topic()
    async with _looking(ground) as (_, reader):
        await _publish(ground, topic, 2500, cluster=await reader.cluster())
    order, log = Order(ground.databases, ground.access, []), ground.folder / "log"
    for left in (1500, 500):
        with started(order, log, failpoint="healing.records_set_back") as process:
            await eventually(process.dead, "the leader dies between two parts", timeout=30)
        assert await waiting(ground.databases) == 2500 - left
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is sent", timeout=60)
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


@pytest.mark.parametrize(("sent", "left"), [(0, 20_000), (10_000, 10_000), (10_000, 10)])
async def test_what_is_sent_again_is_found_row_by_row_before_anybody_counts_it_anew(
    ground: Ground, sent: int, left: int
):
    await _publish(ground, "some", 20_000)
    await look(ground.databases, "analyze outbox", dsn=ground.databases.owner)  # none waits
    sent_now = "update outbox set cluster = 'now' where id <= $1 or id > $1 + $2"
    await look(ground.databases, sent_now, sent, left)
    async with ground.db.alone() as conn:
        await outbox_rows.note_lost(conn, "now")
        await outbox_rows.waiting(conn, held=[], limit=500)  # passes over dead ones
        async with conn.transaction():
            before = await conn.fetchval(_ROWS_READ)
            rows = await outbox_rows.waiting(conn, held=[], limit=500)
            read = await conn.fetchval(_ROWS_READ) - before
    assert [row.id for row in rows] == list(range(sent + 1, sent + 1 + min(left, 500)))
    assert read < 4 * len(rows)


async def test_what_gauges_ask_reads_nothing_while_nothing_waits(ground: Ground):
    await _publish(ground, "some", 20_000, cluster="now", partitions=3)
    await look(ground.databases, "analyze", dsn=ground.databases.owner)
    async with ground.db.alone() as conn:
        await outbox_rows.note_lost(conn, "now")
        async with conn.transaction():
            before = await conn.fetchval(_ROWS_READ)
            assert await conn.fetchval("select count(*) from outbox_to_send") == 0
            assert len(await outbox_rows.last_published(conn, "now")) == 3
            read = await conn.fetchval(_ROWS_READ) - before
    assert read < 20


async def test_what_is_lost_is_kept_until_it_has_been_sent_again(ground: Ground):
    await _publish(ground, "lost", 10)
    await _publish(ground, "old", 10, cluster="now")
    await look(ground.databases, _AGED, 100)
    async with ground.db.alone() as conn:
        await outbox_rows.note_lost(conn, "now")
        await healing.tidy(conn)
    left = await look(ground.databases, "select distinct topic from outbox")
    assert [row[0] for row in left] == ["lost"]


async def test_a_compacted_topic_is_restated_however_long_it_was_quiet(ground: Ground):
    for topic in (AGENCIES, DOCUMENTS):
        await _publish(ground, topic, 10, partitions=2)
    await look(ground.databases, _AGED, 100)
    restated: list[str] = []

    async def restate(_conn: Connection) -> None:
        restated.append(AGENCIES)

    async with _looking(ground) as (conn, reader):
        for _ in range(2):
            await healing.tidy(conn)
        rows = await look(ground.databases, 'select topic, partition, "offset" from outbox')
        assert sorted((row[0], row[1], row[2]) for row in rows) == [
            (AGENCIES, 0, 4),
            (AGENCIES, 1, 4),
        ]
        cluster, again = await reader.cluster(), {AGENCIES: restate}
        for _ in range(2):
            await healing.heal(ground.db, Leader(conn), reader, cluster=cluster, restate=again)
        assert restated == [AGENCIES], "once"
        await healing.tidy(conn)
    assert await look(ground.databases, "select id from outbox") == []


async def test_old_rows_go_at_once_however_many_there_are(ground: Ground):
    await _old(ground, 12_000)
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _left(ground, 0), "all that is old goes", timeout=30)


async def test_old_rows_go_also_while_the_relay_is_never_idle(ground: Ground):
    topic = ground.fresh_topic()
    await _publish(ground, topic, 40_000)
    await _old(ground, 1000)
    order, log = Order(ground.databases, ground.access, []), ground.folder / "log"
    with started(order, log, failpoint="relay.after_select:60") as process:
        await eventually(process.dead, "most of what waits is sent", timeout=60)
    assert await outbox.pending(ground.db) > 0
    assert await _left(ground, 0)


async def _old(ground: Ground, count: int) -> None:
    """Write rows that every topic's time is over for."""
    async with _looking(ground) as (_, reader):
        await _publish(ground, "old", count, cluster=await reader.cluster())
    await look(ground.databases, f"{_AGED} where topic = 'old'", 100)


async def _left(ground: Ground, count: int) -> bool:
    rows = await look(ground.databases, "select count(*) from outbox where topic = 'old'")
    return bool(rows[0][0] == count)


async def _idle(ground: Ground) -> bool:
    return await outbox.pending(ground.db) == 0


async def _parked(ground: Ground) -> bool:
    return await parking.count(ground.db) == 1


async def _taken_but(ground: Ground, numbers: set[int]) -> bool:
    rows = await look(
        ground.databases, 'select id from outbox where cluster = $1 or "offset" is null', BEFORE
    )
    return {row[0] for row in rows} == numbers
