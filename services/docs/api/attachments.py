"""`/v1/documents/{id}/attachments`: files announced, sent, fetched, taken out."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from services.docs import accept
from services.docs.api.answered import AnnouncedFile, FileItem
from services.docs.api.answers import answer, digest_of_json
from services.docs.api.ranges import wanted_range
from services.docs.attachment import check_announcement, digest_in, only_pdf, repr_digest_of
from services.docs.document import Announcement, Attachment, Role
from services.docs.store import documents as store
from shared.blobs import BlobStore, Corrupt
from shared.db import Connection, Database
from shared.errors import Problem
from shared.failpoint import reach
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.ids import AttachmentId, DocumentId
from shared.intake import lift
from shared.openapi import told

router = APIRouter(tags=["documents"])

Sender = Annotated[Caller, Depends(Scoped("documents.send"))]
Reader = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]

_PLACE = "/v1/documents/{document_id}/attachments"
_CONTENT = _PLACE + "/{attachment_id}/content"
_BINARY = {
    "requestBody": {
        "required": True,
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


_AGAIN_SECONDS = 60
"""An operator brings a file that is lost, or not what it was, back from the backup."""
_FILE = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
_DOWNLOAD = {
    "responses": {
        "200": {"description": "The whole file", "content": _FILE},
        "206": {"description": "The range asked for", "content": _FILE},
        "304": {"description": "The file is the one of If-None-Match"},
    }
}


class AnnouncementBody(BaseModel):
    """A file that is about to be sent."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    media_type: Annotated[str, Field(max_length=100)]
    size: Annotated[int, Field(ge=0, lt=1 << 62)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    role: Role


def as_json(attachment: Attachment) -> dict[str, Any]:
    """Return a file of a document in the shape of the API."""
    announced = attachment.announced
    return {
        "id": attachment.id,
        "name": announced.name,
        "media_type": announced.media_type,
        "size": announced.size,
        "sha256": announced.sha256,
        "role": announced.role,
        "state": "stored" if attachment.stored else "announced",
        "href": f"/v1/documents/{attachment.document_id}/attachments/{attachment.id}/content",
    }


@router.post(
    _PLACE,
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
    """Announce a file: its name, size and digest; the bytes follow by PUT."""
    db: Database = request.app.state.db
    sender = caller.agency()
    announced = Announcement(body.name, body.media_type, body.size, body.sha256, body.role)
    check_announcement(announced)
    digest = await digest_of_json(request)

    async def work(conn: Connection) -> Response:
        attachment = await accept.announce(conn, DocumentId(document_id), announced, sender=sender)
        shown = as_json(attachment)
        shown["upload"] = {"put": shown["href"]}
        return answer(shown, 201, headers={"Location": shown["href"].removesuffix("/content")})

    return await db.as_caller(
        caller.visible,
        lambda conn: once(conn, request, caller, digest=digest, work=lambda: work(conn)),
    )


@router.put(
    _CONTENT,
    status_code=204,
    **told(
        "Send the bytes of an announced file",
        "Tải lên nội dung của tệp đã khai báo",
        refuses=(408, 409, 413, 415, 422, 507),
        extra=_BINARY,
    ),
)
async def put_content(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Sender
) -> Response:
    """Send the bytes of an announced file; stored only if they are the announced ones."""
    db: Database = request.app.state.db
    blobs: BlobStore = request.app.state.blobs
    sender = caller.agency()
    expected = await db.as_caller(
        caller.visible,
        lambda conn: accept.expect(
            conn, DocumentId(document_id), AttachmentId(attachment_id), sender=sender
        ),
    )
    _check_length(request, expected.announced)
    repr_digest = digest_in(request.headers.get("repr-digest"))
    lift(request, None)  # the store holds to the announced size
    with blobs.stage() as stage:
        blob = await stage.write(only_pdf(request.stream()), limit=expected.announced.size)

        async def step(conn: Connection) -> None:
            await accept.attach(conn, expected, blob, sender=sender, repr_digest=repr_digest)
            await stage.keep()  # behind every refusal

        await db.as_caller(caller.visible, step)
    reach("docs.upload.committed")
    return Response(status_code=204)


def _check_length(request: Request, announced: Announcement) -> None:
    declared = request.headers.get("content-length")
    if declared is not None and declared != str(announced.size):
        raise Problem(
            "DOC-4222",
            vi=f"Content-Length là {declared}, đã khai báo {announced.size}.",
            en=f"Content-Length is {declared}, announced was {announced.size}.",
            announced={"size": announced.size, "sha256": announced.sha256},
        )


@router.get(
    _PLACE + "/{attachment_id}",
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
    return answer(as_json(await _find(request, document_id, attachment_id, caller)))


@router.delete(
    _PLACE + "/{attachment_id}",
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


@router.get(
    _CONTENT,
    response_class=StreamingResponse,
    **told(
        "A file, or a range of it",
        "Nội dung của một tệp, hoặc một khoảng byte",
        refuses=(409, 416),
        extra=_DOWNLOAD,
    ),
)
async def get_content(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Reader
) -> Response:
    """Return a file, or a range of it; each block is checked before it is sent."""
    found = await _find(request, document_id, attachment_id, caller)
    if found.blocks is None:
        raise Problem("DOC-4093")
    announced = found.announced
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{announced.sha256}"',
        "Repr-Digest": repr_digest_of(announced.sha256),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(announced.name)}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    part = wanted_range(request, size=announced.size, etag=headers["ETag"])
    start, end = (0, announced.size) if part is None else part
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{announced.size}"
    blobs: BlobStore = request.app.state.blobs
    chunks = blobs.read(announced.sha256, blocks=found.blocks, start=start, end=end)
    try:
        first = await anext(chunks)  # a file whose first block is bad has no answer that is cut
    except (Corrupt, OSError) as error:
        raise Problem("DOC-5031", retry_after=_AGAIN_SECONDS) from error
    return StreamingResponse(
        _behind(first, chunks), 200 if part is None else 206, headers, announced.media_type
    )


async def _behind(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _find(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Caller
) -> Attachment:
    db: Database = request.app.state.db
    document = await db.as_caller(
        caller.visible,
        lambda conn: store.find(conn, DocumentId(document_id), readers=caller.visible),
    )
    for attachment in () if document is None else document.attachments:
        if attachment.id == attachment_id:
            return attachment
    raise Problem("REQ-4041")
