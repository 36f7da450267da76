"""When each authority's revocation list is fetched next, how that went, and what it led to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.signing.due import Dated
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh an authority's revocation list is, and how fetching it goes."""

    name: str
    number: int | None
    this_update: datetime | None
    next_update: datetime | None
    age: float | None
    """Seconds; None: there is no list."""
    fetched_at: datetime | None
    failures: int
    failing: float
    """Since when fetching fails, in seconds; 0 while it goes well."""
    failure: str | None
    due_at: datetime | None


async def add(conn: Connection, name: str, *, key: str) -> None:
    """Have a row for an authority that is listed, and note its key.

    Where that was not known, others may have the same: their certificates are looked up too.
    """
    await conn.execute(
        """
        insert into authorities (name, key) values ($1, $2)
        on conflict (name) do update
        set key = excluded.key, applied = -pg_current_xact_id()::text::bigint
        where authorities.key is null
        """,
        name,
        key,
    )


async def keyless(conn: Connection) -> list[str]:
    """Return the authorities whose key was not noted yet."""
    rows = await conn.fetch("select name from authorities where key is null order by name")
    return [row["name"] for row in rows]


async def of_one_key(conn: Connection, names: Collection[str]) -> list[str]:
    """Return all names of the authorities behind some names: those that were renewed have more.

    What one name's lists and answers say is said of the certificates of all of them.
    """
    rows = await conn.fetch(
        """
        select distinct b.name from authorities as a
        join authorities as b on b.name = a.name or b.key = a.key
        where a.name = any($1) order by b.name
        """,
        list(names),
    )
    return [row["name"] for row in rows]


async def hold(conn: Connection, name: str) -> list[str]:
    """Lock an authority's rows, under all its names; return those."""
    names = await of_one_key(conn, [name])
    await conn.execute(
        "select from authorities where name = any($1) order by name for update", names
    )
    return names


async def plan(conn: Connection, name: str, *, wanted: bool) -> None:
    """Have its list fetched at once, or no more."""
    await conn.execute(
        """
        update authorities
        set due_at = case when $2 then clock_timestamp() end, failures = 0, failure = null,
            failing_since = null
        where name = $1
        """,
        name,
        wanted,
    )


async def any_due(conn: Connection) -> bool:
    """Say whether something is to be fetched now."""
    return bool(
        await conn.fetchval(
            "select exists (select from authorities where due_at <= clock_timestamp())"
            " or exists (select from answers where due_at <= clock_timestamp())"
        )
    )


async def claim(
    conn: Connection, *, lease: timedelta, without: Collection[str] = ()
) -> tuple[str, int] | None:
    """Take an authority whose list is due; returns its name and its failures in a row.

    For the length of the lease no process asks the same one. Who dies meanwhile leaves it due.
    Those in `without` are passed over.
    """
    row = await conn.fetchrow(
        """
        update authorities set due_at = clock_timestamp() + $1
        where name = (
            select name from authorities where due_at <= clock_timestamp() and name <> all($2)
            order by due_at limit 1 for update skip locked
        )
        returning name, failures
        """,
        lease,
        list(without),
    )
    return (row["name"], row["failures"]) if row else None


async def renew(conn: Connection, name: str, *, lease: timedelta) -> None:
    """Prolong a claim. One that is no longer fetched stays so."""
    await conn.execute(
        "update authorities set due_at = clock_timestamp() + $2"
        " where name = $1 and due_at is not null",
        name,
        lease,
    )


async def held(conn: Connection, name: str) -> Dated | None:
    """Lock an authority's row; return what is held of its."""
    await conn.execute("select from authorities where name = $1 for update", name)
    row = await conn.fetchrow(
        """
        select number, this_update, next_update from revocation_lists
        where authority = $1 order by number desc limit 1
        """,
        name,
    )
    return Dated(row["number"], row["this_update"], row["next_update"]) if row else None


async def went_well(conn: Connection, name: str, *, again_at: datetime) -> None:
    """Note that its list was fetched. One that is no longer fetched stays so."""
    await conn.execute(
        """
        update authorities
        set fetched_at = clock_timestamp(), failures = 0, failing_since = null, failure = null,
            due_at = case when due_at is not null then $2::timestamptz end
        where name = $1
        """,
        name,
        again_at,
    )


async def went_wrong(conn: Connection, name: str, *, why: str, pause: timedelta) -> None:
    """Note that its list could not be fetched, or was not taken."""
    await conn.execute(
        """
        update authorities
        set failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()),
            failure = $2, due_at = case when due_at is not null then clock_timestamp() + $3 end
        where name = $1
        """,
        name,
        why,
        pause,
    )


@dataclass(frozen=True, slots=True)
class Unapplied:
    """An authority whose certificates are not as its newest list says."""

    name: str
    number: int
    before: int
    """The list that they were brought to before; below 0: others were registered since."""


async def unapplied(conn: Connection, names: Collection[str]) -> list[Unapplied]:
    """Return those of these authorities whose newest list is still to be applied."""
    rows = await conn.fetch(
        """
        select a.name, newest.number, a.applied as before from authorities as a
        cross join lateral (
            select max(number) as number from revocation_lists where authority = a.name
        ) as newest
        where a.name = any($1) and newest.number > a.applied order by a.name
        """,
        list(names),
    )
    return [Unapplied(**dict(row)) for row in rows]


async def apply_anew(conn: Connection, names: Collection[str]) -> None:
    """Have certificates looked up again: others were registered.

    By a number that never was there before: who looked for those before them cannot take it for
    the one that it has read.
    """
    await conn.execute(
        "update authorities set applied = -pg_current_xact_id()::text::bigint where name = any($1)",
        await of_one_key(conn, names),
    )


async def apply_shared_anew(conn: Connection) -> None:
    """Have certificates looked up again whose authority has several names.

    For each process that begins: the release before, beside this one during an upgrade, applies an
    older list under the name that it knows. The last process to begin finds none of it. The next
    release may leave it.
    """
    await conn.execute(
        """
        update authorities as a set applied = -pg_current_xact_id()::text::bigint
        where exists (select from authorities as b where b.key = a.key and b.name <> a.name)
        """
    )


async def stands(conn: Connection, one: Unapplied) -> bool:
    """Say whether certificates are still as they were when this was found."""
    return bool(
        await conn.fetchval(
            "select exists (select from authorities where name = $1 and applied = $2)",
            one.name,
            one.before,
        )
    )


async def applied(conn: Connection, one: Unapplied) -> None:
    """Note that all its certificates are as the list says, unless others came meanwhile."""
    await conn.execute(
        "update authorities set applied = $2 where name = $1 and applied = $3",
        one.name,
        one.number,
        one.before,
    )


async def freshness(conn: Connection) -> list[Freshness]:
    """Return how fresh each authority's list is."""
    rows = await conn.fetch(
        """
        select a.name, l.number, l.this_update, l.next_update,
            extract(epoch from clock_timestamp() - l.this_update)::float8 as age,
            a.fetched_at, a.failures,
            coalesce(extract(epoch from clock_timestamp() - a.failing_since), 0)::float8
                as failing,
            a.failure, a.due_at
        from authorities as a
        left join lateral (
            select number, this_update, next_update from revocation_lists
            where authority = a.name order by number desc limit 1
        ) as l on true
        order by a.name
        """
    )
    return [Freshness(**dict(row)) for row in rows]
