"""What others lock in the outbox, or end, is waited out by whoever reads and marks it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import pytest

from shared.errors import Unavailable
from shared.kafka import Record
from shared.readback import read_back
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Databases
from tests.shared.conftest import Ground
from tests.shared.effects import put
from tests.shared.transport import (
    assert_the_log_holds_the_outbox,
    look,
    started,
    waiting,
)
from tests.shared.transport_process import Order

_TABLE = "lock table outbox in access exclusive mode"
_WAITS = (
    "select query_start from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)
_END = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


@asynccontextmanager
async def _holding(databases: Databases, lock: str) -> AsyncGenerator[None]:
    """Hold a lock for the length of a `with`."""
    conn = await asyncpg.connect(databases.owner)
    try:
        async with conn.transaction():
            await conn.execute(lock)
            yield
    finally:
        await conn.close()


@pytest.mark.parametrize("lock", ["select from outbox for update", _TABLE])
async def test_the_relay_outlives_a_lock_that_is_held_too_long(lock: str, ground: Ground):
    topic, log = ground.fresh_topic(), ground.folder / "log"
    await put(ground, topic, *(("k", number) for number in range(10)))
    with started(Order(ground.databases, ground.access, []), log) as process:
        async with _holding(ground.databases, lock):
            lost = "LockNotAvailableError"
            await eventually(lambda: process.dead() or process.said(lost), lost, timeout=30)
        await eventually(lambda: process.dead() or _idle(ground), "it goes on", timeout=30)
        assert not process.dead()
    await assert_the_log_holds_the_outbox(ground.databases, ground.access)


async def test_reading_back_outlives_a_lock_that_is_held_too_long(ground: Ground):
    topic = ground.fresh_topic()
    async with asyncio.TaskGroup() as group, _holding(ground.databases, _TABLE):
        reading = group.create_task(read_back(ground.db, ground.access, [topic], _take))
        (first,) = await eventually(lambda: _waiting(ground), "it waits for the lock")
        await eventually(lambda: _waits_anew(ground, first), "it waits once more")
    assert reading.result() == 0


async def test_reading_back_without_postgresql_says_that_it_is_unavailable(ground: Ground):
    topic = ground.fresh_topic()
    async with _holding(ground.databases, _TABLE), asyncio.TaskGroup() as group:
        reading = group.create_task(_unavailable(ground, topic))
        await eventually(lambda: _waiting(ground), "it waits for the lock")
        assert await look(ground.databases, _END)
        await reading


async def _unavailable(ground: Ground, topic: str) -> None:
    with pytest.raises(Unavailable):
        await read_back(ground.db, ground.access, [topic], _take)


async def _take(_records: Sequence[Record]) -> None:
    pass


async def _waiting(ground: Ground) -> list[datetime]:
    """Return since when statements of the service wait for a lock."""
    return [row[0] for row in await look(ground.databases, _WAITS)]


async def _waits_anew(ground: Ground, first: datetime) -> bool:
    return any(since > first for since in await _waiting(ground))


async def _idle(ground: Ground) -> bool:
    return await waiting(ground.databases) == 0
