"""All that happened to a document, in one order, out of the rows that the steps left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.docs.store.where import plan_for_values
from shared.db import Connection
from shared.ids import AgencyId, DocumentId

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Place:
    """Where a timeline stands: none of the three ever changes."""

    at: datetime
    rank: int
    """Orders what happened at the same moment."""
    key: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a document."""

    place: Place
    what: str
    by: AgencyId | None
    recipient: AgencyId | None
    code: str | None
    """A status, or a reason of the problem table."""
    detail: str | None
    """How many recipients, or the indication of a judgement."""
    subject: UUID | None
    """The dispatch, delivery, file or signature that it is about."""
    trace_id: str | None


# The sender sees all. A recipient is shown its own deliveries and what it was told: row-level
# security hides dispatches and signatures from it, and the document's own row is asked for `$2`.
_ALL = """
    select d.created_at as at, 0 as rank, d.id::text as key, 'document.accepted' as what,
        d.sender_id as by, null::uuid as recipient, null::text as code, null::text as detail,
        d.id as subject, null::text as trace_id
    from documents as d where d.id = $1 and d.sender_id = any($2)
    union all
    select s.requested_at, 1, s.id::text, 'signature.requested', s.sender_id, null, null, s.kind,
        s.id, null
    from signatures as s where s.document_id = $1
    union all
    select s.ended_at, 2, s.id::text, 'signature.' || s.state, null, null, s.reason, s.kind, s.id,
        null
    from signatures as s where s.document_id = $1 and s.ended_at is not null
    union all
    select p.accepted_at, 3, p.id::text, 'dispatch.accepted', p.sender_id, null, null,
        p.recipients::text, p.id, split_part(p.traceparent, '-', 2)
    from dispatches as p where p.document_id = $1
    union all
    select coalesce(v.told_at, v.judged_at), 4, v.sha256 || v.judgement || v.indication,
        'file.examined', null, null,
        case when v.told_at is null then v.reason else v.told_reason end, v.indication,
        (select f.id from attachments as f
            where f.document_id = $1 and f.sha256 = v.sha256 order by f.position limit 1),
        split_part(p.traceparent, '-', 2)
    from dispatches as p join verdicts as v on v.dispatch_id = p.id where p.document_id = $1
    union all
    select c.at, 5, c.id::text, case c.change when 'recipient_failed' then 'delivery.failed'
        else 'dispatch.' || c.change end, null, c.recipient_id, c.reason, null, c.dispatch_id,
        c.trace_id
    from dispatch_changes as c
    where c.document_id = $1 and ($3::uuid is null or coalesce(c.recipient_id, $3) = $3)
    union all
    select x.cleared_at, 6, x.id::text, 'delivery.in_transit', null, x.recipient_id, null, null,
        x.id, split_part(p.traceparent, '-', 2)
    from deliveries as x left join dispatches as p on p.id = x.dispatch_id
    where x.document_id = $1 and x.sequence is not null
        and ($3::uuid is null or x.recipient_id = $3)
    union all
    select seen.seen_at, 7, x.id::text, 'delivery.available', null, x.recipient_id, null, null,
        x.id, split_part(p.traceparent, '-', 2)
    from deliveries as x left join dispatches as p on p.id = x.dispatch_id
    cross join lateral (
        select g.seen_at from sightings as g where g.agency_id = x.recipient_id
            and g.lane = x.lane and g.sequence >= x.sequence order by g.sequence limit 1) as seen
    where x.document_id = $1 and x.sequence is not null
        and ($3::uuid is null or x.recipient_id = $3)
    union all
    select r.acknowledged_at, 8, r.delivery_id::text, 'delivery.acknowledged', r.acting_id,
        r.recipient_id, null, null, r.delivery_id, r.trace_id
    from receipts as r where r.document_id = $1 and ($3::uuid is null or r.recipient_id = $3)
    union all
    select s.reported_at, 9, s.delivery_id::text || to_char(s.step, ' FM000000'), 'delivery.status',
        s.acting_id, s.recipient_id, s.code, null, s.delivery_id, s.trace_id
    from statuses as s where s.document_id = $1 and ($3::uuid is null or s.recipient_id = $3)
"""


async def moments(
    conn: Connection,
    document_id: DocumentId,
    *,
    parties: Sequence[AgencyId],
    recipient: AgencyId | None,
    after: Place | None,
    limit: int,
) -> list[Moment]:
    """Return what happened, oldest first, behind `after`; of one recipient, or of all.

    With a recipient named, what concerns the whole document is told too.
    """
    await plan_for_values(conn)
    rows = await conn.fetch(
        f"""select t.at, t.rank, t.key, t.what, t.by, t.recipient, t.code, t.detail, t.subject,
            t.trace_id
        from ({_ALL}) as t
        where $4::timestamptz is null or (t.at, t.rank, t.key collate "C") > ($4, $5, $6)
        order by t.at, t.rank, t.key collate "C" limit $7""",  # noqa: S608 (fixed text)
        document_id,
        parties,
        recipient,
        None if after is None else after.at,
        0 if after is None else after.rank,
        "" if after is None else after.key,
        limit,
    )
    return [_moment(row) for row in rows]


def _moment(row: "Record") -> Moment:
    return Moment(
        place=Place(row["at"], row["rank"], row["key"]),
        what=row["what"],
        by=row["by"],
        recipient=row["recipient"],
        code=row["code"],
        detail=row["detail"],
        subject=row["subject"],
        trace_id=row["trace_id"] or None,
    )
