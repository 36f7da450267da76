"""`/v1/deliveries`: one recipient's copy, for the sender and the recipient; its whole package."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.docs.api.answered import DeliveryItem, DeliveryPage
from services.docs.api.answers import answer
from services.docs.api.filters import Filters, check, key, place, wanted
from services.docs.api.matrix import COLUMNS, as_item
from services.docs.api.shown import seen_items
from services.docs.api.tables import AS_CSV, preferred, rows_wanted, table
from services.docs.package import manifest, pack
from services.docs.store import listing
from services.docs.store import progress as store
from services.docs.store.progress import Letter, Standing
from shared.blobs import BlobStore
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.ids import DeliveryId, DocumentId
from shared.openapi import told

router = APIRouter(tags=["deliveries"])

_COLUMNS = {
    "code": "document.code",
    "subject": "document.subject",
    "sender_code": "document.sender.code",
    "sender_name": "document.sender.name",
    "promulgated_on": "document.promulgated_on",
    "urgency": "document.urgency",
    "due_on": "document.due_on",
    **COLUMNS,
    "document_id": "document_id",
    "dispatch_id": "dispatch_id",
}

Party = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]


@router.get(
    "/v1/deliveries",
    **told(
        "Deliveries sent or received, the newest first",
        "Các bản gửi đi hoặc nhận về, mới nhất trước",
        refuses=(406,),
        extra=AS_CSV,
        answers={200: DeliveryPage},
    ),
)
async def get_deliveries(
    request: Request,
    caller: Party,
    filters: Annotated[Filters, Query()],
) -> Response:
    """List deliveries with the subject of their documents, as JSON or CSV.

    Ordered by acceptance (`out`) or arrival (`in`); what is added meanwhile moves nothing.
    """
    db: Database = request.app.state.db
    check(filters)
    rows, before = rows_wanted(request, filters.limit), place(filters.cursor)

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], str | None]:
        found = await listing.page(
            conn,
            await wanted(conn, filters),
            parties=caller.visible,
            before=before,
            limit=rows + 1,
        )
        last = key(found[rows - 1]) if len(found) > rows else None
        return await _items(
            conn, [one.id for one in found[:rows]], whole=filters.expand is not None
        ), last

    items, last = await db.as_caller(caller.visible, read)
    return await table(request, items, columns=_COLUMNS, name="deliveries", last=last)


async def _items(
    conn: Connection, ids: Sequence[DeliveryId], *, whole: bool
) -> list[dict[str, Any]]:
    known = await store.standings(conn, ids)
    rows = [known[id_] for id_ in ids if id_ in known]
    documents = list({row.document_id for row in rows})
    shown: dict[DocumentId, dict[str, Any]] = {}
    if whole:
        shown = {one["id"]: one for one in await seen_items(conn, documents)}
    else:
        found = await store.letters(conn, documents)
        shown = {id_: _as_json(letter) for id_, letter in found.items()}
    return [_item(row, shown.get(row.document_id)) for row in rows]


def _item(row: Standing, document: dict[str, Any] | None) -> dict[str, Any]:
    return {
        **as_item(row),
        "dispatch_id": row.dispatch_id,
        "document_id": row.document_id,
        "document": document,
    }


@router.get(
    "/v1/deliveries/{delivery_id}",
    **told("One recipient's copy", "Bản gửi của một nơi nhận", answers={200: DeliveryItem}),
)
async def get_delivery(request: Request, delivery_id: UUID, caller: Party) -> Response:
    """Return one copy with its document: to the sender, and to the recipient once it is there."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> dict[str, Any]:
        row = await _standing(conn, delivery_id, caller)
        letter = (await store.letters(conn, [row.document_id])).get(row.document_id)
        return _item(row, None if letter is None else _as_json(letter))

    return answer(await db.as_caller(caller.visible, read))


@router.get(
    "/v1/deliveries/{delivery_id}/package",
    response_class=StreamingResponse,
    **told(
        "A delivery's manifest and files as one ZIP",
        "Bản kê và các tệp của một bản gửi trong một tệp ZIP",
        refuses=(406, 409),
        extra={
            "responses": {
                "200": {
                    "content": {
                        "application/zip": {"schema": {"type": "string", "format": "binary"}}
                    }
                }
            }
        },
    ),
)
async def get_package(request: Request, delivery_id: UUID, caller: Party) -> Response:
    """Return manifest and files as one ZIP, checked block by block while it is sent."""
    preferred(request, ("application/zip",))
    db: Database = request.app.state.db
    blobs: BlobStore = request.app.state.blobs

    async def read(conn: Connection) -> tuple[Standing, store.Entry, list[store.Enclosure]]:
        row = await _standing(conn, delivery_id, caller)
        entry = await store.entry(conn, row.id)
        if entry is None:
            raise Problem("DLV-4092")
        return row, entry, await store.enclosures(conn, row.document_id)

    row, entry, enclosures = await db.as_caller(caller.visible, read)
    assert row.cleared_at is not None  # noqa: S101 (an entry has its time)
    content = manifest(row.id, entry, enclosures)
    return StreamingResponse(
        pack(blobs, enclosures, manifest=content, at=row.cleared_at),
        headers={"Content-Disposition": f'attachment; filename="{row.id}.zip"'},
        media_type="application/zip",
    )


async def _standing(conn: Connection, delivery_id: UUID, caller: Caller) -> Standing:
    row = await store.standing(conn, DeliveryId(delivery_id), parties=caller.visible)
    if row is None:
        raise Problem("REQ-4041")
    return row


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "code": letter.code,
        "type": letter.type,
        "subject": letter.subject,
        "promulgated_on": letter.promulgated_on,
        "urgency": letter.urgency,
        "due_on": letter.due_on,
        "sender": {
            "id": letter.sender_id,
            "code": letter.sender_code,
            "name": letter.sender_name,
        },
    }
