"""Transactions: what callers see, what ends them, what is tried again, and who hears of it."""

import asyncio
import random
from collections.abc import AsyncGenerator
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared import outbox, positions
from shared.bell import Bell
from shared.db import Connection, Database, make_pool
from shared.errors import Unavailable
from shared.ids import AgencyId
from shared.kafka import Record
from tests.fixtures.database import opened, settings_of
from tests.fixtures.stack import Backing, Databases
from tests.shared.notes import Noted

SEEN = "select current_setting('app.agencies', true)"
ROOM = "insert into known_clients values ('c', 'active', '{}', '{}', now(), 1)"


async def _seen(conn: Connection) -> str | None:
    return await conn.fetchval(SEEN)


async def _one(conn: Connection) -> int:
    return int(await conn.fetchval("select 1"))


async def test_a_caller_sees_its_agencies_and_nothing_is_left_behind(db: Database):
    one, other = AgencyId(uuid4()), AgencyId(uuid4())
    assert await db.as_caller([one, other], _seen) == f"{one},{other}"
    assert await db.as_caller([], _seen) == ""
    assert not await db.as_worker(_seen)


@pytest.fixture
async def few(databases: Databases) -> "AsyncGenerator[asyncpg.Pool[asyncpg.Record]]":
    """A pool of two connections of requests, to look at what they keep."""
    pool = make_pool(databases.app, size=2, name="test")
    await pool
    yield pool
    pool.terminate()


async def test_cancelled_requests_never_leave_a_setting(
    databases: Databases, few: "asyncpg.Pool[asyncpg.Record]"
):
    """Each request sees its own agencies, whatever was cancelled on the same connection before."""
    db = Database(app=few, worker=few, looks=few, alone=databases.worker)
    db.migrated = True
    dice = random.Random(20201)  # noqa: S311 (a schedule, not a secret)
    foreign: list[tuple[UUID, str]] = []

    async def request(agency: AgencyId) -> None:
        async def step(conn: Connection) -> None:
            for _ in range(2):
                seen = await conn.fetchval(SEEN)
                if seen != str(agency):
                    foreign.append((agency, seen))
                await asyncio.sleep(0)

        await db.as_caller([agency], step)

    for _ in range(200):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(request(AgencyId(uuid4()))) for _ in range(25)]
            for task in dice.sample(tasks, 12):
                asyncio.get_running_loop().call_later(dice.random() * 0.01, task.cancel)
    assert foreign == []
    async with few.acquire() as one, few.acquire() as other:
        assert not await one.fetchval(SEEN)
        assert not await other.fetchval(SEEN)


async def test_a_deadlock_is_tried_again_inside(db: Database):
    tries = 0

    async def lock(first: int, second: int) -> None:
        async def step(conn: Connection) -> None:
            nonlocal tries
            tries += 1
            await conn.execute("select pg_advisory_xact_lock($1)", first)
            await asyncio.sleep(0.2)
            await conn.execute("select pg_advisory_xact_lock($1)", second)

        await db.as_worker(step)

    async with asyncio.TaskGroup() as group:
        group.create_task(lock(1, 2))
        group.create_task(lock(2, 1))
    assert tries > 2


async def test_a_lock_that_stays_is_unavailable_not_an_error(db: Database, databases: Databases):
    holder = await asyncpg.connect(databases.worker)
    try:
        await holder.execute("select pg_advisory_lock(7)")

        async def step(conn: Connection) -> None:
            await conn.execute("set local lock_timeout = '20ms'")
            await conn.execute("select pg_advisory_xact_lock(7)")

        with pytest.raises(Unavailable):
            await db.as_worker(step)
    finally:
        await holder.close()


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(db: Database):
    async def suicide(conn: Connection) -> None:
        await conn.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await db.as_worker(suicide)
    assert await db.as_worker(_one) == 1


async def test_an_idle_transaction_is_ended_and_is_unavailable(db: Database):
    async def dozing(conn: Connection) -> None:
        await conn.execute("set local idle_in_transaction_session_timeout = '50ms'")
        await asyncio.sleep(0.3)
        await conn.execute("select 1")

    with pytest.raises(Unavailable):
        await db.as_worker(dozing)
    assert await db.as_worker(_one) == 1


@pytest.mark.parametrize("state", ["58030", "58P01", "XX001", "XX002"])
async def test_trouble_of_its_disk_is_unavailable_and_nobodys_fault(db: Database, state: str):
    async def trouble(conn: Connection) -> None:
        await conn.execute(f"do $$ begin raise exception using errcode = '{state}'; end $$")

    with pytest.raises(Unavailable):
        await db.as_worker(trouble)
    assert await db.as_worker(_one) == 1


async def test_every_pooled_connection_has_its_limits(db: Database):
    async def limits(conn: Connection) -> list[str]:
        names = ("idle_in_transaction_session_timeout", "transaction_timeout", "lock_timeout")
        return [await conn.fetchval("select current_setting($1)", name) for name in names]

    assert await db.as_worker(limits) == ["5s", "20s", "3s"]
    assert await db.as_caller([], limits) == ["5s", "20s", "3s"]


async def test_a_failing_step_leaves_nothing(db: Database):
    async def fail(conn: Connection) -> None:
        await conn.execute(ROOM)
        raise LookupError("no")

    with pytest.raises(LookupError):
        await db.as_worker(fail)
    assert await db.as_worker(_clients) == 0


async def _clients(conn: Connection) -> int:
    return int(await conn.fetchval("select count(*) from known_clients"))


async def _heard(bell: Bell, task: "asyncio.Task[object]") -> bool:
    listener = bell.listen()
    await task
    loop = asyncio.get_running_loop()
    began = loop.time()
    await listener.rung(timeout=0.3)
    return loop.time() - began < 0.2


async def test_the_bell_rings_after_a_commit_that_wrote_and_only_then(db: Database):
    async with asyncio.TaskGroup() as group:
        wrote = group.create_task(db.as_worker(lambda conn: conn.execute(ROOM)))
        assert await _heard(db.bell, wrote)
        read = group.create_task(db.as_worker(_one))
        assert not await _heard(db.bell, read)


async def test_the_relays_bell_rings_only_when_there_is_something_to_send(db: Database):
    async def send(conn: Connection) -> object:
        return await outbox.put(conn, Noted(where="nowhere", about="k", number=1))

    async with asyncio.TaskGroup() as group:
        sent = group.create_task(db.as_worker(send))
        assert await _heard(db.outbox_bell, sent)
        wrote = group.create_task(db.as_worker(lambda conn: conn.execute(ROOM)))
        assert not await _heard(db.outbox_bell, wrote)


async def test_a_position_that_moved_rings_and_one_that_did_not_stays_silent(db: Database):
    """Both know without a question whether they wrote."""
    record = Record("t", 0, 7, "k", {}, b"", uuid4())
    first = "insert into offsets values ('g', 't', 0, 0, null, 0, 'c')"
    await db.as_worker(lambda conn: conn.execute(first))

    async def move(conn: Connection) -> object:
        return await positions.advance(conn, "g", record, generation=0)

    async with asyncio.TaskGroup() as group:
        assert await _heard(db.bell, group.create_task(db.as_worker(move)))
        assert not await _heard(db.bell, group.create_task(db.as_worker(move)))


async def test_a_look_reads_what_is_there_and_can_write_nothing(db: Database):
    async with asyncio.TaskGroup() as group:
        assert not await _heard(db.bell, group.create_task(db.look(_clients)))
    with pytest.raises(Unavailable):
        await db.look(lambda conn: conn.execute(ROOM))
    assert await db.look(_clients) == 0
    await db.as_worker(lambda conn: conn.execute(ROOM))
    assert await db.look(_clients) == 1


async def test_a_task_does_not_hear_itself(db: Database):
    listener = db.bell.listen()
    await db.as_worker(lambda conn: conn.execute(ROOM))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await listener.rung(timeout=0.1)
    assert loop.time() - began > 0.09


async def test_it_opens_without_postgresql_and_says_so(databases: Databases, backing: Backing):
    settings = settings_of(databases, "docs", backing)
    nowhere = settings.model_copy(
        update={
            name: type(settings.database_app)("postgresql://docs_app@127.0.0.1:1/none")
            for name in ("database_app", "database_worker")
        }
    )
    async with Database.open(nowhere) as db:
        assert not await db.ready()
        db.migrated = True
        with pytest.raises(Unavailable, match="PostgreSQL does not answer"):
            await db.as_worker(_one)
        assert not await db.ready()


async def test_nothing_runs_before_the_migrations(databases: Databases, backing: Backing):
    async with opened(databases, "docs", backing) as db:
        db.migrated = False
        with pytest.raises(Unavailable, match="migrated"):
            await db.as_worker(_one)
        assert not await db.ready()


async def test_json_columns_are_plain_values(db: Database):
    value = {"tên": "Cao Bằng", "n": [1, None, True]}

    async def there_and_back(conn: Connection) -> object:
        return await conn.fetchval("select $1::jsonb", value)

    assert await db.as_worker(there_and_back) == value


async def test_requests_write_events_but_read_none(db: Database):
    async def read(conn: Connection) -> None:
        await conn.fetch("select id from outbox")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.as_caller([], read)
