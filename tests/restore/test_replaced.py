"""A process that outlives the moment in which its database is replaced works with no other one."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from infra.postgres.provision import admin
from infra.postgres.swap import begin_new_life, swap
from services.docs.store import lives
from shared.db import Connection, Database
from shared.db_session import Replaced
from shared.errors import Unavailable
from shared.restored import Recovery
from tests.conftest import FreshDatabase
from tests.fixtures.database import opened
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing


async def _one(conn: Connection) -> int:
    return int(await conn.fetchval("select 1"))


async def _nothing() -> None:
    """Take nothing over."""


async def _alone(db: Database) -> None:
    async with db.alone():
        pass


def _refused(way: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[bool]]:
    """Return the question whether this way into the database ends the process."""

    async def refused() -> bool:
        try:
            await way()
        except Replaced:
            return True
        except Unavailable:  # the connection to the one before has just ended
            return False
        raise AssertionError("it works with the database that came in its place")

    return refused


async def test_a_process_works_with_one_database(backing: Backing, fresh_database: FreshDatabase):
    present, made = [await fresh_database("docs") for _ in range(2)]
    kept, port, secret = f"{present.name}_kept", backing.postgres_port, backing.folder.secret
    async with AsyncExitStack() as stack:
        connection, inside = await admin(port, secret), await admin(port, secret, made.name)
        stack.push_async_callback(connection.close)
        db = await stack.enter_async_context(opened(present, "docs", backing))
        begun = Recovery(db, service="docs", asked=lives.recovering, work=_nothing)
        assert await begun.over()
        await db.as_caller([], _one)
        await begin_new_life(inside, "docs")
        await inside.close()
        await swap(connection, database=present.name, made=made.name, kept=kept)
        back = f'alter database "{kept}" rename to "{made.name}"'
        stack.push_async_callback(connection.execute, back)
        ways: list[Callable[[], Awaitable[object]]] = [
            lambda: db.as_worker(lives.recovering),
            lambda: db.as_caller([], _one),
            lambda: db.look(lives.recovering),
            lambda: _alone(db),
        ]
        for way in ways:
            await eventually(_refused(way), "the process is told that it ends")
        async with opened(present, "docs", backing) as another:
            assert await another.look(lives.recovering)
