"""The relay loses, and reorders within a key, nothing: whatever line is its last."""

import asyncio
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import outbox
from shared.db import Connection, Database
from shared.relay import relay
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Databases
from tests.shared.conftest import Ground
from tests.shared.notes import Noted
from tests.shared.transport import (
    assert_the_log_holds_the_outbox,
    log_of,
    published,
    started,
    waiting,
)
from tests.shared.transport_process import Order

POINTS = ("relay.after_select", "relay.mid_batch", "relay.after_send", "relay.before_mark")
crashes = st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 3)), min_size=1, max_size=2)
FIXTURE = HealthCheck.function_scoped_fixture


async def _write(db: Database, topic: str, *, start: int, count: int) -> None:
    """Write notes in transactions of their own that overlap: ids commit out of their order."""

    async def one(number: int) -> None:
        async def step(conn: Connection) -> None:
            about = f"k{number % 5}"
            # The aggregate is locked before its row is inserted (protocol.md 3).
            await conn.execute("select pg_advisory_xact_lock(hashtext($1))", about)
            await outbox.put(conn, Noted(where=topic, about=about, number=number))
            await asyncio.sleep(0.002 * (number % 3))

        await db.as_worker(step)

    async with asyncio.TaskGroup() as group:
        for number in range(start, start + count):
            group.create_task(one(number))


@settings(max_examples=3, deadline=None, suppress_health_check=[FIXTURE])
@given(deaths=crashes)
async def test_nothing_is_lost_or_reordered_whatever_line_is_the_last(
    deaths: list[tuple[str, int]], ground: Ground
):
    topic = ground.fresh_topic(partitions=3)
    order = Order(ground.databases, ground.access, [])
    for number, (point, nth) in enumerate(deaths):
        await _write(ground.db, topic, start=100 * number, count=40)
        log = ground.folder / "log"
        with started(order, log, failpoint=f"{point}:{nth}") as process:
            for more in range(40, 100, 10):  # so that there is an nth pass
                await _write(ground.db, topic, start=100 * number + more, count=10)
            await eventually(
                lambda process=process: process.dead() or _idle(ground.databases),
                "the relay dies, or has nothing left",
                timeout=30,
            )
    async with ground.running(relay(ground.db, ground.access, service="docs")):
        await eventually(lambda: _idle(ground.databases), "all rows are published", timeout=30)
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


async def _idle(databases: Databases) -> bool:
    return await waiting(databases) == 0


@pytest.mark.parametrize("point", ["relay.after_send", "relay.before_mark"])
async def test_a_frozen_leader_is_fenced(point: str, ground: Ground):
    topic, databases = ground.fresh_topic(), ground.databases
    order = Order(databases, ground.access, [])
    with started(order, ground.folder / "log", failpoint=f"{point}:1:STOP") as frozen:
        await _write(ground.db, topic, start=0, count=10)
        await eventually(frozen.frozen, "the leader freezes before it marks", timeout=20)
        async with ground.running(relay(ground.db, ground.access, service="docs")):
            await eventually(lambda: _idle(databases), "a successor publishes", timeout=20)
            marks = await published(databases)
            frozen.process.send_signal(signal.SIGCONT)
            await eventually(lambda: frozen.said("lost its lead"), "the late mark fails")
            assert await published(databases) == marks
            await _write(ground.db, topic, start=10, count=10)
            await eventually(lambda: _idle(databases), "the successor goes on")
        await _write(ground.db, topic, start=20, count=10)
        await eventually(lambda: _idle(databases), "the thawed one leads again", timeout=20)
    await assert_the_log_holds_the_outbox(databases, ground.access)
    events = [record.event_id for record in await log_of(ground.access, [topic])]
    assert len(set(events)) == 30
    assert len(events) > 30, "the frozen one had sent something before"
