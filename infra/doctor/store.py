"""What the doctor reads in the services' databases, as their background roles; never a write."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.doctor.site import Connection
from shared.tokens import kafka_principal

_SHA256_READ = 50_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of one topic that have not reached Kafka."""

    topic: str
    rows: int
    seconds: float
    """How long the oldest has waited."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A mailbox lane that misses entries or stands still."""

    agency: str
    lane: str
    sequence: int
    behind: int | None
    stopped: str | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The document that has waited longest, and how many wait at all."""

    code: str
    state: str
    seconds: float
    all: int


async def clock(conn: Connection) -> float:
    """Return PostgreSQL's time, in seconds since 1970."""
    return float(await conn.fetchval("select extract(epoch from clock_timestamp())::float8"))


async def server_version(conn: Connection) -> int:
    """Return PostgreSQL's version: 180004 is 18.4."""
    return int(await conn.fetchval("select current_setting('server_version_num')::int"))


async def migrations(conn: Connection) -> dict[str, bytes]:
    """Return name and checksum of every migration that has run; none before the first."""
    if await conn.fetchval("select to_regclass('migrations') is null"):
        return {}
    rows = await conn.fetch("select name, checksum from migrations")
    return {row["name"]: row["checksum"] for row in rows}


async def unpublished(conn: Connection) -> list[Waiting]:
    """Return what waits for Kafka by topic, longest first; not what waits behind parked rows."""
    rows = await conn.fetch(
        "select topic, count(*) as rows,"
        " extract(epoch from clock_timestamp() - min(created_at))::float8 as seconds"
        " from outbox_to_send as o"
        " where not exists (select from outbox as p where p.topic = o.topic and p.key = o.key"
        " and p.published_at is null and p.parked_at is not null and p.id < o.id)"
        " group by topic order by seconds desc"
    )
    return [Waiting(row["topic"], row["rows"], row["seconds"]) for row in rows]


async def troubled_lanes(conn: Connection) -> list[Lane]:
    """Return the lanes of notify that miss entries or stand still, the latter first."""
    rows = await conn.fetch(
        "select coalesce(a.code, l.agency_id::text) as agency, l.lane, l.sequence, l.behind,"
        " l.stopped from lanes as l left join known_agencies as a on a.id = l.agency_id"
        " where l.behind is not null or l.stopped is not null"
        " order by l.stopped is null, agency limit 1000"
    )
    return [Lane(**dict(row)) for row in rows]


async def unexamined(conn: Connection) -> Undecided | None:
    """Return the file of signing that has waited longest for its final verdict."""
    row = await conn.fetchrow(
        "select document_code, coalesce(reason, 'not examined yet') as state,"
        " extract(epoch from clock_timestamp() - requested_at)::float8 as seconds,"
        " (select count(*) from examinations where not settled) as waiting"
        " from examinations where not settled order by requested_at limit 1"
    )
    return None if row is None else Undecided(*row)


async def undispatched(conn: Connection) -> Undecided | None:
    """Return the dispatch of docs that has waited longest."""
    row = await conn.fetchrow(
        "select document_code, state,"
        " extract(epoch from clock_timestamp() - accepted_at)::float8 as seconds,"
        " (select count(*) from dispatches where state in ('waiting', 'held', 'clearing'))"
        " from dispatches where state in ('waiting', 'held', 'clearing')"
        " order by accepted_at limit 1"
    )
    return None if row is None else Undecided(*row)


async def directory_version(conn: Connection) -> int:
    """Return the version of docs' own directory."""
    return int(await conn.fetchval("select version from directory"))


async def known_version(conn: Connection) -> int:
    """Return how far another service's projection of the directory has come."""
    return int(await conn.fetchval("select coalesce(max(version), 0) from known_agencies"))


async def stored_files(conn: Connection) -> set[str]:
    """Return the digests of files that docs has taken, the newest ones (at most 50,000)."""
    rows = await conn.fetch(
        "select sha256, signature_sha256 from attachments where stored_at is not null"
        " order by stored_at desc limit $1",
        _SHA256_READ,
    )
    return {one for row in rows for one in row if one is not None}


async def kafka_readers(conn: Connection) -> dict[str, bool]:
    """Return the clients with a Kafka subscription (notify), and whether it is ready.

    One that has just begun or ended is among them: its rights come or go.
    """
    rows = await conn.fetch(
        "select client_id, bool_or(state = 'ready') as ready from subscriptions"
        " where removed_at is null group by client_id"
    )
    return {row["client_id"]: row["ready"] for row in rows}


async def codes(conn: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the codes of agencies by their ids (docs); what is no agency's id is left out."""
    rows = await conn.fetch(
        "select id::text, code from agencies where id::text = any($1::text[])", list(ids)
    )
    return {row["id"]: row["code"] for row in rows}


async def kafka_users(conn: Connection) -> dict[str, tuple[str, bool]]:
    """Return of each client its user at Kafka (gateway), and whether it may come in."""
    rows = await conn.fetch("select client_id, state, not_before from clients")
    return {
        row["client_id"]: (
            kafka_principal(row["client_id"], row["not_before"]),
            row["state"] == "active",
        )
        for row in rows
    }
