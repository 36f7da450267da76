"""Questions about deliveries: where each stands, counted by level; asked as sender or recipient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from asyncpg import Record

from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId

_TRANSPORT = """case
    when r.delivery_id is not null then 'acknowledged'
    when d.reason is not null then 'failed'
    when d.sequence is null then 'queued'
    when d.sequence <= s.sequence then 'available'
    else 'in_transit' end"""

_JOINED = """deliveries as d
    left join receipts as r on r.delivery_id = d.id
    left join seen_heads as s on s.agency_id = d.recipient_id and s.lane = d.lane"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many copies of one level stand where."""

    level: str
    transport: str
    status: str
    copies: int


async def counts(conn: Connection, dispatch_id: DispatchId) -> list[Count]:
    """Count a dispatch's copies by level, transport and latest status."""
    rows = await conn.fetch(
        f"""select d.level, {_TRANSPORT} as transport, d.status, count(*) as copies
        from {_JOINED} where d.dispatch_id = $1 group by 1, 2, 3 order by 1, 2, 3""",  # noqa: S608
        dispatch_id,
    )
    return [Count(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one recipient's copy stands."""

    id: DeliveryId
    dispatch_id: DispatchId
    document_id: DocumentId
    recipient_id: AgencyId
    recipient_code: str
    recipient_name: str
    level: str
    transport: str
    lane: Lane
    sequence: int | None
    hash: bytes | None
    accepted_at: datetime
    cleared_at: datetime | None
    status: str
    """The latest; empty while there is none."""
    status_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    """Code of who acknowledged: the recipient, or its successor."""
    reason: str | None
    successors: tuple[str, ...]


_STANDING = f"""d.id, d.dispatch_id, d.document_id, d.recipient_id, d.recipient_code,
    coalesce(a.name, d.recipient_code) as recipient_name, d.level, {_TRANSPORT} as transport,
    d.lane, d.sequence, d.hash, d.accepted_at, d.cleared_at, d.status, d.status_at,
    r.acknowledged_at, b.code as acknowledged_by,
    d.reason, array(select h.code from agencies as h where h.id = any(d.successors)
        order by h.code) as successors"""  # noqa: S608

_NAMED = f"""{_JOINED}
    left join agencies as a on a.id = d.recipient_id
    left join agencies as b on b.id = r.acting_id"""


def _standing(row: Record) -> Standing:
    values: dict[str, Any] = dict(row)
    values["successors"] = tuple(row["successors"])
    return Standing(**values)


async def page(
    conn: Connection, dispatch_id: DispatchId, *, after: str, limit: int
) -> list[Standing]:
    """Return copies of a dispatch in order of the recipient's code, after that code."""
    rows = await conn.fetch(
        f"""select {_STANDING} from {_NAMED}
        where d.dispatch_id = $1 and d.recipient_code > $2
        order by d.recipient_code limit $3""",  # noqa: S608
        dispatch_id,
        after,
        limit,
    )
    return [_standing(row) for row in rows]


async def standings(conn: Connection, ids: Sequence[DeliveryId]) -> dict[DeliveryId, Standing]:
    """Return these copies, as row-level security lets their parties see them."""
    rows = await conn.fetch(
        f"select {_STANDING} from {_NAMED} where d.id = any($1)",  # noqa: S608
        ids,
    )
    return {row["id"]: _standing(row) for row in rows}


async def standing(
    conn: Connection, delivery_id: DeliveryId, *, parties: Sequence[AgencyId]
) -> Standing | None:
    """Return one copy, to its sender and, once it has a number, its recipient."""
    row = await conn.fetchrow(
        f"""select {_STANDING} from {_NAMED} where d.id = $1 and (d.sender_id = any($2)
            or (d.recipient_id = any($2) and d.sequence is not null))""",  # noqa: S608
        delivery_id,
        parties,
    )
    return None if row is None else _standing(row)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a delivery's parties see of its document."""

    id: DocumentId
    code: str
    type: str
    subject: str
    promulgated_on: date
    urgency: str
    due_on: date | None
    sender_id: AgencyId
    sender_code: str
    sender_name: str


async def letters(conn: Connection, documents: Sequence[DocumentId]) -> dict[DocumentId, Letter]:
    """Return the documents of deliveries, as row-level security lets their parties see them."""
    rows = await conn.fetch(
        """select d.id, d.code, d.type, d.subject, d.promulgated_on, d.urgency, d.due_on,
            d.sender_id, a.code as sender_code, a.name as sender_name
        from documents as d join agencies as a on a.id = d.sender_id where d.id = any($1)""",
        documents,
    )
    return {row["id"]: Letter(**dict(row)) for row in rows}


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file to be put into a package, with what is needed to check it block by block."""

    id: str
    role: str
    name: str
    media_type: str
    size: int
    sha256: str
    blocks: bytes
    signature_sha256: str | None


async def enclosures(conn: Connection, document_id: DocumentId) -> list[Enclosure]:
    """Return the stored files of a document, the main one first."""
    rows = await conn.fetch(
        """select id::text as id, role, name, media_type, size, sha256, blocks, signature_sha256
        from attachments
        where document_id = $1 and blocks is not null order by role = 'MAIN' desc, position""",
        document_id,
    )
    return [Enclosure(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a delivery as it stands in the recipient's mailbox."""

    content: bytes
    lane: Lane
    sequence: int
    previous_hash: bytes
    hash: bytes


async def entry(conn: Connection, delivery_id: DeliveryId) -> Entry | None:
    """Return a delivery's entry; None while it has no number."""
    row = await conn.fetchrow(
        """select entry as content, lane, sequence, previous_hash, hash from deliveries
        where id = $1 and sequence is not null""",
        delivery_id,
    )
    return None if row is None else Entry(**dict(row))
