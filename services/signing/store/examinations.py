"""Examinations: files that wait, claims on them, and the verdicts with their evidence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.signing.verdict import Proof
from shared.chain import Lane
from shared.db import Connection
from shared.events import DocumentDispatched, DocumentExamined
from shared.events.types import Indication
from shared.ids import AgencyId, DispatchId, DocumentId

_FIRST = UUID(int=0)
"""Before every sender: a comparison, not a condition that no index serves."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is ours to examine, until the claim expires."""

    dispatch_id: DispatchId
    sha256: str
    document_id: DocumentId
    document_code: str
    sender_id: AgencyId
    lane: Lane
    role: str
    trace: str | None
    fence: int
    alone: bool
    size: int
    """In bytes."""
    strikes: int
    signature_sha256: str | None
    """Of its detached seal, a stored file; None: the file is a PDF."""
    waited: timedelta
    """For how long it was tried without a verdict; not while nobody was there to try."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a claimed file, under its lock."""

    judgement: int
    indication: Indication | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """A verdict to be kept."""

    judgement: int
    indication: Indication
    reason: str | None
    evidence: bytes
    evidence_sha256: str
    rests_on: Mapping[str, Proof | None]
    """Digests of the certificates without which it would not be, and how far each is proved."""


async def insert(conn: Connection, event: DocumentDispatched, *, trace: str | None) -> None:
    """Note the files of a dispatch; those that are noted stay, another digest of it is added."""
    files = sorted(event.files, key=lambda file: file.role != "MAIN")  # MAIN wins for equal bytes
    await conn.executemany(
        """
        insert into examinations as e
            (dispatch_id, sha256, document_id, document_code, sender_id, lane, role, size, trace,
             frozen, signature_sha256)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, array_remove(array[$10::text], null), $11)
        on conflict (dispatch_id, sha256) do update set frozen = e.frozen || excluded.frozen
        where not e.frozen @> excluded.frozen
        """,
        [
            (
                event.dispatch_id,
                file.sha256,
                event.document_id,
                event.document_code,
                event.sender_id,
                event.lane,
                file.role,
                file.size,
                trace,
                event.frozen_sha256,
                file.signature_sha256,
            )
            for file in files
        ],
    )


async def known(conn: Connection, dispatch_id: UUID) -> list[DocumentExamined]:
    """Return what has been said about the files of a dispatch, its rows locked."""
    rows = await conn.fetch(
        """
        select dispatch_id, document_id, sha256, judgement, indication, reason, judged_at,
            evidence_sha256
        from examinations where dispatch_id = $1 order by sha256 for update
        """,
        dispatch_id,
    )
    return [DocumentExamined(**dict(row)) for row in rows if row["indication"] is not None]


async def any_to_claim(conn: Connection) -> bool:
    """Say whether some file may be claimed now."""
    return bool(
        await conn.fetchval(
            "select exists (select from examinations where not settled"
            " and next_try_at <= clock_timestamp()"
            " and (claimed_until is null or claimed_until < clock_timestamp()))"
        )
    )


async def claim(
    conn: Connection,
    *,
    lane: Lane,
    after: UUID | None,
    lease: timedelta,
    without: Collection[UUID] = (),
) -> Claim | None:
    """Claim the next file of the next sender after `after` that has one in this lane.

    A sender's new files come before those that were tried in vain: whatever these wait for, they
    keep nobody waiting. Senders in `without` are passed over.

    The claim stands in the row before the file is touched. A claim that ended without a word
    (its process died) is counted as a death: the file runs alone from then on.
    """
    row = await conn.fetchrow(
        """
        with chosen as (
            select dispatch_id, sha256 from examinations
            where not settled and lane = $1 and sender_id > $2
                and next_try_at <= clock_timestamp() and sender_id <> all($4)
                and (claimed_until is null or claimed_until < clock_timestamp())
            order by sender_id, waited > interval '0', next_try_at limit 1
            for update skip locked
        )
        update examinations e
        set fence = e.fence + 1, claimed_until = clock_timestamp() + $3,
            alone = e.alone or e.claimed_until is not null
        from chosen c where e.dispatch_id = c.dispatch_id and e.sha256 = c.sha256
        returning e.dispatch_id, e.sha256, e.document_id, e.document_code, e.sender_id, e.lane,
            e.role, e.trace, e.fence, e.alone, e.size, e.strikes, e.signature_sha256, e.waited
        """,
        lane,
        after or _FIRST,
        lease,
        list(without),
    )
    return Claim(**dict(row)) if row else None


async def renew(conn: Connection, held: Claim, *, lease: timedelta) -> None:
    """Prolong a claim that is still ours."""
    await conn.execute(
        """
        update examinations set claimed_until = clock_timestamp() + $4
        where dispatch_id = $1 and sha256 = $2 and fence = $3 and not settled
        """,
        held.dispatch_id,
        held.sha256,
        held.fence,
        lease,
    )


async def lock(conn: Connection, held: Claim) -> Standing | None:
    """Lock a claimed file; None when the claim is no longer ours."""
    row = await conn.fetchrow(
        """
        select judgement, indication, reason from examinations
        where dispatch_id = $1 and sha256 = $2 and fence = $3 and not settled
        for update
        """,
        held.dispatch_id,
        held.sha256,
        held.fence,
    )
    return Standing(**dict(row)) if row else None


async def release(conn: Connection, held: Claim, *, pause: timedelta, strikes: int) -> None:
    """Give a file back for another try after a pause."""
    await conn.execute(
        """
        update examinations
        set claimed_until = null, alone = false, next_try_at = clock_timestamp() + $4,
            waited = waited + $4, strikes = $5
        where dispatch_id = $1 and sha256 = $2 and fence = $3
        """,
        held.dispatch_id,
        held.sha256,
        held.fence,
        pause,
        strikes,
    )


async def record(conn: Connection, held: Claim, verdict: NewVerdict) -> datetime:
    """Keep a verdict with its evidence; returns when, by PostgreSQL's clock."""
    judged_at: datetime = await conn.fetchval(
        """
        update examinations
        set judgement = $3, indication = $4, reason = $5, evidence_sha256 = $6,
            judged_at = clock_timestamp(), settled = $4 <> 'INDETERMINATE'
        where dispatch_id = $1 and sha256 = $2
        returning judged_at
        """,
        held.dispatch_id,
        held.sha256,
        verdict.judgement,
        verdict.indication,
        verdict.reason,
        verdict.evidence_sha256,
    )
    await _keep(conn, held, verdict, judged_at)
    return judged_at


async def _keep(conn: Connection, held: Claim, verdict: NewVerdict, judged_at: datetime) -> None:
    await conn.execute(
        """
        insert into verdicts
            (dispatch_id, sha256, judgement, sender_id, indication, reason, judged_at, evidence,
             evidence_sha256)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        held.dispatch_id,
        held.sha256,
        verdict.judgement,
        held.sender_id,
        verdict.indication,
        verdict.reason,
        judged_at,
        verdict.evidence,
        verdict.evidence_sha256,
    )
    await conn.executemany(
        """
        insert into verdict_certificates
            (certificate, dispatch_id, sha256, judgement, proved_at, proved_by)
        values ($1, $2, $3, $4, $5, $6)
        """,
        [
            (
                certificate,
                held.dispatch_id,
                held.sha256,
                verdict.judgement,
                proof.at if proof else None,
                sorted(proof.by) if proof else [],
            )
            for certificate, proof in verdict.rests_on.items()
        ],
    )


async def evidence(conn: Connection, evidence_sha256: str) -> bytes | None:
    """Return a stored verdict, byte for byte."""
    return await conn.fetchval(
        "select evidence from verdicts where evidence_sha256 = $1 limit 1", evidence_sha256
    )


async def count_pending(conn: Connection) -> float:
    """Count the files without a final verdict (gauge `lienthong_examinations_pending`)."""
    return float(await conn.fetchval("select count(*) from examinations where not settled"))
