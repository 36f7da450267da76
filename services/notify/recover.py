"""After a restore: receipts and statuses come back from docs and from notify's own topic."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from services.notify.compare import miss
from services.notify.receipt import sender_of
from services.notify.store import lanes, receipts, state, statuses
from services.notify.store.receipts import StoredReceipt
from shared.db import Connection, Database
from shared.events import DeliveryAcknowledged, DeliveryStatusReported
from shared.events.deliveries import RECEIPTS
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId
from shared.internal import Internal, shaped
from shared.kafka import TYPE_HEADER, KafkaAccess, Record
from shared.readback import read_back
from shared.restored import Recovery

_log = structlog.get_logger()

_PAGE = 500
_LOOK_SECONDS, _ENTRIES_SECONDS = 0.2, 15.0

Report: TypeAlias = DeliveryAcknowledged | DeliveryStatusReported
_KINDS: Mapping[str, type[Report]] = {
    DeliveryAcknowledged.ce_type(): DeliveryAcknowledged,
    DeliveryStatusReported.ce_type(): DeliveryStatusReported,
}


class _Page(BaseModel):
    """Receipts, and the statuses of the same deliveries."""

    items: list[DeliveryAcknowledged]
    statuses: list[DeliveryStatusReported] = []
    next: UUID | None


def recovery(db: Database, internal: Internal, access: KafkaAccess) -> Recovery:
    """Return what brings receipts, statuses and entries back; the first two are 503 until then.

    The names and notes of statuses are on no topic: of those that the backup lacks, code, time
    and agency come back.
    """

    async def work() -> None:
        kept = await _from_docs(db, internal)
        await read_back(db, access, [RECEIPTS], partial(_from_topic, db), whole=True)
        await _entries(db, internal)
        await db.as_worker(receipts.end_waiting)
        await db.as_worker(state.recovered)
        _log.warning("receipts recovered", kept=kept)

    return Recovery(db, service="notify", asked=state.recovering, work=work)


async def _from_docs(db: Database, internal: Internal) -> int:
    """Read all that docs holds; from now on it drops what it was told by an earlier notify."""
    epoch = (await db.look(state.read)).epoch
    kept, query = 0, dict[str, str | int](limit=_PAGE, notify_epoch=str(epoch))
    while True:
        raw = await internal.get("docs", "/internal/receipts", **query)
        page = shaped(_Page, raw, what="docs (/internal/receipts)")
        kept += await db.as_worker(partial(_keep, events=[*page.items, *page.statuses]))
        if page.next is None:
            return kept
        query["after"] = str(page.next)


async def _from_topic(db: Database, records: Sequence[Record]) -> None:
    events = [event for one in records if (event := _read(one)) is not None]
    await db.as_worker(partial(_keep, events=events))


async def _entries(db: Database, internal: Internal) -> None:
    """Have catch-up read what docs has numbered; go on when it has, or when it comes no further.

    An acknowledgement of a delivery that is not back yet would be told that there is none.
    """
    clock = asyncio.get_running_loop().time
    before, moved = await miss(db, internal), clock()
    while before:
        await asyncio.sleep(_LOOK_SECONDS)
        if (left := await db.look(lanes.count_behind)) < before:
            before, moved = left, clock()
        elif clock() - moved > _ENTRIES_SECONDS:
            _log.error("entries of some lanes do not come back", lanes=left)
            return


def _read(record: Record) -> Report | None:
    kind = _KINDS.get(record.headers.get(TYPE_HEADER, ""))
    if kind is None:
        return None
    try:
        return kind.model_validate_json(record.value)
    except ValidationError:
        _log.error("a record of the topic cannot be read", offset=record.offset)
        return None


async def _keep(conn: Connection, events: Sequence[Report]) -> int:
    """Keep receipts, then statuses: each delivery's receipt came before, here or in the log."""
    kept = 0
    acknowledged = [one for one in events if isinstance(one, DeliveryAcknowledged)]
    for event in sorted(acknowledged, key=lambda event: event.delivery_id):
        kept += await receipts.keep(
            conn,
            StoredReceipt(
                DeliveryId(event.delivery_id),
                DispatchId(event.dispatch_id),
                DocumentId(event.document_id),
                AgencyId(event.agency_id),
                AgencyId(sender_of(event.receipt)),
                AgencyId(event.acting_agency_id),
                event.acknowledged_at,
                event.receipt,
            ),
        )
    reported = [one for one in events if isinstance(one, DeliveryStatusReported)]
    return kept + await statuses.take_back(conn, reported)
