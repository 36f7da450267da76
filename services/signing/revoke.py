"""Revokes, suspends and restores certificates, and withdraws the verdicts that rested on them."""

from dataclasses import dataclass

import structlog

from services.signing import distrust
from services.signing.certificate import REASONS, Registered, State, may_move
from services.signing.finding import REVOKED
from services.signing.keys import ISSUING, Authorities
from services.signing.publish import keep_file, publish_as
from services.signing.store import certificates, lists, withdrawals
from shared import outbox
from shared.db import Connection, Database
from shared.errors import Problem, Unavailable
from shared.failpoint import reach

_AT_ONCE = 1_000
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """What a request for a revocation has done."""

    sha256: str
    state: State
    reason: str
    list_number: int
    """The revocation list from which on it is public."""
    issuer: str


async def revoke_lasting(
    db: Database, authorities: Authorities, *, sha256: str, reason: str
) -> Change:
    """Do as `revoke`, and have the change lie beside the database when this returns.

    A database that is set back takes it back from there. Raises Unavailable when it is changed and
    could not be laid: whoever asks again has it laid.
    """
    change = await db.as_worker(
        lambda conn: revoke(conn, authorities, sha256=sha256, reason=reason)
    )
    reach("signing.revoked.committed")
    try:
        if change.issuer == ISSUING:
            await keep_file(db, authorities)
        else:  # no list of ours tells of it
            await distrust.lay(db, authorities)
    except (OSError, ValueError) as why:
        _log.error("a revocation does not lie beside the database", sha256=sha256, cause=str(why))
        raise Unavailable("the PKI folder") from None
    return change


async def revoke(conn: Connection, authorities: Authorities, *, sha256: str, reason: str) -> Change:
    """Change a certificate's state and publish it; repeating a change is no error.

    The certificate is locked against every verdict that rests on it: those that commit later were
    verified with this list or a newer one. Raises Problem REQ-4041, SIG-4091.
    """
    row = await certificates.lock(conn, sha256)
    if row is None or row.kind in ("authority", "timestamp"):
        raise Problem("REQ-4041")  # of these the trust list and their authorities decide
    state = REASONS[reason]
    if row.state == state != "good":
        return Change(sha256, state, reason, row.changed_in, row.issuer)
    if not may_move(row.state, state):
        raise Problem("SIG-4091", state=row.state)
    if row.issuer != ISSUING:
        return await _distrust(conn, row, reason)
    number = await lists.next_number(conn, row.issuer)
    await certificates.change(
        conn,
        sha256,
        state=state,
        reason=None if state == "good" else reason,
        changed_in=number,
    )
    await publish_as(conn, authorities, number)
    _log.info("certificate changed", sha256=sha256, state=state, reason=reason, list=number)
    return Change(sha256, state, reason, number, row.issuer)


async def _distrust(conn: Connection, row: Registered, reason: str) -> Change:
    """Revoke for us what another authority issued: no list of ours can tell of it.

    Suspending it is for its authority, whose next list would end what was begun here.
    """
    if REASONS[reason] != "revoked":
        raise Problem(
            "SIG-4091",
            vi="Chứng thư số do CA khác cấp: tạm dừng và khôi phục là việc của CA đó.",
            en="Another authority issued the certificate: it suspends and restores it.",
            state=row.state,
        )
    await certificates.change(
        conn, row.sha256, state="revoked", reason=reason, changed_in=row.changed_in
    )
    _log.info("foreign certificate revoked", sha256=row.sha256, reason=reason)
    return Change(row.sha256, "revoked", reason, row.changed_in, row.issuer)


async def withdraw(db: Database) -> bool:
    """Withdraw some verdicts of revoked certificates; True when there may be more.

    A good verdict that commits after the revocation was verified with its list, so this ends.
    """
    done = False
    for one in await db.look(withdrawals.waiting):
        if not one.begun:
            # On its own: a verdict locks several certificates, in order.
            await db.as_worker(lambda conn, one=one: withdrawals.reopen(conn, one.sha256))
            reach("signing.withdrawals_reopened")
        done |= await db.as_worker(lambda conn, one=one: _withdraw(conn, one.sha256))
    return done


async def _withdraw(conn: Connection, certificate: str) -> bool:
    """Withdraw some verdicts of one certificate; False when another process has it.

    The row tells how far it has come. What dates the revocation back has it begin anew, so that
    nothing that becomes due behind that place is passed over.
    """
    behind = await withdrawals.lock(conn, certificate)
    if behind is None:
        return False
    gone, last = await withdrawals.withdraw(
        conn, certificate, behind=behind, reason=REVOKED, most=_AT_ONCE
    )
    if gone:
        await outbox.put_all(conn, gone)
        _log.warning("verdicts withdrawn", certificate=certificate, dispatches=len(gone))
    if last is None:
        await withdrawals.done(conn, certificate)
    else:
        await withdrawals.go_on(conn, certificate, behind=last)
    return True
