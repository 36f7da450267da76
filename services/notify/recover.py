"""After a restore: receipts and statuses come back from docs and from notify's own topic."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from services.notify.receipt import sender_of
from services.notify.store import receipts, state, statuses
from services.notify.store.receipts import StoredReceipt
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import DeliveryAcknowledged, DeliveryStatusReported
from shared.events.deliveries import RECEIPTS
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId
from shared.internal import Internal
from shared.kafka import TYPE_HEADER, KafkaAccess, Record
from shared.kafka.reader import Reader

_log = structlog.get_logger()

_PAGE = 500
_WAIT_SECONDS = 1.0

Report: TypeAlias = DeliveryAcknowledged | DeliveryStatusReported
_KINDS: tuple[type[Report], ...] = (DeliveryAcknowledged, DeliveryStatusReported)


class _Page(BaseModel):
    """Receipts, and the statuses of the same deliveries."""

    items: list[DeliveryAcknowledged]
    statuses: list[DeliveryStatusReported] = []
    next: UUID | None


async def recover(db: Database, internal: Internal, access: KafkaAccess) -> bool:
    """Bring all receipts and statuses back if a restore asks for it; both are 503 until then.

    The names and notes of statuses are on no topic: of those that the backup lacks, code, time
    and agency come back. Raises Unavailable while docs or Kafka does not answer.
    """
    if not (await db.look(state.read)).recovering:
        return False
    _log.warning("recovering receipts after a restore")
    kept = await _from_docs(db, internal) + await _from_topic(db, access)
    await db.as_worker(state.recovered)
    _log.warning("receipts recovered", kept=kept)
    return False


async def _from_docs(db: Database, internal: Internal) -> int:
    kept, query = 0, dict[str, str | int](limit=_PAGE)
    while True:
        page = _Page.model_validate(await internal.get("docs", "/internal/receipts", **query))
        kept += await db.as_worker(partial(_keep, events=[*page.items, *page.statuses]))
        if page.next is None:
            return kept
        query["after"] = str(page.next)


async def _from_topic(db: Database, access: KafkaAccess) -> int:
    """Read the topic to the end that it has now."""
    kept = 0
    async with Reader.open(access) as reader:
        places = await reader.partitions({RECEIPTS})
        if not places:
            raise Unavailable(RECEIPTS)
        bounds = await reader.bounds(places)
        left = {place: end for place, (first, end) in bounds.items() if first < end}
        reader.assign({place: bounds[place][0] for place in left})
        while left:
            found = await reader.fetch(left, seconds=_WAIT_SECONDS, most=_PAGE)
            for place, records in found.items():
                events = [event for one in records if (event := _read(one)) is not None]
                kept += await db.as_worker(partial(_keep, events=events))
                if records[-1].offset + 1 >= left[place]:
                    del left[place]
    return kept


def _read(record: Record) -> Report | None:
    kinds = {kind.ce_type(): kind for kind in _KINDS}
    kind = kinds.get(record.headers.get(TYPE_HEADER, ""))
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
