"""Internal routes: docs compares heads, takes over entries and gets receipts back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from services.notify.store import lanes, receipts, state, statuses
from services.notify.store.lanes import StoredEntry
from shared.chain import Lane
from shared.db import Connection, Database
from shared.events import DeliveryAcknowledged, DeliveryCleared, DeliveryStatusReported
from shared.identity import Caller, Scoped
from shared.ids import AgencyId, DeliveryId
from shared.openapi import told

router = APIRouter(tags=["internal"], include_in_schema=True)

Service = Annotated[Caller, Depends(Scoped("internal"))]
Limit = Annotated[int, Query(ge=1, le=500)]

_LOWEST = UUID(int=0)


class Head(BaseModel):
    """The last entry of a lane."""

    agency_id: UUID
    lane: Lane
    sequence: int
    hash: str


class Heads(BaseModel):
    """Where every lane stands, and which history of notify tells it."""

    epoch: UUID
    heads: list[Head]


class Entries(BaseModel):
    """Entries of one lane, as they came."""

    epoch: UUID
    entries: list[DeliveryCleared]


class Receipts(BaseModel):
    """Receipts in the order of delivery ids; go on with `after=next`, null at the end."""

    epoch: UUID
    items: list[DeliveryAcknowledged]
    statuses: list[DeliveryStatusReported]
    """What was reported of the same deliveries."""
    next: UUID | None


@router.get("/internal/heads", **told("Read the head of every lane", "Đọc đầu của mọi làn"))
async def get_heads(request: Request, _caller: Service, docs_epoch: UUID | None = None) -> Heads:
    """Return all heads; from now on only answers of docs with the epoch `docs_epoch` count."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Heads:
        if docs_epoch is not None and docs_epoch != (present := await state.docs_epoch(conn)):
            await state.meet_docs_epoch(conn, docs_epoch, asked_under=present)
        own = await state.read(conn)
        return Heads(
            epoch=own.epoch,
            heads=[
                Head(
                    agency_id=one.agency, lane=one.lane, sequence=one.sequence, hash=one.hash.hex()
                )
                for one in await lanes.states(conn)
            ],
        )

    return await db.as_worker(read)


@router.get("/internal/entries", **told("Read the entries of one lane", "Đọc các mục của một làn"))
async def get_entries(
    request: Request,
    _caller: Service,
    agency: UUID,
    lane: Lane,
    start: Annotated[int, Query(alias="from", ge=1)] = 1,
    limit: Limit = 200,
) -> Entries:
    """Return entries of one lane from a number on."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Entries:
        found = await lanes.read(conn, agency=AgencyId(agency), lane=lane, start=start, limit=limit)
        own = await state.read(conn)
        return Entries(epoch=own.epoch, entries=[_cleared(entry) for entry in found])

    return await db.as_worker(read)


@router.get(
    "/internal/receipts",
    **told("Read receipts and statuses", "Đọc biên nhận và trạng thái"),
)
async def get_receipts(
    request: Request, _caller: Service, after: UUID = _LOWEST, limit: Limit = 200
) -> Receipts:
    """Return receipts, byte for byte, and the statuses of the same deliveries."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Receipts:
        found = await receipts.read(conn, after=DeliveryId(after), limit=limit)
        own = await state.read(conn)
        items = [
            DeliveryAcknowledged(
                delivery_id=one.delivery_id,
                dispatch_id=one.dispatch_id,
                document_id=one.document_id,
                agency_id=one.agency_id,
                acting_agency_id=one.acting_agency_id,
                acknowledged_at=one.acknowledged_at,
                receipt=one.receipt,
            )
            for one in found
        ]
        reported = await statuses.of_deliveries(conn, [one.delivery_id for one in found])
        following = found[-1].delivery_id if len(found) == limit else None
        return Receipts(epoch=own.epoch, items=items, statuses=reported, next=following)

    return await db.as_worker(read)


def _cleared(entry: StoredEntry) -> DeliveryCleared:
    return DeliveryCleared(
        delivery_id=entry.delivery_id,
        dispatch_id=entry.dispatch_id,
        document_id=entry.document_id,
        agency_id=entry.agency,
        level=entry.level,
        lane=entry.lane,
        sequence=entry.sequence,
        previous_hash=entry.previous.hex(),
        hash=entry.hash.hex(),
        entry=entry.content.decode(),
    )
