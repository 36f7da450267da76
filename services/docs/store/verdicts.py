"""Rows of `verdicts`, `withdrawals` and `receipts`: what other services decided, kept as told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.db import Connection
from shared.events import DeliveryAcknowledged, DocumentExamined, VerdictWithdrawn
from shared.ids import AgencyId, DispatchId


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement of one file."""

    sha256: str
    judgement: int
    indication: str
    reason: str | None
    judged_at: datetime
    evidence_sha256: str
    """Of the stored verdict with its evidence, which signing keeps."""


async def keep(conn: Connection, event: DocumentExamined) -> bool:
    """Keep a verdict, of an unknown dispatch too; False when it was known.

    A restored signing counts again and holds only its new evidence: a known verdict that was judged
    later is referred to by that, and what the timeline has told of it stays. An older one, which
    Kafka may repeat, changes nothing.
    """
    new = await conn.fetchval(
        """insert into verdicts as v (dispatch_id, sha256, judgement, indication, reason, judged_at,
            evidence_sha256)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (dispatch_id, sha256, judgement, indication) do update set
            reason = excluded.reason, judged_at = excluded.judged_at,
            evidence_sha256 = excluded.evidence_sha256,
            told_at = coalesce(v.told_at, v.judged_at),
            told_reason = case when v.told_at is null then v.reason else v.told_reason end
        where v.judged_at < excluded.judged_at
        returning told_at is null""",
        event.dispatch_id,
        event.sha256,
        event.judgement,
        event.indication,
        event.reason,
        event.judged_at,
        event.evidence_sha256,
    )
    return bool(new)


async def of(conn: Connection, dispatch_id: DispatchId) -> list[Judgement]:
    """Return all judgements of a dispatch's files, in the order in which they were judged."""
    rows = await conn.fetch(
        """select sha256, judgement, indication, reason, judged_at, evidence_sha256 from verdicts
        where dispatch_id = $1 order by judged_at, judgement""",
        dispatch_id,
    )
    return [Judgement(**dict(row)) for row in rows]


async def withdraw(
    conn: Connection, dispatch_id: DispatchId, *, judgement: int, reason: str
) -> None:
    """Keep a withdrawal: for the dispatch, for good; the first one counts."""
    await conn.execute(
        """insert into withdrawals (dispatch_id, judgement, reason) values ($1, $2, $3)
        on conflict (dispatch_id) do nothing""",
        dispatch_id,
        judgement,
        reason,
    )


async def keep_withdrawal(conn: Connection, event: VerdictWithdrawn) -> None:
    """Keep a withdrawal that signing has made."""
    await withdraw(
        conn, DispatchId(event.dispatch_id), judgement=event.judgement, reason=event.reason
    )


async def withdrawal(conn: Connection, dispatch_id: DispatchId) -> str | None:
    """Return why the verdict of a dispatch was withdrawn; None: it was not."""
    return await conn.fetchval("select reason from withdrawals where dispatch_id = $1", dispatch_id)


async def keep_receipts(
    conn: Connection, events: Sequence[DeliveryAcknowledged], *, trace_id: str | None = None
) -> None:
    """Keep signed receipts byte for byte; the first one of a delivery counts."""
    await conn.execute(
        """insert into receipts (delivery_id, dispatch_id, document_id, recipient_id, acting_id,
            acknowledged_at, receipt, trace_id)
        select r.delivery_id, r.dispatch_id, r.document_id, r.recipient_id, r.acting_id, r.at,
            r.receipt, $8
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[],
            $6::timestamptz[], $7::text[])
            as r (delivery_id, dispatch_id, document_id, recipient_id, acting_id, at, receipt)
        on conflict (delivery_id) do nothing""",
        [event.delivery_id for event in events],
        [event.dispatch_id for event in events],
        [event.document_id for event in events],
        [event.agency_id for event in events],
        [event.acting_agency_id for event in events],
        [event.acknowledged_at for event in events],
        [event.receipt for event in events],
        trace_id,
    )


async def receipts(
    conn: Connection, *, agency: AgencyId | None, after: UUID | None, limit: int
) -> list[DeliveryAcknowledged]:
    """Return kept receipts in order of delivery id, of one recipient or of all."""
    rows = await conn.fetch(
        """select delivery_id, dispatch_id, document_id, recipient_id as agency_id,
            acting_id as acting_agency_id, acknowledged_at, receipt
        from receipts where ($1::uuid is null or recipient_id = $1)
            and ($2::uuid is null or delivery_id > $2)
        order by delivery_id limit $3""",
        agency,
        after,
        limit,
    )
    return [DeliveryAcknowledged.model_validate(dict(row)) for row in rows]
