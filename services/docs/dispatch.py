"""Step 4, dispatch: recipients and files are frozen, a turn is taken, signing is told."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from services.docs.document import RecipientChoice
from services.docs.routing import Routing, check_selections, resolve
from services.docs.sign import refuse_frozen
from services.docs.store import deliveries, dispatches, frozen, queue
from services.docs.store.dispatches import Dispatch, New
from shared import outbox
from shared.db import Connection
from shared.errors import Fault, Problem, problem_types
from shared.events import DocumentDispatched, FileRef
from shared.identity import ActingAgency
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId, uuid7
from shared.telemetry import (
    AGENCY_FROM,
    DISPATCH_ID,
    DOCUMENT_CODE,
    DOCUMENT_ID,
    LANE,
    RECIPIENTS,
    URGENCY,
    span,
    traceparent,
)

ASK_AGAIN_SECONDS = 60.0
"""How long a dispatch is without a verdict before signing is asked again; doubled each time."""
ASK_AT_ONCE = 50
"""Dispatches that one look asks about: after a loss they come back at a walking pace."""
_asked_again = Counter(
    "lienthong_verdicts_asked_again_total", "Dispatches that signing was asked about once more."
)


def submission_id(*, client_id: str, agency: AgencyId, path: str, key: str) -> DispatchId:
    """Return the id of what a client submits under an idempotency key.

    The same submission has the same id for ever, so a database that came back older recognises
    in a repeated request what notify already holds (protocol.md 5, Restore).
    """
    named = "\n".join(("lienthong/dispatch/1", client_id, str(agency), path, key))
    raw = bytearray(hashlib.sha256(named.encode()).digest()[:16])
    raw[6], raw[8] = raw[6] & 0x0F | 0x80, raw[8] & 0x3F | 0x80  # RFC 9562 5.8
    return DispatchId(UUID(bytes=bytes(raw)))


async def dispatch(
    conn: Connection,
    *,
    dispatch_id: DispatchId,
    document_id: DocumentId,
    sender: ActingAgency,
    recipients: Sequence[RecipientChoice] | None = None,
) -> DispatchId:
    """Send a document to its recipients, or to these, in the transaction of the request.

    Locks the document, then (sender, lane). Returns the dispatch's id: `dispatch_id`, unless that
    was used (keys are forgotten after 30 days). Raises Problem REQ-4041 for a document that is
    not the sender's, DOC-4095 while it is being signed, DSP-422x for recipients or files with
    which nothing can be sent, REQ-4221 for more selections than are looked up.
    """
    document = await dispatches.lock_document(conn, document_id, sender=sender.id)
    if document is None:
        raise Problem("REQ-4041")
    await refuse_frozen(conn, document_id)
    files = _complete(document.files)
    choices = document.recipients if recipients is None else recipients
    check_selections(choices)  # of drafts from before there was a limit
    found = await deliveries.addressees(conn, choices)
    routing = resolve(choices, found, sender=sender.id)
    new = New(
        id=dispatch_id,
        document_id=document_id,
        document_code=document.code,
        sender_id=sender.id,
        sender_code=sender.code,
        lane=document.urgency.lane,
        urgency=document.urgency,
        turn=await queue.take_turn(conn, sender=sender.id, lane=document.urgency.lane),
        recipients=len(routing.recipients),
        files=files,
        warnings=tuple(await _warnings(conn, document_id, routing)),
    )
    with span("dispatch document", attributes=attributes(new)):
        return await _accept(conn, replace(new, traceparent=traceparent()), routing)


def attributes(dispatch: New | Dispatch) -> dict[str, str | int]:
    """Return what the spans of a dispatch say of it."""
    return {
        DOCUMENT_ID: str(dispatch.document_id),
        DOCUMENT_CODE: dispatch.document_code,
        DISPATCH_ID: str(dispatch.id),
        AGENCY_FROM: dispatch.sender_code,
        URGENCY: str(dispatch.urgency),
        LANE: dispatch.lane,
        RECIPIENTS: dispatch.recipients,
    }


def _complete(files: Sequence[tuple[FileRef, bool]]) -> tuple[FileRef, ...]:
    missing = [index for index, (_, stored) in enumerate(files) if not stored]
    if missing:
        vi, en = "Tệp chưa được tải lên.", "This file was not uploaded."
        raise Problem("DSP-4227", faults=[Fault(f"/attachments/{n}", vi, en) for n in missing])
    if [file.role for file, _ in files].count("MAIN") != 1:
        vi, en = "Cần đúng một tệp MAIN.", "Exactly one MAIN file is needed."
        raise Problem("DSP-4227", faults=[Fault("/attachments", vi, en)])
    return tuple(file for file, _ in files)


async def _warnings(
    conn: Connection, document_id: DocumentId, routing: Routing
) -> list[dict[str, Any]]:
    warnings: list[dict[str, Any]] = []
    earlier = await dispatches.earlier(conn, document_id)
    if earlier is not None:
        warnings.append(
            _warning("DSP-2021")
            | {
                "dispatch_id": str(earlier.dispatch_id),
                "document_id": str(earlier.document_id),
                "accepted_at": earlier.accepted_at.isoformat(),
            }
        )
    if routing.suspended:
        warnings.append(
            _warning("DSP-2022") | {"agencies": [one.code for one in routing.suspended]}
        )
    return warnings


def _warning(code: str) -> dict[str, Any]:
    row = problem_types()[code]
    return {"code": code, "title": row.title, "title_en": row.title_en}


async def _accept(conn: Connection, new: New, routing: Routing) -> DispatchId:
    if not await dispatches.insert(conn, new):
        new = replace(new, id=DispatchId(uuid7()))
        await dispatches.insert(conn, new)
    copies = [
        deliveries.Copy(
            id=DeliveryId(uuid7()),
            sender_id=new.sender_id,
            lane=new.lane,
            recipient_id=one.id,
            recipient_code=one.code,
            level=one.level,
        )
        for one in routing.recipients
    ]
    await deliveries.freeze(conn, copies, dispatch_id=new.id, document_id=new.document_id)
    await dispatches.freeze_document(conn, new.document_id)
    await outbox.put(conn, await _told(conn, new))
    return new.id


async def _told(conn: Connection, dispatch: New | Dispatch) -> DocumentDispatched:
    return DocumentDispatched(
        dispatch_id=dispatch.id,
        document_id=dispatch.document_id,
        document_code=dispatch.document_code,
        sender_id=dispatch.sender_id,
        lane=dispatch.lane,
        files=dispatch.files,
        frozen_sha256=await frozen.of(conn, dispatch.id),
    )


async def ask_again(conn: Connection, *, seconds: float = ASK_AGAIN_SECONDS) -> None:
    """Ask signing anew about dispatches long without a verdict: it repeats what it knows.

    Each question is a new event; the oldest `ASK_AT_ONCE` are asked about, and counted.
    """
    asked = await queue.unanswered(conn, seconds=seconds, limit=ASK_AT_ONCE)
    await outbox.put_all(conn, [await _told(conn, one) for one in asked])
    _asked_again.inc(len(asked))
