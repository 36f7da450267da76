"""Migrations: each file once, in order, under a lock; a changed or missing one is refused."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.provision import admin, grant_inside, make_database
from shared.migrate import SHARED, MigrationRefused, apply, migrations
from tests.fixtures.database import opened, settings_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Databases

_INDEX = "-- migrate: no-transaction\ncreate index concurrently if not exists i on t (n)"
_VALID = "select indisvalid from pg_index where indexrelid = 'i'::regclass"


@pytest.fixture
async def empty(databases: Databases) -> str:
    """The address, as owner, of a database whose schema is empty."""
    conn = await asyncpg.connect(databases.owner)
    for (name,) in await conn.fetch("select tablename from pg_tables where schemaname = 'public'"):
        await conn.execute(f'drop table "{name}" cascade')
    await conn.close()
    return databases.owner


def _write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


async def _ask(dsn: str, sql: str) -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


async def test_each_file_runs_once_in_order(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0002_fill": "insert into t values (1);", "0001_t": "create table t (n int);"},
    )
    assert await apply(empty, [folder]) == ["docs/0001_t.sql", "docs/0002_fill.sql"]
    assert await apply(empty, [folder]) == []
    _write(folder, **{"0003_more": "insert into t values (2);"})
    assert await apply(empty, [folder]) == ["docs/0003_more.sql"]
    assert await _ask(empty, "select sum(n) from t") == 3


async def test_a_changed_file_is_refused(empty: str, tmp_path: Path):
    folder = _write(tmp_path / "docs" / "migrations", **{"0001_t": "create table t (n int);"})
    await apply(empty, [folder])
    _write(folder, **{"0001_t": "create table t (n bigint);"})
    with pytest.raises(MigrationRefused, match=r"docs/0001_t\.sql has run .* was changed since"):
        await apply(empty, [folder])


async def test_a_database_from_a_newer_version_is_refused(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0001_t": "create table t (n int);", "0002_u": "create table u (n int);"},
    )
    await apply(empty, [folder])
    (folder / "0002_u.sql").unlink()
    with pytest.raises(MigrationRefused, match="the database is newer"):
        await apply(empty, [folder])


async def test_a_file_that_fails_leaves_nothing_of_itself(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0001_t": "create table t (n int);", "0002_bad": "insert into t values (1); fail;"},
    )
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await apply(empty, [folder])
    assert await _ask(empty, "select count(*) from t") == 0
    assert await _ask(empty, "select count(*) from migrations") == 1


async def test_a_file_may_ask_for_no_transaction(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0001_t": "create table t (n int);", "0002_i": _INDEX},
    )
    assert len(await apply(empty, [folder])) == 2


async def test_an_index_that_was_half_made_is_made_anew(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0001_t": "create table t (n int); insert into t values (1), (1);"},
    )
    await apply(empty, [folder])
    with pytest.raises(asyncpg.UniqueViolationError):  # as a crash would leave it
        await _ask(empty, "create unique index concurrently i on t (n)")
    assert await _ask(empty, _VALID) is False
    _write(folder, **{"0002_i": _INDEX})
    await apply(empty, [folder])
    assert await _ask(empty, _VALID) is True


async def test_an_index_is_made_while_others_wait_to_migrate(empty: str, tmp_path: Path):
    folder = _write(
        tmp_path / "docs" / "migrations",
        **{"0001_t": "create table t (n int);", "0002_i": _INDEX},
    )
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(apply(empty, [folder]))
    assert await _ask(empty, _VALID) is True


async def test_a_name_that_sorts_by_accident_is_refused(empty: str, tmp_path: Path):
    folder = _write(tmp_path / "docs" / "migrations", first="select 1;")
    with pytest.raises(MigrationRefused, match="0001_what_it_does"):
        await apply(empty, [folder])


async def test_many_processes_at_once_run_each_file_once(empty: str, tmp_path: Path):
    folder = _write(tmp_path / "docs" / "migrations", **{"0001_t": "create table t (n int);"})
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(apply(empty, [SHARED, folder])) for _ in range(5)]
    ran = [name for task in tasks for name in task.result()]
    assert sorted(ran) == sorted(set(ran))
    assert "docs/0001_t.sql" in ran


async def test_a_table_in_use_is_waited_for_without_holding_up_who_comes_after(
    empty: str, tmp_path: Path
):
    folder = _write(tmp_path / "docs" / "migrations", **{"0001_t": "create table t (n int);"})
    await apply(empty, [folder])
    _write(folder, **{"0002_m": "alter table t add column m int default 7;"})
    patience = {"lock_timeout": "3s"}  # as our services have
    user, other = [await asyncpg.connect(empty, server_settings=patience) for _ in range(2)]
    try:
        async with asyncio.TaskGroup() as group, user.transaction():
            await user.fetch("select n from t")
            upgrade = group.create_task(apply(empty, [folder]))
            await eventually(lambda: _waits_for_a_lock(user), "the migration waits")
            for _ in range(3):
                await other.fetch("select n from t")
            assert not upgrade.done()
        assert upgrade.result() == ["docs/0002_m.sql"]
        assert await other.fetch("select m from t") == []
    finally:
        await user.close()
        await other.close()


async def _waits_for_a_lock(conn: "asyncpg.Connection[asyncpg.Record]") -> bool:
    query = "select exists (select from pg_locks where relation = 't'::regclass and not granted)"
    return bool(await conn.fetchval(query))


async def test_it_waits_for_the_database_opens_it_and_lets_the_work_begin(
    databases: Databases, backing: Backing, tmp_path: Path
):
    later = f"{databases.name}_later"
    settings = settings_of(databases, "docs", backing)
    secret = type(settings.database_owner)
    moved = settings.model_copy(
        update={"database_owner": secret(databases.owner.replace(databases.name, later))}
    )
    connection = await admin(backing.postgres_port, backing.folder.secret)
    try:
        async with opened(databases, "docs", backing) as db, asyncio.TaskGroup() as group:
            db.migrated = False
            found_open: list[bool] = []

            async def work(_stop: asyncio.Event) -> None:
                found_open.append(db.migrated)

            task = migrations(db, moved, _write(tmp_path / "docs" / "m"), work)
            group.create_task(task(asyncio.Event()))
            await asyncio.sleep(0.3)
            assert not found_open, "there is no such database yet"
            await make_database(connection, later, "docs")
            await grant_inside(backing.postgres_port, backing.folder.secret, later, "docs")
            await eventually(lambda: bool(found_open), "the database is opened and work begins")
            assert found_open == [True], "no work meets a database that is not open"
    finally:
        await connection.execute(f'drop database if exists "{later}" with (force)')
        await connection.close()
