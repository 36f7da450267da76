"""Withdrawals: good verdicts that no longer hold because a certificate was revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.signing.withdrawal import Cause, Withdrawal
from shared.db import Connection
from shared.events import VerdictWithdrawn

_BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A revoked certificate whose verdicts are still to be withdrawn."""

    sha256: str
    begun: bool


async def waiting(conn: Connection) -> list[Waiting]:
    """Return revoked certificates whose verdicts are still to be withdrawn."""
    rows = await conn.fetch(
        "select sha256, withdrawn_to is not null as begun from certificates"
        " where withdrawing order by sha256"
    )
    return [Waiting(**dict(row)) for row in rows]


async def lock(conn: Connection, certificate: str) -> UUID | None:
    """Lock one of them; return the dispatch behind which to go on.

    None when another process has it, or has done it.
    """
    return await conn.fetchval(
        "select coalesce(withdrawn_to, $2) from certificates where sha256 = $1 and withdrawing"
        " for update skip locked",
        certificate,
        _BEFORE_ALL,
    )


# Dispatches are met one after the other by the index: whatever PostgreSQL believes of the tables, a
# batch costs what it holds. What was withdrawn before meets its own row.
_WITHDRAW = """
with recursive looked (dispatch_id, n) as (
    (
        select dispatch_id, 1 from verdict_certificates
        where certificate = $1 and dispatch_id > $2 order by dispatch_id limit 1
    )
    union all
    select following.dispatch_id, looked.n + 1 from looked cross join lateral (
        select v.dispatch_id from verdict_certificates v
        where v.certificate = $1 and v.dispatch_id > looked.dispatch_id
        order by v.dispatch_id limit 1
    ) as following
    where looked.n < $4
), gone as (
    insert into withdrawals
        (dispatch_id, document_id, sender_id, judgement, certificate, reason)
    select looked.dispatch_id, hit.document_id, hit.sender_id, hit.judgement, $1, $3
    from looked cross join lateral (
        select e.document_id, e.sender_id, v.judgement
        from verdict_certificates v
        join examinations e on e.dispatch_id = v.dispatch_id and e.sha256 = v.sha256
        join certificates c on c.sha256 = v.certificate
        where v.certificate = $1 and v.dispatch_id = looked.dispatch_id
            and e.indication = 'TOTAL-PASSED'
            and (v.proved_at is null or v.proved_at >= c.revoked_at
                or (c.kind = 'timestamp' and not c.retired) or exists (
                select from certificates t
                where t.sha256 = any(v.proved_by) and t.state = 'revoked'
                    and not (t.retired and v.proved_at < t.revoked_at)))
        order by v.judgement desc limit 1
    ) as hit
    order by looked.dispatch_id
    on conflict do nothing
    returning dispatch_id, document_id, judgement, reason
)
select looked.dispatch_id, gone.document_id, gone.judgement, gone.reason
from looked left join gone on gone.dispatch_id = looked.dispatch_id
order by looked.n
"""


async def withdraw(
    conn: Connection, certificate: str, *, behind: UUID, reason: str, most: int
) -> tuple[list[VerdictWithdrawn], UUID | None]:
    """Withdraw those of the next `most` dispatches whose good verdict rests on a certificate.

    Also returns the last one that was looked at; None: there are no more. What a time stamp proves
    to be older than the revocation stays (Decree 68/2024 art. 17), while its authority and its unit
    are not revoked themselves. A unit that is revoked as retired ends nothing that it stamped
    before (RFC 3161 4, 1).
    """
    rows = await conn.fetch(_WITHDRAW, certificate, behind, reason, most)
    gone = [VerdictWithdrawn(**dict(row)) for row in rows if row["document_id"] is not None]
    return gone, rows[-1]["dispatch_id"] if len(rows) == most else None


async def go_on(conn: Connection, certificate: str, *, behind: UUID) -> None:
    """Note how far the withdrawal of one that is locked has come."""
    await conn.execute(
        "update certificates set withdrawn_to = $2 where sha256 = $1", certificate, behind
    )


async def reopen(conn: Connection, certificate: str) -> None:
    """Have verdicts withdrawn anew that a time stamp by this certificate's proof had spared."""
    await conn.execute(
        """
        update certificates set withdrawing = true, withdrawn_to = null where sha256 in (
            select c.sha256 from certificates c
            where c.state = 'revoked' and c.sha256 in (
                select v.certificate from verdict_certificates v where v.proved_by @> array[$1])
            order by c.sha256 for update)
        """,
        certificate,
    )


async def done(conn: Connection, certificate: str) -> None:
    """Note that nothing is left to withdraw."""
    await conn.execute(
        "update certificates set withdrawing = false, withdrawn_to = null where sha256 = $1",
        certificate,
    )


async def known(conn: Connection, dispatch_ids: Sequence[UUID]) -> list[VerdictWithdrawn]:
    """Return the withdrawals of these dispatches."""
    rows = await conn.fetch(
        """
        select dispatch_id, document_id, judgement, reason from withdrawals
        where dispatch_id = any($1)
        """,
        list(dispatch_ids),
    )
    return [VerdictWithdrawn(**dict(row)) for row in rows]


async def of(conn: Connection, dispatch_id: UUID) -> Withdrawal | None:
    """Return the withdrawal of one dispatch, with what was revoked; None: its verdict stands."""
    row = await conn.fetchrow(
        """
        select w.reason, w.withdrawn_at, w.certificate, c.kind, c.issuer, c.revoked_at,
            c.reason as revoked_for
        from withdrawals w left join certificates c on c.sha256 = w.certificate
        where w.dispatch_id = $1
        """,
        dispatch_id,
    )
    if row is None:
        return None
    cause = None
    if row["kind"] is not None:
        cause = Cause(
            row["certificate"], row["kind"], row["issuer"], row["revoked_at"], row["revoked_for"]
        )
    return Withdrawal(dispatch_id, row["reason"], row["withdrawn_at"], cause)


async def count_open(conn: Connection) -> float:
    """Count revoked certificates whose verdicts are still being withdrawn."""
    return float(await conn.fetchval("select count(*) from certificates where withdrawing"))
