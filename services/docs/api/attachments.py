"""`/v1/documents/{id}/attachments`: files announced, described, taken out."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.docs import accept
from services.docs.api.answered import AnnouncedFile, FileItem
from services.docs.api.answers import answer, digest_of_json
from services.docs.attachment import (
    check_announcement,
    read_signature,
)
from services.docs.document import Announcement, Attachment, Role
from services.docs.kinds import PDF
from services.docs.store import documents as store
from shared.blobs import BlobStore, Stage
from shared.db import Connection, Database
from shared.errors import Problem
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.ids import AttachmentId, DocumentId
from shared.openapi import told
from shared.sizes import SIGNATURE_BYTES

router = APIRouter(tags=["documents"])

Sender = Annotated[Caller, Depends(Scoped("documents.send"))]
Reader = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]

PLACE = "/v1/documents/{document_id}/attachments"


class AnnouncementBody(BaseModel):
    """A file that is about to be sent."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    media_type: Annotated[
        str,
        Field(
            max_length=100,
            description="`application/pdf`; an annex with a `signature` may be of other kinds.",
            examples=[PDF.media_type],
        ),
    ]
    size: Annotated[int, Field(ge=0, lt=1 << 62)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    role: Role
    signature: Annotated[
        str | None,
        Field(
            max_length=(SIGNATURE_BYTES + 2) // 3 * 4,
            description="Base64 of the detached seal (CAdES: CMS in DER, to 64 KiB) of the sending"
            " agency over the file's bytes. An annex that is no PDF needs it; a PDF has none.",
        ),
    ] = None


def as_json(attachment: Attachment) -> dict[str, Any]:
    """Return a file of a document in the shape of the API."""
    announced = attachment.announced
    place = f"/v1/documents/{attachment.document_id}/attachments/{attachment.id}"
    return {
        "id": attachment.id,
        "name": announced.name,
        "media_type": announced.media_type,
        "size": announced.size,
        "sha256": announced.sha256,
        "role": announced.role,
        "state": "stored" if attachment.stored else "announced",
        "href": f"{place}/content",
        "signature": None
        if announced.signature_sha256 is None
        else {"sha256": announced.signature_sha256, "href": f"{place}/signature"},
    }


@router.post(
    PLACE,
    status_code=201,
    **told(
        "Announce a file: its name, size and digest",
        "Khai báo một tệp: tên, kích thước và mã băm",
        refuses=(409, 413, 415, 422),
        answers={201: AnnouncedFile},
    ),
)
async def post_attachment(
    request: Request, document_id: UUID, body: AnnouncementBody, caller: Sender
) -> Response:
    """Announce a file: its name, size and digest; the bytes follow by PUT.

    MAIN is a PDF. An ANNEX is one too, or of another kind with its detached seal in `signature`.
    """
    blobs: BlobStore = request.app.state.blobs
    with blobs.stage() as stage:
        return await _announce(request, DocumentId(document_id), body, caller, stage=stage)


async def _announce(
    request: Request,
    document_id: DocumentId,
    body: AnnouncementBody,
    caller: Caller,
    *,
    stage: Stage,
) -> Response:
    db: Database = request.app.state.db
    sender = caller.agency()
    announced = await _read(body, stage)
    digest = await digest_of_json(request)

    async def work(conn: Connection) -> Response:
        attachment = await accept.announce(conn, document_id, announced, sender=sender)
        shown = as_json(attachment)
        shown["upload"] = {"put": shown["href"]}
        headers = {"Location": shown["href"].removesuffix("/content")}
        await stage.keep()  # behind every refusal
        return answer(shown, 201, headers=headers)

    return await db.as_caller(
        caller.visible,
        once(request, caller, digest=digest, work=work),
    )


async def _read(body: AnnouncementBody, stage: Stage) -> Announcement:
    """Return what is announced, its seal written down beside the store. Raises Problem."""
    announced = Announcement(body.name, body.media_type, body.size, body.sha256, body.role)
    if body.signature is None:
        check_announcement(announced)
        return announced
    signature = read_signature(body.signature, pointer="/signature")
    digest = hashlib.sha256(signature).hexdigest()
    announced = replace(announced, signature_sha256=digest)
    check_announcement(announced)
    await stage.write(_only(signature), limit=SIGNATURE_BYTES)
    return announced


@router.get(
    PLACE + "/{attachment_id}",
    **told(
        "One file's description and state",
        "Mô tả và trạng thái của một tệp",
        answers={200: FileItem},
    ),
)
async def get_attachment(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Reader
) -> Response:
    """Return one file's description and state."""
    return answer(as_json(await find_file(request, document_id, attachment_id, caller)))


@router.delete(
    PLACE + "/{attachment_id}",
    status_code=204,
    **told("Take a file out of a draft", "Bỏ một tệp khỏi dự thảo", refuses=(409,)),
)
async def delete_attachment(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Sender
) -> Response:
    """Take a file out of a draft."""
    db: Database = request.app.state.db
    sender = caller.agency()
    await db.as_caller(
        caller.visible,
        lambda conn: accept.detach(
            conn, DocumentId(document_id), AttachmentId(attachment_id), sender=sender
        ),
    )
    return Response(status_code=204)


async def _only(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def find_file(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Caller
) -> Attachment:
    """Return a file that the caller may read. Raises Problem REQ-4041."""
    db: Database = request.app.state.db
    document = await db.as_caller(
        caller.visible,
        lambda conn: store.find(conn, DocumentId(document_id), readers=caller.visible),
    )
    for attachment in () if document is None else document.attachments:
        if attachment.id == attachment_id:
            return attachment
    raise Problem("REQ-4041")
