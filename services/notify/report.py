"""Step 10, report: a recipient says how far it has come with a delivery (statuses 02 to 06)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from services.notify import status
from services.notify.entry import EntryContent
from services.notify.store import events, lanes, receipts, state, statuses
from services.notify.store.events import News
from services.notify.store.lanes import StoredEntry
from services.notify.store.receipts import StoredReceipt
from services.notify.store.statuses import StoredStatus, Words
from shared import agencies, outbox, telemetry
from shared.db import Connection, clock
from shared.errors import Fault, Problem, Unavailable
from shared.failpoint import reach
from shared.identity import ActingAgency, Caller
from shared.ids import AgencyId, DeliveryId


@dataclass(frozen=True, slots=True)
class Report:
    """What a recipient reports; `reopen` takes back a 06 that was a mistake."""

    code: str
    reopen: bool
    words: Words


@dataclass(frozen=True, slots=True)
class History:
    """How far a delivery has come: its receipt (01), and what was reported since."""

    receipt: StoredReceipt
    reported: tuple[StoredStatus, ...]
    codes: Mapping[AgencyId, str]
    """The present codes of those who acted."""

    @property
    def current(self) -> str:
        """Return the code of the last status."""
        return self.reported[-1].code if self.reported else status.ARRIVED


async def report(
    conn: Connection, caller: Caller, delivery: DeliveryId, new: Report
) -> StoredStatus:
    """Decide about a status and record it: row, event and both sides' news in one transaction.

    Raises Problem REQ-4041 for a delivery of others, DLV-4095 before its acknowledgement,
    DLV-4094 for a move that is not allowed, Unavailable while receipts are being recovered.
    """
    acting = caller.agency()
    if (await state.read(conn)).recovering:
        raise Unavailable("the recovery of statuses", retry_after=5)
    entry = await lanes.find(conn, delivery, visible=caller.visible)
    if not await statuses.lock(conn, delivery, visible=caller.visible):
        raise Problem("REQ-4041" if entry is None else "DLV-4095")
    if entry is None:
        raise Unavailable("the entry of this delivery", retry_after=5)
    content = EntryContent.model_validate_json(entry.content)
    step, current = await statuses.last(conn, delivery) or (0, status.ARRIVED)
    with telemetry.span(
        "report status",
        attributes={
            telemetry.DOCUMENT_ID: str(entry.document_id),
            telemetry.DOCUMENT_CODE: content.code,
            telemetry.DELIVERY_ID: str(delivery),
            telemetry.STATUS_CODE: new.code,
            telemetry.STATUS_PREVIOUS: current,
        },
        links=[] if entry.traceparent is None else [entry.traceparent],
    ):
        if not status.may_follow(current, new.code, reopen=new.reopen):
            raise _wrong_step(current, new)
        return await _record(conn, caller.client_id, acting, entry, (step + 1, new))


async def _record(
    conn: Connection,
    client_id: str,
    acting: ActingAgency,
    entry: StoredEntry,
    decided: tuple[int, Report],
) -> StoredStatus:
    step, new = decided
    made = StoredStatus(
        entry.delivery_id,
        step,
        new.code,
        entry.dispatch_id,
        entry.document_id,
        entry.agency,
        entry.sender_id,
        acting.id,
        client_id,
        await clock(conn),
        new.words,
        secrets.token_bytes(16),
    )
    await statuses.add(conn, made)
    reach("notify.status.inserted")
    await outbox.put(conn, made.event())
    content = EntryContent.model_validate_json(entry.content)
    for listener in (made.sender_id, made.agency_id):
        await events.announce(conn, _news(listener, made, content, acting=acting.code))
    reach("notify.status.before_commit")
    return made


def _news(listener: AgencyId, made: StoredStatus, content: EntryContent, *, acting: str) -> News:
    # Also goes out on Kafka mailboxes: no names, no notes.
    return News(
        listener,
        "delivery.status_reported",
        made.delivery_id,
        {
            "delivery_id": str(made.delivery_id),
            "dispatch_id": str(made.dispatch_id),
            "document_id": str(made.document_id),
            "code": content.code,
            "to": content.recipient.code,
            "acted": acting,
            "step": made.step,
            "status": made.code,
            "reported_at": made.reported_at.isoformat(),
        },
    )


def _wrong_step(current: str, new: Report) -> Problem:
    allowed = list(status.allowed(current))
    may_vi = f"chỉ có thể báo {', '.join(allowed)}" if allowed else "đây là trạng thái cuối"
    may_en = f"only {', '.join(allowed)} may follow" if allowed else "this is its last status"
    fault = Fault("/code", f"Không thể đi từ {current} tới {new.code}.", "This is no step onward.")
    return Problem(
        "DLV-4094",
        vi=f"Không thể chuyển trạng thái {current} → {new.code}: {may_vi}.",
        en=f"No step leads from {current} to {new.code}: {may_en}.",
        faults=[fault],
        allowed=allowed,
    )


async def history(conn: Connection, caller: Caller, delivery: DeliveryId) -> History:
    """Return how far a delivery has come to its recipient or sender. Raises Problem REQ-4041."""
    receipt = await receipts.find(conn, delivery, visible=caller.visible)
    if receipt is None:
        entry = await lanes.find(conn, delivery, visible=caller.visible)
        raise Problem("REQ-4041" if entry is None else "DLV-4095")
    reported = await statuses.history(conn, delivery, visible=caller.visible)
    acted = {receipt.acting_agency_id, *(one.acting_agency_id for one in reported)}
    known = await agencies.by_ids(conn, sorted(acted))
    return History(receipt, tuple(reported), {id_: one.code for id_, one in known.items()})
