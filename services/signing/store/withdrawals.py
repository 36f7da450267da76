"""Withdrawals: good verdicts that no longer hold because a certificate was revoked."""

from collections.abc import Sequence
from uuid import UUID

from shared.db import Connection
from shared.events import VerdictWithdrawn


async def waiting(conn: Connection) -> list[str]:
    """Return revoked certificates whose verdicts are still to be withdrawn."""
    rows = await conn.fetch("select sha256 from certificates where withdrawing order by sha256")
    return [row["sha256"] for row in rows]


async def lock(conn: Connection, certificate: str) -> bool:
    """Lock one of them; False when another process has it, or has done it."""
    return bool(
        await conn.fetchval(
            "select true from certificates where sha256 = $1 and withdrawing"
            " for update skip locked",
            certificate,
        )
    )


async def withdraw(
    conn: Connection, certificate: str, *, reason: str, most: int
) -> tuple[list[VerdictWithdrawn], bool]:
    """Withdraw dispatches with a good verdict that rests on a certificate; `most` at once.

    Also says whether there may be more. What a time stamp proves to be older than the revocation
    stays (Decree 68/2024 art. 17), while its authority is not revoked itself.
    """
    rows = await conn.fetch(
        """
        with hit as (
            select distinct on (v.dispatch_id)
                v.dispatch_id, e.document_id, e.sender_id, v.judgement
            from verdict_certificates v
            join examinations e on e.dispatch_id = v.dispatch_id and e.sha256 = v.sha256
            join certificates c on c.sha256 = v.certificate
            where v.certificate = $1 and e.indication = 'TOTAL-PASSED'
                and (v.proved_at is null or v.proved_at >= c.revoked_at or exists (
                    select from certificates t
                    where t.sha256 = any(v.proved_by) and t.state = 'revoked'))
                and not exists (select from withdrawals w where w.dispatch_id = v.dispatch_id)
            order by v.dispatch_id limit $3
        ), gone as (
            insert into withdrawals
                (dispatch_id, document_id, sender_id, judgement, certificate, reason)
            select dispatch_id, document_id, sender_id, judgement, $1, $2 from hit
            on conflict do nothing
            returning dispatch_id, document_id, judgement, reason
        )
        select gone.dispatch_id, gone.document_id, gone.judgement, gone.reason
        from hit left join gone on gone.dispatch_id = hit.dispatch_id
        """,
        certificate,
        reason,
        most,
    )
    # What another process withdrew meanwhile, for another certificate, was hit and is not ours.
    gone = [VerdictWithdrawn(**dict(row)) for row in rows if row["dispatch_id"] is not None]
    return gone, len(rows) == most


async def reopen(conn: Connection, certificate: str) -> None:
    """Have verdicts withdrawn anew that a time stamp by this certificate's proof had spared."""
    await conn.execute(
        """
        update certificates set withdrawing = true where sha256 in (
            select c.sha256 from certificates c
            where c.state = 'revoked' and c.sha256 in (
                select v.certificate from verdict_certificates v where v.proved_by @> array[$1])
            order by c.sha256 for update)
        """,
        certificate,
    )


async def done(conn: Connection, certificate: str) -> None:
    """Note that nothing is left to withdraw."""
    await conn.execute("update certificates set withdrawing = false where sha256 = $1", certificate)


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


async def count_open(conn: Connection) -> float:
    """Count revoked certificates whose verdicts are still being withdrawn."""
    return float(await conn.fetchval("select count(*) from certificates where withdrawing"))
