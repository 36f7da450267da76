"""Connections to PostgreSQL that end between two questions: the process goes on with new ones."""

import asyncio

import asyncpg
import pytest

from infra.stack.folder import TREE
from shared.db import Connection
from shared.db_session import OneDatabase
from shared.errors import Unavailable
from shared.migrate import bring_up
from tests.fixtures.database import opened, settings_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Databases

_FOLDER = TREE / "services" / "docs" / "migrations"
_MIGRATING = 0x6C74_6D69  # as in shared.migrate
_END = (
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
    " and query like '%pg_try_advisory_lock%' and pid <> pg_backend_pid()"
)


async def test_a_connection_that_ends_while_migrations_wait_is_made_anew(
    databases: Databases, backing: Backing
):
    settings = settings_of(databases, "docs", backing)
    holder = await asyncpg.connect(databases.owner)
    try:
        await holder.execute("select pg_advisory_lock($1)", _MIGRATING)
        async with opened(databases, "docs", backing) as db, asyncio.TaskGroup() as group:
            db.migrated = False
            work = group.create_task(bring_up(db, settings, _FOLDER))
            await eventually(lambda: holder.fetchval(_END), "its connection is ended")
            await asyncio.sleep(0.5)
            assert not work.done()
            await holder.execute("select pg_advisory_unlock($1)", _MIGRATING)
        assert db.migrated
    finally:
        await holder.close()


async def test_a_connection_that_ends_before_it_is_ready_is_unavailable(
    databases: Databases, backing: Backing, monkeypatch: pytest.MonkeyPatch
):
    enter = OneDatabase.enter

    async def ended(one: OneDatabase, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        conn.terminate()
        await asyncio.sleep(0.1)
        await enter(one, conn)

    async def one(conn: Connection) -> int:
        return int(await conn.fetchval("select 1"))

    monkeypatch.setattr(OneDatabase, "enter", ended)
    async with opened(databases, "docs", backing) as db:
        with pytest.raises(Unavailable):
            await db.look(one)
