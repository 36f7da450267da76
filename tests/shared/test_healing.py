"""Healing at size and after a long silence: in parts, through deaths, nothing forgotten."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shared import healing, outbox_rows
from shared.db import Connection, Session
from shared.events.types import AGENCIES, DOCUMENTS
from shared.kafka.reader import Reader
from shared.relay import Leader, relay
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.effects import put
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


async def test_a_topic_is_set_back_in_parts_and_each_partition_s_last_row_goes_last(
    ground: Ground,
):
    await _publish(ground, "some", 10, partitions=2)
    seen: list[set[tuple[int, int]]] = []
    async with ground.db.alone() as conn:
        while await outbox_rows.set_back_topic(conn, "some", but_of=None, restated=False, limit=3):
            last = await outbox_rows.last_published(conn)
            seen.append({(place[1], offset) for place, (offset, _) in last.items()})
    assert seen == [{(0, 4), (1, 4)}, {(1, 4)}, {(1, 4)}, set()]
    assert await waiting(ground.databases) == 10


async def test_healing_is_ended_by_the_next_leader_before_anything_is_sent(ground: Ground):
    topic = ground.fresh_topic()
    await _publish(ground, topic, 25_000)
    await put(ground, topic, *((f"k{number}", number) for number in range(7)))
    order, log = Order(ground.databases, ground.access, []), ground.folder / "log"
    for left in (15_000, 5_000):
        with started(order, log, failpoint="healing.topic_set_back") as process:
            await eventually(process.dead, "the leader dies between two parts", timeout=30)
        rows = await look(ground.databases, _TAKEN)
        assert [row[0] for row in rows] == [BEFORE] * left, "nothing is sent before"
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground), "all is sent", timeout=60)
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


async def test_what_was_set_back_is_found_row_by_row_before_anybody_counts_it_anew(ground: Ground):
    await _publish(ground, "some", 5000)
    await look(ground.databases, "analyze outbox", dsn=ground.databases.owner)  # none waits
    async with ground.db.alone() as conn:
        await outbox_rows.set_back_topic(conn, "some", but_of=None, restated=False)
        async with conn.transaction():
            before = await conn.fetchval(_ROWS_READ)
            rows = await outbox_rows.waiting(conn, held=[], limit=500)
            read = await conn.fetchval(_ROWS_READ) - before
    assert len(rows) == 500
    assert read < 3 * len(rows)


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
    assert await waiting(ground.databases) > 0
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
    return await waiting(ground.databases) == 0
