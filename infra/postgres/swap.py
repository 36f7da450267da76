"""A service's database is put in the place of another; what a restored one has to know."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.postgres.provision import Connection
from infra.stack.trouble import Trouble

_TREE = Path(__file__).resolve().parents[2]
_LEAVE_SECONDS = 10.0
_STATE = {"docs": "database_epoch"}
"""Where each service keeps which life of its database it is; else in `service_state`."""

KEPT = 3
"""Replaced databases of a service that stay, the newest ones."""


def folders(service: str) -> tuple[Path, Path]:
    """Return where a service's migrations lie."""
    return _TREE / "shared" / "migrations", _TREE / "services" / service / "migrations"


def database_of(service: str) -> str:
    """Return the name of a service's database."""
    return f"lienthong_{service}"


@dataclass(frozen=True, slots=True)
class Cut:
    """A named point in the log, and the piece of the log that ends behind it."""

    name: str
    at: datetime
    piece: str


async def moment(connection: Connection) -> datetime:
    """Return PostgreSQL's time now."""
    return await connection.fetchval("select clock_timestamp()")


async def cut_log(connection: Connection, name: str) -> Cut:
    """Name this point of the log and end its present piece, so that the piece is kept.

    The commit before it is later than every point that can be asked for until now: without one a
    server that is brought up to a time would not know that it has come far enough.
    """
    at = await moment(connection)
    await connection.execute("select pg_current_xact_id()")
    place = await connection.fetchval("select pg_create_restore_point($1)::text", name)
    piece = await connection.fetchval("select pg_walfile_name($1::text::pg_lsn)", place)
    await connection.execute("select pg_switch_wal()")
    return Cut(name, at, piece)


async def keeps_log(connection: Connection) -> bool:
    """Say whether the server runs with a log that can be kept."""
    return await connection.fetchval("select current_setting('archive_mode')") == "on"


async def keep_log_soon(connection: Connection, seconds: str) -> None:
    """Have a piece of the log kept after so many seconds, full or not; from now on."""
    await connection.execute(f"alter system set archive_timeout = '{seconds}s'")
    await connection.execute("select pg_reload_conf()")


async def last_failure(connection: Connection) -> str | None:
    """Return which piece of the log could not be kept, if the last try failed."""
    return await connection.fetchval(
        "select last_failed_wal from pg_stat_archiver where last_failed_time >"
        " coalesce(last_archived_time, '-infinity')"
    )


async def recovering(connection: Connection) -> bool:
    """Say whether the server is still being brought up from its log."""
    return await connection.fetchval("select pg_is_in_recovery()")


async def exists(connection: Connection, database: str) -> bool:
    """Say whether there is a database of that name."""
    found = await connection.fetchval("select 1 from pg_database where datname = $1", database)
    return found is not None


async def begin_new_life(connection: Connection, service: str) -> None:
    """Give a service's database a new random epoch, and let the service take over what it lacks.

    `connection` is to that database, which no service uses yet.
    """
    table = _STATE.get(service, "service_state")
    await connection.execute(
        f"update {table} set epoch = gen_random_uuid(), recovering = true,"  # noqa: S608
        " restored_at = clock_timestamp()"
    )


async def swap(connection: Connection, *, database: str, made: str, kept: str) -> None:
    """Put the database `made` in the place of `database`, which is called `kept` from then on.

    Both names change at once or not at all. Raises Trouble when somebody cannot be made to leave.
    """
    await connection.execute(f'alter database "{database}" allow_connections false')
    swapped = False
    try:
        await _all_leave(connection, database)
        async with connection.transaction():
            await connection.execute(f'alter database "{database}" rename to "{kept}"')
            await connection.execute(f'alter database "{made}" rename to "{database}"')
        swapped = True
    finally:  # an interruption too; after a death of ours `provision` opens it again
        if not swapped and await exists(connection, made):
            await connection.execute(f'alter database "{database}" allow_connections true')


async def _all_leave(connection: Connection, database: str) -> None:
    end = asyncio.get_running_loop().time() + _LEAVE_SECONDS
    while True:
        left = await connection.fetchval(
            "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = $1) as told",
            database,
        )
        if not left:
            return
        if asyncio.get_running_loop().time() > end:
            raise Trouble(f"{left} connections to {database} do not end", "make status; try again")
        await asyncio.sleep(0.1)


async def drop(connection: Connection, database: str) -> None:
    """Remove a database, whoever is in it."""
    await connection.execute(f'drop database if exists "{database}" with (force)')


async def forget_replaced(connection: Connection, service: str) -> list[str]:
    """Remove all but the newest replaced databases of a service; return their names."""
    rows = await connection.fetch(
        "select datname from pg_database where starts_with(datname, $1)"
        " order by datname desc offset $2",
        f"{database_of(service)}_before_",
        KEPT,
    )
    names = [row["datname"] for row in rows]
    for name in names:
        await drop(connection, name)
    return names


@dataclass(frozen=True, slots=True)
class Remnant:
    """Something that a restored database knows only in part."""

    kind: str
    id: str
    what: str


_REMNANTS = {
    "docs": """
        select 'dispatch' as kind, id::text, format('%s of %s, to %s recipients: only its entries',
            document_code, sender_code, recipients) as what
        from dispatches where adopted and turn is null
        union all
        select 'receipt', r.delivery_id::text, format('of dispatch %s, acknowledged %s: no entry',
            r.dispatch_id, r.acknowledged_at)
        from receipts as r left join deliveries as d on d.id = r.delivery_id where d.id is null
        union all
        select 'agency', id::text, format('%s: registered after this point, without its name',
            code)
        from agencies where name = code and synthetic
        order by 1, 2""",
    "gateway": """
        select 'client' as kind, client_id as id, 'its keys are not known: give it one' as what
        from clients where state = 'active' and secret_sha256 is null
            and jsonb_array_length(coalesce(jwks -> 'keys', '[]')) = 0
        order by 2""",
    "notify": """
        select 'receipt' as kind, r.delivery_id::text as id, format(
            'of dispatch %s, acknowledged %s: no entry', r.dispatch_id, r.acknowledged_at) as what
        from receipts as r left join entries as e on e.delivery_id = r.delivery_id
        where e.delivery_id is null order by 2""",
}


async def remnants(connection: Connection, service: str) -> list[Remnant]:
    """List what a service's database knows only by an entry, a receipt or an event."""
    if service not in _REMNANTS:
        return []
    rows = await connection.fetch(_REMNANTS[service])
    return [Remnant(row["kind"], row["id"], row["what"]) for row in rows]
