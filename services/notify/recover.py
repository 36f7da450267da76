"""After a restore: receipts come back, byte for byte, from docs and from notify's own topic."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from services.notify.receipt import sender_of
from services.notify.store import receipts, state
from services.notify.store.receipts import StoredReceipt
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import DeliveryAcknowledged
from shared.events.deliveries import RECEIPTS
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId
from shared.internal import Internal
from shared.kafka import TYPE_HEADER, KafkaAccess, Record
from shared.kafka.reader import Reader

_log = structlog.get_logger()

_PAGE = 500
_WAIT_SECONDS = 1.0


class _Page(BaseModel):
    items: list[DeliveryAcknowledged]
    next: UUID | None


async def recover(db: Database, internal: Internal, access: KafkaAccess) -> bool:
    """Bring all receipts back if a restore asks for it; acknowledgements are 503 until then.

    Raises Unavailable while docs or Kafka does not answer.
    """
    if not (await db.as_worker(state.read)).recovering:
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
        kept += await db.as_worker(partial(_keep, events=page.items))
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


def _read(record: Record) -> DeliveryAcknowledged | None:
    if record.headers.get(TYPE_HEADER) != DeliveryAcknowledged.ce_type():
        return None
    try:
        return DeliveryAcknowledged.model_validate_json(record.value)
    except ValidationError:
        _log.error("a receipt of the topic cannot be read", offset=record.offset)
        return None


async def _keep(conn: Connection, events: Sequence[DeliveryAcknowledged]) -> int:
    kept = 0
    for event in sorted(events, key=lambda event: event.delivery_id):
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
    return kept
