"""What the services' databases say of one document: where it stands and what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from infra.doctor.site import Connection


@dataclass(frozen=True, slots=True)
class Document:
    """A document of that code; several senders may have one."""

    id: UUID
    sender: str
    state: str
    signature: str | None
    """What is asked for and not there yet: leader or seal."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One sending of it."""

    id: UUID
    sender_id: UUID
    lane: str
    turn: int | None
    state: str
    reason: str | None
    verdict: str | None
    recipients: int
    seconds: float
    """Since it was accepted."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's delivery."""

    agency: UUID
    code: str
    numbered: bool
    reason: str | None
    available: bool
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class File:
    """A file at signing."""

    role: str
    settled: bool
    indication: str | None
    reason: str | None
    strikes: int
    claimed: bool
    next_try_seconds: float


async def documents(conn: Connection, code: str) -> list[Document]:
    """Return the documents of a code, the newest first (docs)."""
    rows = await conn.fetch(
        "select d.id, coalesce(a.code, d.sender_id::text) as sender, d.state,"
        " (select kind from signatures as s where s.document_id = d.id"
        " and s.state in ('requested', 'made') limit 1) as signature"
        " from documents as d left join agencies as a on a.id = d.sender_id"
        " where d.code = $1 order by d.created_at desc limit 20",
        code,
    )
    return [Document(**dict(row)) for row in rows]


async def dispatches(conn: Connection, document: UUID) -> list[Dispatch]:
    """Return the dispatches of a document, the newest first (docs)."""
    rows = await conn.fetch(
        "select id, sender_id, lane, turn, state, reason, verdict, recipients,"
        " extract(epoch from clock_timestamp() - accepted_at)::float8 as seconds"
        " from dispatches where document_id = $1 order by accepted_at desc limit 20",
        document,
    )
    return [Dispatch(**dict(row)) for row in rows]


async def before(conn: Connection, one: Dispatch) -> list[str]:
    """Return the codes of the documents that have to go before a dispatch (docs)."""
    rows = await conn.fetch(
        "select document_code from dispatches where sender_id = $1 and lane = $2 and turn < $3"
        " and state in ('waiting', 'clearing') order by turn limit 20",
        one.sender_id,
        one.lane,
        one.turn,
    )
    return [row["document_code"] for row in rows]


async def copies(conn: Connection, dispatch: UUID) -> list[Copy]:
    """Return where each recipient's copy stands (docs)."""
    rows = await conn.fetch(
        "select d.recipient_id as agency, d.recipient_code as code, d.reason,"
        " d.sequence is not null as numbered,"
        " (s.sequence >= d.sequence) is true as available,"
        " exists (select from receipts as r where r.delivery_id = d.id) as acknowledged"
        " from deliveries as d left join seen_heads as s"
        " on s.agency_id = d.recipient_id and s.lane = d.lane"
        " where d.dispatch_id = $1 order by d.recipient_code",
        dispatch,
    )
    return [Copy(**dict(row)) for row in rows]


async def files(conn: Connection, dispatch: UUID) -> list[File]:
    """Return a dispatch's files at signing; none: it has not read of the dispatch."""
    rows = await conn.fetch(
        "select role, settled, indication, reason, strikes,"
        " (claimed_until > clock_timestamp()) is true as claimed,"
        " extract(epoch from next_try_at - clock_timestamp())::float8 as next_try_seconds"
        " from examinations where dispatch_id = $1 order by role desc",
        dispatch,
    )
    return [File(**dict(row)) for row in rows]


async def unsent(conn: Connection, keys: Sequence[str]) -> float | None:
    """Return how long the oldest event of these keys waits for Kafka; None: none does."""
    return await conn.fetchval(
        "select extract(epoch from clock_timestamp() - min(created_at))::float8 from"
        " (select key, created_at from outbox_to_send union all"
        " select key, created_at from outbox where published_at is null and parked_at is not null)"
        " as unsent where key = any($1::text[])",
        list(keys),
    )


async def parked(conn: Connection, keys: Sequence[str]) -> list[str]:
    """Return id and cause of what is parked of these keys, but for what waits behind it."""
    rows = await conn.fetch(
        "select 'record-' || id || ' (' || cause || ')' from parked"
        " where cause is not null and key = any($1::text[]) union all"
        " select 'row-' || id || ' (' || parked_cause || ')' from outbox where published_at is null"
        " and parked_at is not null and key = any($1::text[]) limit 20",
        list(keys),
    )
    return [row[0] for row in rows]


async def lanes(conn: Connection, lane: str, agencies: Sequence[UUID]) -> dict[UUID, str]:
    """Return what is wrong with the lanes of these agencies (notify)."""
    rows = await conn.fetch(
        "select agency_id, coalesce('has stopped: ' || stopped, 'misses entries to ' || behind)"
        " as wrong from lanes where lane = $1 and agency_id = any($2::uuid[])"
        " and (stopped is not null or behind is not null)",
        lane,
        list(agencies),
    )
    return {row["agency_id"]: row["wrong"] for row in rows}
