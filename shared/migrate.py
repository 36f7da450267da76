"""Migrations: numbered `.sql` files, each once, in order, by the service itself as owner."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import structlog

from shared.db import Database
from shared.db_faults import NOT_YET
from shared.process import Task, together
from shared.settings import ServiceSettings

if TYPE_CHECKING:
    _Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SHARED = Path(__file__).with_name("migrations")
_LOCK = 0x6C74_6D69  # "ltmi"
_BRIEFLY_MS, _LONGEST_MS = 200, 2000
"""Whoever wants a table waits behind the migration that waits for it: not longer than this."""
_PAUSE_SECONDS = 1
_LOOK_SECONDS = 0.1
_NO_TRANSACTION = "-- migrate: no-transaction"
_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_log = structlog.get_logger()


class MigrationRefused(Exception):  # noqa: N818
    """The files do not continue what the database has been through; a person must look."""


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    text: str

    @property
    def checksum(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


def _read(folders: Sequence[Path]) -> list[_Migration]:
    found: list[_Migration] = []
    for folder in folders:
        for file in sorted(folder.glob("*.sql")):
            if not _NAME.fullmatch(file.name):
                raise MigrationRefused(f"{file}: a migration is named 0001_what_it_does.sql")
            owner = "shared" if folder == SHARED else folder.parent.name
            found.append(_Migration(f"{owner}/{file.name}", file.read_text(encoding="utf-8")))
    return found


async def _run_one(conn: "_Connection", migration: _Migration) -> None:
    wait = _BRIEFLY_MS
    while True:
        try:
            if migration.text.startswith(_NO_TRANSACTION):
                await _run_bare(conn, migration)
            else:
                await _run_whole(conn, migration, wait)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            _log.info("a table is in use", migration=migration.name, cause=str(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            wait = min(_LONGEST_MS, wait * 5 // 4)
        else:
            return


async def _run_whole(conn: "_Connection", migration: _Migration, wait_ms: int) -> None:
    async with conn.transaction():
        await conn.execute("select set_config('lock_timeout', $1, true)", f"{wait_ms}ms")
        await conn.execute(migration.text)
        await _record(conn, migration)


async def _run_bare(conn: "_Connection", migration: _Migration) -> None:
    """Run one statement that is safe to run twice: a crash leaves no trace of the first time.

    But of an index that was being made: it is there, is never used, and bears the name.
    """
    for half_made in await conn.fetch(
        "select indexrelid::regclass::text as name from pg_index where not indisvalid"
    ):
        await conn.execute(f"drop index concurrently if exists {half_made['name']}")
    await conn.execute(migration.text)
    await _record(conn, migration)


async def _record(conn: "_Connection", migration: _Migration) -> None:
    await conn.execute(
        "insert into migrations (name, checksum) values ($1, $2)",
        migration.name,
        migration.checksum,
    )


async def apply(dsn: str, folders: Sequence[Path]) -> list[str]:
    """Bring a database up to these folders, in their order; return the names that ran now.

    Several processes may do so at once: an advisory lock lets one work and the others look.
    Raises MigrationRefused when a file that ran before was changed since, or has gone.
    """
    conn = await asyncpg.connect(dsn, timeout=5, server_settings={"lock_timeout": "30s"})
    try:
        # Asked again and again: an index that is made concurrently waits for whoever waits for it.
        while not await conn.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        await conn.execute(
            "create table if not exists migrations (name text primary key, checksum bytea not null,"
            " applied_at timestamptz not null default clock_timestamp())"
        )
        rows = await conn.fetch("select name, checksum from migrations")
        done: dict[str, bytes] = {row["name"]: row["checksum"] for row in rows}
        wanted = _read(folders)
        _compare(done, wanted)
        todo = [migration for migration in wanted if migration.name not in done]
        for migration in todo:
            await _run_one(conn, migration)
        return [migration.name for migration in todo]
    finally:
        await conn.close(timeout=5)


def _compare(done: dict[str, bytes], wanted: Sequence[_Migration]) -> None:
    for migration in wanted:
        if done.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationRefused(
                f"{migration.name} has run in this database and was changed since: restore the file"
                " and write the change as a new migration"
            )
    gone = sorted(done.keys() - {migration.name for migration in wanted})
    if gone:
        raise MigrationRefused(
            f"{', '.join(gone)} ran in this database and is not in this code: the database is newer"
        )


async def bring_up(db: Database, settings: ServiceSettings, folder: Path) -> None:
    """Wait for PostgreSQL, migrate (`shared/migrations`, then `folder`), and open `db` for use."""
    pause = 0.1
    while True:
        try:
            names = await apply(settings.database_owner.get_secret_value(), (SHARED, folder))
        except NOT_YET as error:
            _log.warning("waiting for PostgreSQL to migrate", cause=str(error) or repr(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2)
            continue
        _log.info("migrated", ran=names)
        db.migrated = True
        return


def migrations(db: Database, settings: ServiceSettings, folder: Path, *then: Task) -> Task:
    """Return the task that opens `db` for use, and runs the tasks `then` as soon as it is open.

    `folder` is the service's own, such as `Path(__file__).with_name("migrations")`. A task that
    is begun before would meet Unavailable and wait for its second try: a second of every start.
    """

    async def task(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(bring_up(db, settings, folder))
            ending = group.create_task(stop.wait())
            await asyncio.wait((work, ending), return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            ending.cancel()
        if db.migrated:
            await together(stop, *then)

    return task
