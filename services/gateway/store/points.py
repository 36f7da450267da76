"""Connection points as rows: sums by agency and system, the last hour, and who was never seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.db import Connection
from shared.ids import AgencyId

if TYPE_CHECKING:
    import asyncpg

NOBODY = UUID(int=0)
"""Stands for the agency where a system acted for several at once."""
MINUTES = 60

# `connected` within three of its own contacts, `late` within ten; a rhythm not known yet is 60 s.
_UNTIL = (
    "last_seen + make_interval(secs => greatest(60, 3 * coalesce(rhythm, 60))) as connected_until,"
    " last_seen + make_interval(secs => greatest(600, 10 * coalesce(rhythm, 60))) as late_until"
)
_NAMES = "k.code = any(c.agencies) or k.code_qcvn102 = any(c.agencies) or k.old_codes && c.agencies"


@dataclass(slots=True)
class Traffic:
    """What passed through a connection point."""

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


Key = tuple[str, UUID]
"""A client id and the agency for which it acted, or `NOBODY`."""


@dataclass(frozen=True, slots=True)
class Point:
    """An agency as a connection point."""

    id: AgencyId
    code: str
    level: str
    parent: str | None
    standing: str
    state: str
    """`connected`, `late`, `silent`, `never`: by its own rhythm of contacts."""
    last_seen: datetime | None
    rhythm: float | None
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class System:
    """A system that acts for an agency, with what passed for this one and for several at once."""

    agency: AgencyId
    client_id: str
    state: str
    agencies: int
    traffic: Traffic
    last_seen: datetime | None
    shared: Traffic
    shared_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Minute:
    """What passed in one minute."""

    agency: UUID
    client_id: str
    minute: datetime
    requests: int
    errors: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which points a list shows; None: any."""

    code: str | None = None
    level: str | None = None
    under: AgencyId | None = None
    state: str | None = None
    after: str = ""
    limit: int = 50


async def add_traffic(
    conn: Connection, sums: Mapping[Key, Traffic], seen: Mapping[Key, datetime]
) -> None:
    """Add what passed, learn how often each comes, and forget minutes older than an hour."""
    keys = sorted(sums)
    columns: list[list[object]] = [
        [key[0] for key in keys],
        [key[1] for key in keys],
        [sums[key].requests for key in keys],
        [sums[key].client_errors for key in keys],
        [sums[key].server_errors for key in keys],
        [sums[key].bytes_in for key in keys],
        [sums[key].bytes_out for key in keys],
        [seen[key] for key in keys],
    ]
    await _add_to_points(conn, columns)
    await _add_to_minutes(conn, columns)
    await conn.execute(
        "delete from traffic_minutes where ctid in (select ctid from traffic_minutes"
        " where minute <= clock_timestamp() - make_interval(mins => $1)"
        " limit 10000 for update skip locked)",
        MINUTES + 1,
    )


_NEW = (
    "unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
    " $7::bigint[], $8::timestamptz[]) as new (client_id, agency, requests, client_errors,"
    " server_errors, bytes_in, bytes_out, seen)"
)


async def _add_to_points(conn: Connection, columns: list[list[object]]) -> None:
    await conn.execute(
        "insert into traffic as t (client_id, agency, requests, client_errors, server_errors,"  # noqa: S608 (fixed parts)
        " bytes_in, bytes_out, last_seen) select client_id, agency, requests, client_errors,"
        f" server_errors, bytes_in, bytes_out, seen from {_NEW}"
        " on conflict (client_id, agency) do update set"
        " requests = t.requests + excluded.requests,"
        " client_errors = t.client_errors + excluded.client_errors,"
        " server_errors = t.server_errors + excluded.server_errors,"
        " bytes_in = t.bytes_in + excluded.bytes_in, bytes_out = t.bytes_out + excluded.bytes_out,"
        # An outage must not make a silent point look like one that comes rarely: a long pause
        # counts as four of its usual ones at most.
        " rhythm = case when excluded.last_seen < t.last_seen + interval '1 second' then t.rhythm"
        " when t.rhythm is null then"
        " least(extract(epoch from excluded.last_seen - t.last_seen), 3600)"
        " else 0.8 * t.rhythm + 0.2 * least(extract(epoch from excluded.last_seen - t.last_seen),"
        " 4 * greatest(t.rhythm, 15)) end,"
        " last_seen = greatest(t.last_seen, excluded.last_seen)",
        *columns,
    )


async def _add_to_minutes(conn: Connection, columns: list[list[object]]) -> None:
    await conn.execute(
        "insert into traffic_minutes as m (client_id, agency, minute, requests, errors, bytes_in,"  # noqa: S608
        " bytes_out) select client_id, agency, date_trunc('minute', seen), requests,"
        f" client_errors + server_errors, bytes_in, bytes_out from {_NEW}"
        " on conflict (agency, client_id, minute) do update set"
        " requests = m.requests + excluded.requests, errors = m.errors + excluded.errors,"
        " bytes_in = m.bytes_in + excluded.bytes_in, bytes_out = m.bytes_out + excluded.bytes_out",
        *columns,
    )


# $1 one code, $2 level, $3 the agency above, $4 state, $5 after which code, $6 limit, $7 NOBODY
_BELOW = (
    "inside (id) as (select id from known_agencies where parent_id = $3"
    " union select k.id from known_agencies k join inside on k.parent_id = inside.id)"
)
_SEEN = (
    f"contacts as (select agency, last_seen, rhythm, {_UNTIL} from traffic"  # noqa: S608
    f" union all select k.id, last_seen, rhythm, {_UNTIL} from traffic t"
    f" join clients c on c.client_id = t.client_id join known_agencies k on {_NAMES}"
    " where t.agency = $7),"
    " seen as (select agency, max(last_seen) as last_seen,"
    " (array_agg(rhythm order by last_seen desc))[1] as rhythm,"
    " max(connected_until) as connected_until, max(late_until) as late_until"
    " from contacts group by agency)"
)
_OWN = (
    "own as (select agency, sum(requests)::bigint as requests,"
    " sum(client_errors)::bigint as client_errors, sum(server_errors)::bigint as server_errors,"
    " sum(bytes_in)::bigint as bytes_in, sum(bytes_out)::bigint as bytes_out"
    " from traffic group by agency)"
)
_EVERY = (
    "every as (select k.id, k.code, k.level, p.code as parent, k.state as standing,"
    " case when s.last_seen is null then 'never'"
    " when s.connected_until >= clock_timestamp() then 'connected'"
    " when s.late_until >= clock_timestamp() then 'late' else 'silent' end as state,"
    " s.last_seen, s.rhythm, o.requests, o.client_errors, o.server_errors, o.bytes_in,"
    " o.bytes_out from known_agencies k left join known_agencies p on p.id = k.parent_id"
    " left join seen s on s.agency = k.id left join own o on o.agency = k.id"
    " where k.code > $5 and ($1::text is null or k.code = $1)"
    " and ($2::text is null or k.level = $2) and ($1::text is not null or k.state <> 'closed')"
    " and ($3::uuid is null or k.id in (select inside.id from inside)))"
)


async def points(conn: Connection, wanted: Wanted) -> list[Point]:
    """Return agencies that are not closed, each with its state, in the order of their codes."""
    rows = await conn.fetch(
        f"with recursive {_BELOW}, {_SEEN}, {_OWN}, {_EVERY}"  # noqa: S608
        " select id, code, level, parent, standing, state, last_seen, rhythm, requests,"
        " client_errors, server_errors, bytes_in, bytes_out from every"
        " where $4::text is null or state = $4 order by code limit $6",
        wanted.code,
        wanted.level,
        wanted.under,
        wanted.state,
        wanted.after,
        wanted.limit,
        NOBODY,
    )
    return [
        Point(
            id=AgencyId(row["id"]),
            **{name: row[name] for name in ("code", "level", "parent", "standing", "state")},
            last_seen=row["last_seen"],
            rhythm=row["rhythm"],
            traffic=_traffic(row),
        )
        for row in rows
    ]


async def systems(conn: Connection, ids: Sequence[AgencyId]) -> list[System]:
    """Return the systems that act for these agencies, by id; revoked ones are among them."""
    rows = await conn.fetch(
        "select k.id, c.client_id, c.state, cardinality(c.agencies) as agencies,"  # noqa: S608
        " own.last_seen, own.requests, own.client_errors, own.server_errors, own.bytes_in,"
        " own.bytes_out, s.last_seen as shared_seen, s.requests as shared_requests,"
        " s.client_errors as shared_client_errors, s.server_errors as shared_server_errors,"
        " s.bytes_in as shared_bytes_in, s.bytes_out as shared_bytes_out"
        f" from known_agencies k join clients c on {_NAMES}"
        " left join traffic own on own.client_id = c.client_id and own.agency = k.id"
        " left join traffic s on s.client_id = c.client_id and s.agency = $2"
        " where k.id = any($1) order by c.client_id",
        list(ids),
        NOBODY,
    )
    return [
        System(
            agency=AgencyId(row["id"]),
            client_id=row["client_id"],
            state=row["state"],
            agencies=row["agencies"],
            traffic=_traffic(row),
            last_seen=row["last_seen"],
            shared=_traffic(row, "shared_"),
            shared_seen=row["shared_seen"],
        )
        for row in rows
    ]


async def minutes(
    conn: Connection, ids: Sequence[UUID], *, of: Sequence[str] | None = None
) -> tuple[datetime, list[Minute]]:
    """Return the first minute of the last hour, and what passed for these agencies since.

    `of`: only through these systems.
    """
    first: datetime = await conn.fetchval(
        "select date_trunc('minute', clock_timestamp()) - make_interval(mins => $1)", MINUTES - 1
    )
    rows = await conn.fetch(
        "select agency, client_id, minute, requests, errors, bytes_in, bytes_out"
        " from traffic_minutes where agency = any($1) and minute >= $2"
        " and ($3::text[] is null or client_id = any($3))",
        list(ids),
        first,
        None if of is None else list(of),
    )
    return first, [Minute(**dict(row)) for row in rows]


def _traffic(row: "asyncpg.Record", prefix: str = "") -> Traffic:
    names = ("requests", "client_errors", "server_errors", "bytes_in", "bytes_out")
    return Traffic(**{name: row[prefix + name] or 0 for name in names})
