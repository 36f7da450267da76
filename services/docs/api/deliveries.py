"""`/v1/deliveries`: one recipient's copy, for the sender and the recipient; its whole package."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from services.docs.api.answers import answer
from services.docs.api.matrix import as_item
from services.docs.api.tables import preferred
from services.docs.package import manifest, pack
from services.docs.store import progress as store
from services.docs.store.progress import Letter, Standing
from shared.blobs import BlobStore
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.ids import DeliveryId

router = APIRouter(tags=["deliveries"])

Party = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]


@router.get("/v1/deliveries/{delivery_id}")
async def get_delivery(request: Request, delivery_id: UUID, caller: Party) -> Response:
    """Return one copy with its document: to the sender, and to the recipient once it is there."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> dict[str, Any]:
        row = await _standing(conn, delivery_id, caller)
        letter = await store.letter(conn, row.document_id)
        return {
            **as_item(row),
            "dispatch_id": row.dispatch_id,
            "document_id": row.document_id,
            "document": None if letter is None else _as_json(letter),
        }

    return answer(await db.as_caller(caller.visible, read))


@router.get(
    "/v1/deliveries/{delivery_id}/package",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
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
