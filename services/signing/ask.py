"""Requests for signatures: noted as they come in, ended when nothing can come of them."""

import structlog

from services.signing.keys import KeyStore
from services.signing.signature import (
    CANCELLED,
    ENDED,
    NO_KEY,
    OVERDUE,
    Holder,
    Signature,
    unfit,
)
from services.signing.store import certificates, signatures
from shared import outbox, telemetry
from shared.db import Connection, Database
from shared.errors import Problem
from shared.events import SignatureFailed, SignatureRequested
from shared.ids import AgencyId, SignatureId
from shared.kafka import Record

_AT_ONCE = 100
_log = structlog.get_logger()


async def take_in(
    conn: Connection, event: SignatureRequested, _record: Record, *, keys: KeyStore
) -> None:
    """Note a request; one that could never be fulfilled fails at once.

    Whose the certificate is may not be known yet (the directory comes by itself): then the
    activation decides.
    """
    holder = await certificates.lock_holder(conn, event.certificate)
    kind = event.kind or ("seal" if holder and holder.registered.kind == "seal" else "leader")
    asked = await signatures.insert(conn, event, kind=kind, trace=telemetry.traceparent())
    if asked is None:
        return
    if holder and holder.registered.agency_id is None and holder.registered.kind == kind:
        return
    reason = await weigh(conn, asked, holder, keys)
    if reason:
        await end(conn, asked, reason=reason)


async def weigh(
    conn: Connection, asked: Signature, holder: Holder | None, keys: KeyStore
) -> str | None:
    """Return why a certificate may not make a signature now, as a code; None when it may."""
    reason = unfit(asked, holder, now=await signatures.now(conn))
    if reason is None and not keys.holds(asked.certificate):
        return NO_KEY
    return reason


async def end(conn: Connection, asked: Signature, *, reason: str) -> None:
    """End a locked, open request without a signature: docs lets its draft thaw."""
    await signatures.fail(conn, asked.id, reason=reason)
    event = SignatureFailed(
        signature_id=asked.id,
        document_id=asked.document_id,
        attachment_id=asked.attachment_id,
        reason=reason,
    )
    await outbox.put(conn, event)
    _log.info("signature failed", signature=str(asked.id), reason=reason)


async def cancel(conn: Connection, signature_id: SignatureId, *, agency: AgencyId) -> None:
    """Cancel an open request of an agency; one that has failed already stays as it is.

    Raises Problem SIG-4041, SIG-4092 for one that was made.
    """
    asked = await signatures.lock(conn, signature_id, agencies=[agency])
    if asked is None:
        raise Problem("SIG-4041")
    if asked.state == "made":
        raise Problem(ENDED, state=asked.state, reason=None)
    if asked.state != "failed":
        await end(conn, asked, reason=CANCELLED)


async def expire(db: Database) -> bool:
    """Let requests fail whose time is over; True when there may be more."""

    async def step(conn: Connection) -> bool:
        overdue = await signatures.lock_overdue(conn, most=_AT_ONCE)
        for asked in overdue:
            await end(conn, asked, reason=OVERDUE)
        return len(overdue) == _AT_ONCE

    return await db.as_worker(step)
