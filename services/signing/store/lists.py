"""Revocation lists: each authority's numbers, and the lists as they were published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.signing.due import Dated
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class Published:
    """A published revocation list."""

    authority: str
    number: int
    this_update: datetime
    next_update: datetime
    der: bytes


@dataclass(frozen=True, slots=True)
class Numbered:
    """A published revocation list, by its authority's number."""

    authority: str
    number: int


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of an authority's lists, and how fetching them goes."""

    authority: str
    failing: bool
    newest: Dated | None


async def next_number(conn: Connection, authority: str) -> int:
    """Take the next number of an authority's lists; whoever wants the one after waits."""
    return await conn.fetchval(
        "update authorities set list_number = list_number + 1 where name = $1"
        " returning list_number",
        authority,
    )


async def reach_number(conn: Connection, authority: str, number: int) -> None:
    """Go on behind a number that was given in a time which this database does not know."""
    await conn.execute(
        "update authorities set list_number = $2 where name = $1 and list_number < $2",
        authority,
        number,
    )


async def insert(conn: Connection, published: Published) -> None:
    """Keep a list; one that is known stays as it is."""
    await conn.execute(
        """
        insert into revocation_lists (authority, number, this_update, next_update, der)
        values ($1, $2, $3, $4, $5) on conflict do nothing
        """,
        published.authority,
        published.number,
        published.this_update,
        published.next_update,
        published.der,
    )


async def newest(conn: Connection, authority: str) -> Published | None:
    """Return an authority's newest list."""
    row = await conn.fetchrow(
        """
        select authority, number, this_update, next_update, der from revocation_lists
        where authority = $1 order by number desc limit 1
        """,
        authority,
    )
    return Published(*row) if row else None


async def newest_of(conn: Connection, authorities: Sequence[str]) -> list[Numbered]:
    """Return the newest list of each of some authorities that has one, the latest one first.

    Among the lists of one its number tells which is newer (RFC 5280 5.2.3), among authorities time
    does: each numbers its own. So a list by a clock that was ahead hides none that follow it.
    """
    rows = await conn.fetch(
        """
        select authority, number from (
            select distinct on (authority) authority, number, this_update from revocation_lists
            where authority = any($1) order by authority, number desc
        ) as newest
        order by this_update desc, number desc, authority
        """,
        authorities,
    )
    return [Numbered(**dict(row)) for row in rows]


async def held_of(
    conn: Connection, authorities: Sequence[str], *, in_force: Sequence[str]
) -> list[Held]:
    """Return what is held of some authorities: the latest list of any name with the same key.

    Of names in force alone: no worker is given others' lists.
    """
    rows = await conn.fetch(
        """
        select a.name, a.failures > 0 as failing, l.number, l.this_update, l.next_update
        from authorities as a left join lateral (
            select r.number, r.this_update, r.next_update
            from authorities as b join revocation_lists as r on r.authority = b.name
            where (b.name = a.name or b.key = a.key) and b.name = any($2)
            order by r.this_update desc, r.number desc limit 1
        ) as l on true
        where a.name = any($1)
        """,
        authorities,
        in_force,
    )
    return [
        Held(
            row["name"],
            row["failing"],
            None
            if row["number"] is None
            else Dated(row["number"], row["this_update"], row["next_update"]),
        )
        for row in rows
    ]


async def any_since(conn: Connection, authorities: Sequence[str], moment: datetime) -> bool:
    """Say whether there is a list of these authorities that is as new as a moment, or newer."""
    return bool(
        await conn.fetchval(
            "select exists (select from revocation_lists"
            " where authority = any($1) and this_update >= $2)",
            authorities,
            moment,
        )
    )


async def latest(conn: Connection) -> list[Published]:
    """Return the newest list of each authority that has one."""
    rows = await conn.fetch(
        """
        select distinct on (authority) authority, number, this_update, next_update, der
        from revocation_lists order by authority, number desc
        """
    )
    return [Published(*row) for row in rows]


async def changes(conn: Connection) -> dict[str, int]:
    """Return what tells whether a judgement rests on the same: newest list of each, trust list."""
    rows = await conn.fetch(
        """
        select 'list ' || authority as what, max(number) as number
        from revocation_lists group by authority
        union all
        select 'trust', coalesce(max(version), 0) from trust_changes where state = 'approved'
        """
    )
    return {row["what"]: row["number"] for row in rows}


async def forget_old(conn: Connection, authority: str, *, keep: int) -> None:
    """Delete all but the newest lists; what verdicts rest on is kept in materials."""
    await conn.execute(
        "delete from revocation_lists where authority = $1 and number <="
        " (select max(number) from revocation_lists where authority = $1) - $2",
        authority,
        keep,
    )


async def seconds_left(conn: Connection, authority: str) -> float:
    """Return how long an authority's newest list still lasts, below 0 once it has ended.

    0 while there is none. Gauges `lienthong_issuing_list_seconds`, `lienthong_root_list_seconds`.
    """
    return await conn.fetchval(
        """
        select coalesce((
            select extract(epoch from next_update - clock_timestamp())::float8
            from revocation_lists where authority = $1 order by number desc limit 1
        ), 0)
        """,
        authority,
    )
