"""`/v1/documents/{id}/attachments/{id}`: a file's bytes sent and fetched, its seal fetched."""

from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from services.docs import accept
from services.docs.api.attachments import PLACE, Reader, Sender, find_file
from services.docs.api.ranges import wanted_range
from services.docs.attachment import digest_in, kind_of, only, repr_digest_of
from services.docs.document import Announcement
from shared.blobs import BlobStore, Corrupt
from shared.db import Connection, Database
from shared.errors import Problem
from shared.failpoint import reach
from shared.ids import AttachmentId, DocumentId
from shared.intake import lift
from shared.openapi import told

router = APIRouter(tags=["documents"])

_CONTENT = PLACE + "/{attachment_id}/content"
_SIGNATURE = PLACE + "/{attachment_id}/signature"
CMS = "application/pkcs7-signature"
"""Of a detached signature (RFC 8551 3.2)."""
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"application/pdf": _BYTES, "*/*": _BYTES}
"""An annex with a detached seal may be of any listed kind."""
_SENT = {"application/pdf": _BYTES, "application/octet-stream": _BYTES}
_BINARY = {"requestBody": {"required": True, "content": _SENT}}
_AGAIN_SECONDS = 60
"""An operator brings a file that is lost, or not what it was, back from the backup."""
_DOWNLOAD = {
    "responses": {
        "200": {"description": "The whole file", "content": _FILE},
        "206": {"description": "The range asked for", "content": _FILE},
        "304": {"description": "The file is the one of If-None-Match"},
    }
}
_CMS = {"responses": {"200": {"description": "The CMS, in DER", "content": {CMS: _BYTES}}}}


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
    chunks = only(kind_of(expected.announced), request.stream())
    lift(request, None)  # the store holds to the announced size
    with blobs.stage() as stage:
        blob = await stage.write(chunks, limit=expected.announced.size)

        async def step(conn: Connection) -> None:
            await accept.attach(
                conn,
                expected.document_id,
                expected.id,
                blob,
                sender=sender,
                repr_digest=repr_digest,
            )
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
    found = await find_file(request, document_id, attachment_id, caller)
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


@router.get(
    _SIGNATURE,
    response_class=Response,
    **told(
        "The detached seal of a file that is no PDF",
        "Chữ ký số rời của một tệp không phải PDF",
        extra=_CMS,
    ),
)
async def get_file_signature(
    request: Request, document_id: UUID, attachment_id: UUID, caller: Reader
) -> Response:
    """Return the detached signature (CMS, DER) to whoever may read the file; 404: it has none."""
    found = await find_file(request, document_id, attachment_id, caller)
    sha256 = found.announced.signature_sha256
    if sha256 is None:
        vi, en = "Tệp này không có chữ ký số rời.", "This file has no detached signature."
        raise Problem("REQ-4041", vi=vi, en=en)
    blobs: BlobStore = request.app.state.blobs
    try:
        content = b"".join([one async for one in blobs.read(sha256, blocks=bytes.fromhex(sha256))])
    except (Corrupt, OSError) as error:
        raise Problem("DOC-5031", retry_after=_AGAIN_SECONDS) from error
    headers = {
        "ETag": f'"{sha256}"',
        "Repr-Digest": repr_digest_of(sha256),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.announced.name)}.p7s",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    return Response(content, headers=headers, media_type=CMS)


async def _behind(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
