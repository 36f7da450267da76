"""Step 7, clear: in the sender's order, each recipient's copy gets its number, hash and event."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import orjson

from services.docs.dispatch import attributes
from services.docs.judge import changed, reason_of, tell, withdraw
from services.docs.store import deliveries, dispatches, mailboxes, queue
from services.docs.store.deliveries import Copy, Numbered, Standing
from services.docs.store.dispatches import Dispatch
from services.docs.store.mailboxes import Head
from services.docs.store.queue import Line
from services.docs.turns import Verdict, decide
from shared import outbox
from shared.chain import link
from shared.db import Connection, Database
from shared.events import DeliveryCleared, DispatchChanged, FileRef
from shared.failpoint import reach
from shared.ids import AgencyId
from shared.telemetry import span

CHUNK = 500
"""Recipients per transaction."""

CLOSED = "DSP-4101"


async def clear_all(db: Database, *, holding: bool = True) -> bool:
    """Clear one chunk of every (sender, lane) where something may go; True if any went."""
    went = False
    for line in await db.look(queue.lines):
        chunk = partial(clear_chunk, line=line, holding=holding)
        went = await db.as_worker(chunk) or went
    return went


async def clear_chunk(
    conn: Connection, line: Line, *, size: int = CHUNK, holding: bool = True
) -> bool:
    """Decide once whose turn it is and clear or refuse up to `size` of its recipients.

    Locks (sender, lane), the dispatch, its agencies in order, their mailbox heads in order. True
    only when something changed; False when nothing may go, or another process is at work on this
    (sender, lane). Without `holding` nobody loses its place for now.
    """
    waiting = await queue.lock_queue(conn, line)
    if waiting is None:
        return False
    ripe, overripe = (waiting.ripe, waiting.overripe) if holding else (0, 0)
    decision = decide(waiting.waiting, ripe=ripe, overripe=overripe)
    if decision.hold:
        held = await queue.hold(conn, [one.id for one in decision.hold])
        await tell(conn, [changed(one, "held") for one in held])
    if decision.go is None:
        return bool(decision.hold)
    dispatch = await dispatches.lock(conn, decision.go.id)
    if dispatch is None or not dispatch.undone:
        return bool(decision.hold)  # it ended since the queue was read, which the next look sees
    if dispatch.verdict is Verdict.WITHDRAWN:  # before its submission was repeated
        await withdraw(conn, dispatch, reason=await reason_of(conn, dispatch))
        return True
    if dispatch.verdict is Verdict.BAD:
        await _refuse(conn, dispatch)
        return True
    with span("clear dispatch", parent=dispatch.traceparent, attributes=attributes(dispatch)):
        await _clear(conn, dispatch, size=size)
    return True


async def _refuse(conn: Connection, dispatch: Dispatch) -> None:
    reason = await reason_of(conn, dispatch)
    await deliveries.fail_rest(conn, dispatch.id, reason=reason)
    await dispatches.move(conn, dispatch.id, state="refused", reason=reason)
    await tell(conn, [changed(dispatch, "refused", reason=reason)])


async def _clear(conn: Connection, dispatch: Dispatch, *, size: int) -> None:
    # One more than fits tells whether this chunk is the last.
    copies = await deliveries.unnumbered(conn, dispatch.id, limit=size + 1)
    last = len(copies) <= size
    copies = copies[:size]
    agencies = await deliveries.lock_agencies(conn, [copy.recipient_id for copy in copies])
    told = await _fail_closed(conn, dispatch, copies=copies, agencies=agencies)
    open_ = [copy for copy in copies if not agencies[copy.recipient_id].closed]
    numbered = await _number(conn, dispatch, copies=open_, agencies=agencies)
    await dispatches.move(conn, dispatch.id, state="cleared" if last else "clearing")
    if last:
        told.append(changed(dispatch, "cleared"))
    reach("docs.clear.before_outbox")
    await outbox.put_all(conn, numbered)
    await tell(conn, told)
    reach("docs.clear.before_commit")


async def _fail_closed(
    conn: Connection,
    dispatch: Dispatch,
    *,
    copies: Sequence[Copy],
    agencies: dict[AgencyId, Standing],
) -> list[DispatchChanged]:
    """Fail the copies of agencies that were closed since the dispatch, with their successors."""
    told: list[DispatchChanged] = []
    for copy in copies:
        agency = agencies[copy.recipient_id]
        if agency.closed:
            await deliveries.fail(conn, [copy.id], reason=CLOSED, successors=agency.successors)
            told.append(
                changed(dispatch, "recipient_failed", reason=CLOSED).model_copy(
                    update={"recipient_id": agency.id, "successors": agency.successors}
                )
            )
    return told


async def _number(
    conn: Connection,
    dispatch: Dispatch,
    *,
    copies: Sequence[Copy],
    agencies: dict[AgencyId, Standing],
) -> list[DeliveryCleared]:
    """Give the copies the next numbers of their recipients' lanes, chained to what is there."""
    heads = await mailboxes.lock_heads(
        conn, [copy.recipient_id for copy in copies], lane=dispatch.lane
    )
    at = await queue.now(conn)
    numbered: list[Numbered] = []
    for copy in copies:
        head = heads[copy.recipient_id]
        agency = agencies[copy.recipient_id]
        entry = entry_bytes(dispatch, copy, to=agency.code, at=at)
        numbered.append(
            Numbered(
                id=copy.id,
                recipient_id=copy.recipient_id,
                level=agency.level,
                sequence=head.sequence + 1,
                previous_hash=head.hash,
                hash=link(
                    agency=copy.recipient_id,
                    lane=dispatch.lane,
                    sequence=head.sequence + 1,
                    previous=head.hash,
                    entry=entry,
                ),
                entry=entry,
            )
        )
    await deliveries.number(conn, numbered, at=at)
    await mailboxes.advance(
        conn, [Head(one.recipient_id, dispatch.lane, one.sequence, one.hash) for one in numbered]
    )
    return [_cleared(dispatch, one) for one in numbered]


def entry_bytes(dispatch: Dispatch, copy: Copy, *, to: str, at: datetime) -> bytes:
    """Make a mailbox entry. Never the subject, nor a person's or a file's name."""
    return orjson.dumps(
        {
            "delivery_id": copy.id,
            "dispatch_id": dispatch.id,
            "document_id": dispatch.document_id,
            "code": dispatch.document_code,
            "urgency": dispatch.urgency,
            "from": {"id": dispatch.sender_id, "code": dispatch.sender_code},
            "to": {"id": copy.recipient_id, "code": to},
            "files": [
                {
                    "id": file.attachment_id,
                    "role": file.role,
                    "media_type": file.media_type,
                    "size": file.size,
                    "sha256": file.sha256,
                    **_sealed(file),
                }
                for file in dispatch.files
            ],
            "cleared_at": at,
        },
        default=str,  # asyncpg's UUIDs are a type of their own
    )


def _sealed(file: FileRef) -> dict[str, str]:
    """Name the detached seal of a file that has one."""
    if file.signature_sha256 is None:
        return {}
    return {"signature_sha256": file.signature_sha256}


def _cleared(dispatch: Dispatch, numbered: Numbered) -> DeliveryCleared:
    return DeliveryCleared(
        delivery_id=numbered.id,
        dispatch_id=dispatch.id,
        document_id=dispatch.document_id,
        agency_id=numbered.recipient_id,
        level=numbered.level,
        lane=dispatch.lane,
        sequence=numbered.sequence,
        previous_hash=numbered.previous_hash.hex(),
        hash=numbered.hash.hex(),
        entry=numbered.entry.decode(),
    )
