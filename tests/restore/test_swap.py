"""The moment in which a restored database takes another's place: it may be interrupted anywhere."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from infra.postgres.provision import Connection, admin, make_database
from infra.postgres.swap import exists, swap
from tests.conftest import FreshDatabase
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Databases

_BLOCKED = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'rename'"


@pytest.fixture
async def names(fresh_database: FreshDatabase) -> tuple[Databases, Databases]:
    """A service's database, and one that is to take its place."""
    return await fresh_database("docs"), await fresh_database("docs")


async def opened(backing: Backing, database: str = "postgres") -> Connection:
    return await admin(backing.postgres_port, backing.folder.secret, database)


async def enters(databases: Databases) -> bool:
    try:
        connection = await asyncpg.connect(databases.app)
    except asyncpg.PostgresError:
        return False
    await connection.close()
    return True


async def test_both_names_change_at_once(backing: Backing, names: tuple[Databases, Databases]):
    present, made = names
    connection = await opened(backing)
    kept = f"{present.name}_kept"
    await swap(connection, database=present.name, made=made.name, kept=kept)
    assert not await exists(connection, made.name)
    assert await enters(present)
    await connection.execute(f'alter database "{kept}" rename to "{made.name}"')
    await connection.close()


async def test_an_interrupted_swap_leaves_the_database_open(
    backing: Backing, names: tuple[Databases, Databases]
):
    present, made = names
    async with AsyncExitStack() as stack:
        connections = [await opened(backing) for _ in range(3)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        swapper, other, watcher = connections
        await other.execute("begin")
        await other.execute(f"comment on database \"{made.name}\" is 'locked until the end'")
        work = swap(swapper, database=present.name, made=made.name, kept=f"{present.name}_kept")
        async with asyncio.TaskGroup() as group:
            swapping = group.create_task(work)
            await eventually(lambda: watcher.fetchval(_BLOCKED), "the swap waits for a lock")
            swapping.cancel()
        assert swapping.cancelled()
        assert await enters(present)


async def test_what_a_dead_swap_has_closed_is_opened_at_the_next_start(
    backing: Backing, names: tuple[Databases, Databases]
):
    present, _ = names
    connection = await opened(backing)
    await connection.execute(f'alter database "{present.name}" allow_connections false')
    assert not await enters(present)
    await make_database(connection, present.name, "docs")
    assert await enters(present)
    await connection.close()
