"""Step 10, receive: leases with a long poll, and acknowledgement against a signed receipt."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from services.notify.ears import Ears
from services.notify.entry import EntryContent, Party
from services.notify.keys import ReceiptKeys
from services.notify.receipt import Acknowledging, Difference, Digests, differences, sign
from services.notify.store import events, inbox, lanes, receipts, state
from services.notify.store.events import News
from services.notify.store.inbox import InboxItem, Lease
from services.notify.store.lanes import StoredEntry
from services.notify.store.receipts import StoredReceipt
from shared import outbox, telemetry
from shared.db import Connection, Database, clock
from shared.errors import Fault, Problem, Unavailable
from shared.events import DeliveryAcknowledged
from shared.failpoint import reach
from shared.faults import pointer
from shared.identity import Caller
from shared.ids import AgencyId, DeliveryId, uuid7

LOOK_SECONDS = 5.0
"""A long poll looks at least this often: holds end without anybody telling."""

_log = structlog.get_logger()
_refused = Counter(
    "lienthong_acknowledgements_refused_total", "Acknowledgements with digests that do not match."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many deliveries a worker wants, for how long, and how long it waits for the first."""

    most: int
    visibility: timedelta
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A lease with the entry that it holds."""

    lease: Lease
    item: InboxItem


async def lease(
    db: Database,
    ears: Ears,
    caller: Caller,
    wanted: Wanted,
    *,
    again: Callable[[], Awaitable[Caller]],
    gone: Callable[[], Awaitable[bool]],
) -> list[Held]:
    """Hold free deliveries, waiting for the first; empty when the time or the process ends.

    One short transaction per look. Before each but the first, `again` says who calls now: it
    raises a Problem when the token has ended, and the wait ends empty when others are visible.
    Nothing is held for a caller that is `gone`: nobody else would see it until the hold ends.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + wanted.wait.total_seconds()
    with ears.open(caller.visible) as ear:
        while not await gone():
            held = await db.as_caller(
                caller.visible, lambda conn: _hold(conn, caller, wanted), by_keys=True
            )
            left = end - clock()
            if held or left <= 0 or ears.closed:
                return held
            await ear.wait(min(left, LOOK_SECONDS))
            if set((await again()).visible) != set(caller.visible):
                break
    return []


async def _hold(conn: Connection, caller: Caller, wanted: Wanted) -> list[Held]:
    leases = await inbox.hold(
        conn,
        [uuid7() for _ in range(wanted.most)],
        agencies=caller.visible,
        client_id=caller.client_id,
        visibility=wanted.visibility,
    )
    if not leases:
        return []
    items = await inbox.items(conn, [one.delivery_id for one in leases])
    by_id = {item.delivery_id: item for item in items}
    return [Held(one, by_id[one.delivery_id]) for one in leases]


@dataclass(frozen=True, slots=True)
class Desk:
    """What signs receipts here."""

    keys: ReceiptKeys
    issuer: str


async def acknowledge(
    conn: Connection, desk: Desk, caller: Caller, delivery: DeliveryId, digests: Digests
) -> StoredReceipt:
    """Confirm receipt by the exact set of digests; the first receipt is the answer for ever.

    Raises Problem REQ-4041 for a delivery of others, DLV-4221 for other digests (nothing is
    changed then), Unavailable while receipts are being recovered.
    """
    acting = caller.agency()
    if (await state.read(conn)).recovering:
        raise Unavailable("the recovery of receipts", retry_after=5)
    entry = await lanes.find(conn, delivery, visible=caller.visible)
    if entry is None:
        raise Problem("REQ-4041")
    content = EntryContent.model_validate_json(entry.content)
    attributes = {
        telemetry.DOCUMENT_ID: str(entry.document_id),
        telemetry.DOCUMENT_CODE: content.code,
        telemetry.DISPATCH_ID: str(entry.dispatch_id),
        telemetry.DELIVERY_ID: str(entry.delivery_id),
        telemetry.AGENCY_FROM: content.sender.code,
        telemetry.AGENCY_TO: content.recipient.code,
        telemetry.LANE: entry.lane,
    }
    links = [] if entry.traceparent is None else [entry.traceparent]
    with telemetry.span("acknowledge delivery", attributes=attributes, links=links):
        if wrong := differences(content.files, digests):
            raise _refuse(entry, caller, wrong)
        kept = await receipts.find(conn, delivery, visible=caller.visible)
        if kept is not None:
            return kept
        now = (await clock(conn)).replace(microsecond=0)
        who = Acknowledging(Party(id=acting.id, code=acting.code), caller.client_id, now)
        return await _confirm(conn, desk, who, entry, content)


async def _confirm(
    conn: Connection, desk: Desk, who: Acknowledging, entry: StoredEntry, content: EntryContent
) -> StoredReceipt:
    made = StoredReceipt(
        entry.delivery_id,
        entry.dispatch_id,
        entry.document_id,
        entry.agency,
        entry.sender_id,
        AgencyId(who.acting.id),
        who.at,
        sign(entry, content, who, id_=uuid7(), issuer=desk.issuer, key=desk.keys.signing()),
    )
    if not await receipts.keep(conn, made):
        kept = await receipts.find(conn, entry.delivery_id, visible=[entry.agency])
        if kept is None:
            raise LookupError("a receipt is in the way and cannot be read")
        return kept
    reach("notify.acknowledge.receipt_inserted")
    await outbox.put(conn, _acknowledged(made))
    await events.announce(conn, _news(made, content, who.acting))
    reach("notify.acknowledge.before_commit")
    return made


def _refuse(entry: StoredEntry, caller: Caller, wrong: Sequence[Difference]) -> Problem:
    _refused.inc()
    _log.error(
        "acknowledgement refused: digests differ",
        delivery=str(entry.delivery_id),
        agency=str(entry.agency),
        client=caller.client_id,
        files=[str(one.attachment_id) for one in wrong],
    )
    faults = [Fault(pointer("digests", str(one.attachment_id)), one.vi, one.en) for one in wrong]
    return Problem("DLV-4221", faults=faults)


def _acknowledged(made: StoredReceipt) -> DeliveryAcknowledged:
    return DeliveryAcknowledged(
        delivery_id=made.delivery_id,
        dispatch_id=made.dispatch_id,
        document_id=made.document_id,
        agency_id=made.agency_id,
        acting_agency_id=made.acting_agency_id,
        acknowledged_at=made.acknowledged_at,
        receipt=made.receipt,
    )


def _news(made: StoredReceipt, content: EntryContent, acting: Party) -> News:
    return News(
        made.sender_id,
        "delivery.acknowledged",
        made.delivery_id,
        {
            "delivery_id": str(made.delivery_id),
            "dispatch_id": str(made.dispatch_id),
            "document_id": str(made.document_id),
            "code": content.code,
            "to": content.recipient.code,
            "acted": acting.code,
            "acknowledged_at": made.acknowledged_at.isoformat(),
        },
    )


async def receipt_of(conn: Connection, caller: Caller, delivery: DeliveryId) -> StoredReceipt:
    """Return a delivery's receipt to its recipient or sender. Raises Problem REQ-4041."""
    kept = await receipts.find(conn, delivery, visible=caller.visible)
    if kept is None:
        raise Problem("REQ-4041")
    return kept


async def prolong(conn: Connection, caller: Caller, lease_id: UUID, visibility: timedelta) -> Lease:
    """Keep a living lease longer. Raises Problem REQ-4041 or, when it has ended, DLV-4093."""
    kept = await inbox.prolong(conn, lease_id, agencies=caller.visible, visibility=visibility)
    if kept is None:
        known = await inbox.known(conn, lease_id, agencies=caller.visible)
        raise Problem("DLV-4093" if known else "REQ-4041")
    return kept


async def release(conn: Connection, caller: Caller, lease_id: UUID) -> None:
    """Give a delivery back. Raises Problem REQ-4041."""
    if not await inbox.release(conn, lease_id, agencies=caller.visible):
        raise Problem("REQ-4041")
