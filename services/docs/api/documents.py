"""`/v1/documents`: drafts and what became of them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.docs import accept
from services.docs.api.answered import DocumentItem, DocumentPage
from services.docs.api.answers import (
    Cursor,
    Limit,
    answer,
    bad_parameter,
    expected_versions,
    position,
    tag,
)
from services.docs.api.dispatches import resource, submitted
from services.docs.api.drafts import draft_as_json, draft_schema, merged, read_draft
from services.docs.api.intake_form import Form, read_form
from services.docs.api.shown import as_json, own_items
from services.docs.api.tables import AS_CSV, rows_wanted, table, wants_csv
from services.docs.dispatch import dispatch as send
from services.docs.document import DocumentState
from services.docs.store import agencies, dispatches
from services.docs.store import documents as store
from shared.blobs import BlobStore, Stage
from shared.db import Connection, Database
from shared.errors import Problem
from shared.failpoint import reach
from shared.idempotency import digest_of, once
from shared.identity import Caller, Scoped
from shared.ids import DocumentId
from shared.intake import is_json, strict_json
from shared.openapi import told

router = APIRouter(tags=["documents"])

Sender = Annotated[Caller, Depends(Scoped("documents.send"))]
Reader = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]


_COLUMNS = {
    "code": "code",
    "type": "type",
    "subject": "subject",
    "promulgated_on": "promulgated_on",
    "urgency": "urgency",
    "due_on": "due_on",
    "state": "state",
    "sender_code": "sender.code",
    "created_at": "created_at",
    "id": "id",
}
_FORMS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": draft_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["document", "main"],
                    "properties": {
                        "document": {"type": "string", "contentMediaType": "application/json"},
                        "main": {"type": "string", "format": "binary"},
                        "annex": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        },
                        "signature": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Behind an annex that is no PDF: its detached seal (CMS"
                            " in DER, to 64 KiB).",
                        },
                    },
                }
            },
        },
    }
}
_PATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/merge-patch+json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/v1/documents",
    status_code=201,
    **told(
        "Make a draft, or a whole document with its files; send it at once if asked",
        "Lập dự thảo, hoặc cả văn bản kèm tệp; gửi ngay nếu được yêu cầu",
        refuses=(409, 413, 415, 422, 507),
        extra=_FORMS,
        answers={201: DocumentItem, 202: DocumentItem},
    ),
)
async def post_document(request: Request, caller: Sender, *, dispatch: bool = False) -> Response:
    """Make a draft (JSON), or a whole document with its files (multipart, up to 8 MiB).

    With `dispatch=true` it is sent at once, in the same transaction: 202.
    """
    db: Database = request.app.state.db
    db.check_room()  # before megabytes are read that could not be kept
    blobs: BlobStore = request.app.state.blobs
    with blobs.stage() as stage:
        form = await _read(request, stage)
        made = await _make(request, caller, form, stage, dispatch=dispatch)
    reach("docs.document.committed")
    return made


async def _make(
    request: Request, caller: Caller, form: Form, stage: Stage, *, dispatch: bool
) -> Response:
    db: Database = request.app.state.db
    sender = caller.agency()

    async def work(conn: Connection) -> Response:
        document_id = await accept.accept(
            conn, form.draft, files=form.files, sender=sender, client_id=caller.client_id
        )
        if dispatch:
            await send(
                conn,
                dispatch_id=submitted(request, caller),
                document_id=document_id,
                sender=sender,
            )
        body, version = await _own(conn, document_id, caller)
        headers = {"Location": f"/v1/documents/{document_id}", **tag(version)}
        await stage.keep()  # the last that may fail before the commit: a refusal leaves no file
        return answer(body, 202 if dispatch else 201, headers=headers)

    return await db.as_caller(
        caller.visible,
        once(request, caller, digest=form.digest, work=work),
        by_keys=True,
    )


async def _read(request: Request, stage: Stage) -> Form:
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return await read_form(request, stage)
    if not is_json(content_type):
        raise Problem("REQ-4151")
    value = strict_json(await request.body())
    return Form(read_draft(value), (), digest_of(value))


@router.get(
    "/v1/documents",
    **told(
        "Own documents, drafts and sent ones, the newest first",
        "Văn bản của mình, dự thảo và đã gửi, mới nhất trước",
        refuses=(406,),
        extra=AS_CSV,
        answers={200: DocumentPage},
    ),
)
async def get_documents(
    request: Request,
    caller: Sender,
    *,
    state: DocumentState | None = None,
    code: Annotated[
        str | None, Query(max_length=50, description="Number and notation, as on paper.")
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """List the caller's own documents, drafts and sent ones, the newest first; JSON or CSV."""
    db: Database = request.app.state.db
    rows, before = rows_wanted(request, limit), _before(cursor)
    named = not wants_csv(request)  # it has no column for them

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], str | None]:
        found = await store.page(
            conn,
            store.Wanted(state, code),
            senders=caller.visible,
            before=before,
            limit=rows + 1,
            named=named,
        )
        shown = found[:rows]
        last = str(shown[-1].id) if len(found) > rows else None
        return await own_items(conn, shown), last

    items, last = await db.as_caller(caller.visible, read)
    return await table(request, items, columns=_COLUMNS, name="documents", last=last)


def _before(cursor: str | None) -> DocumentId | None:
    key = position(cursor)
    try:
        return None if key is None else DocumentId(UUID(key))
    except ValueError:
        raise bad_parameter("cursor") from None


@router.get(
    "/v1/documents/{document_id}",
    **told(
        "One document, for its sender and its recipients",
        "Một văn bản, cho bên gửi và các nơi nhận",
        answers={200: DocumentItem},
    ),
)
async def get_document(request: Request, document_id: UUID, caller: Reader) -> Response:
    """Return a document to its sender, or to a recipient that holds its delivery."""
    db: Database = request.app.state.db
    body, version = await db.as_caller(
        caller.visible, lambda conn: _own(conn, DocumentId(document_id), caller)
    )
    return answer(body, headers=tag(version))


@router.patch(
    "/v1/documents/{document_id}",
    **told(
        "Change a draft by a merge patch",
        "Sửa dự thảo bằng merge patch",
        refuses=(409, 412, 415, 422),
        extra=_PATCH,
        answers={200: DocumentItem},
    ),
)
async def patch_document(request: Request, document_id: UUID, caller: Sender) -> Response:
    """Change a draft by a merge patch (RFC 7396)."""
    db: Database = request.app.state.db
    sender, expected = caller.agency(), expected_versions(request)
    if not is_json(request.headers.get("content-type", "")):
        raise Problem("REQ-4151")
    patch = strict_json(await request.body())

    async def step(conn: Connection) -> Response:
        await accept.change(
            conn,
            DocumentId(document_id),
            lambda draft: read_draft(merged(draft_as_json(draft), patch)),
            sender=sender,
            expected=expected,
        )
        body, version = await _own(conn, DocumentId(document_id), caller)
        return answer(body, headers=tag(version))

    return await db.as_caller(caller.visible, step)


@router.delete(
    "/v1/documents/{document_id}",
    status_code=204,
    **told("Delete a draft", "Xóa dự thảo", refuses=(409, 412)),
)
async def delete_document(request: Request, document_id: UUID, caller: Sender) -> Response:
    """Delete a draft."""
    db: Database = request.app.state.db
    sender, expected = caller.agency(), expected_versions(request)
    await db.as_caller(
        caller.visible,
        lambda conn: accept.discard(
            conn, DocumentId(document_id), sender=sender, expected=expected
        ),
    )
    return Response(status_code=204)


async def _own(
    conn: Connection, document_id: DocumentId, caller: Caller
) -> tuple[dict[str, Any], int]:
    """Return a document as this caller sees it, and its version. Raises REQ-4041."""
    document = await store.find(conn, document_id, readers=caller.visible)
    if document is None:
        raise Problem("REQ-4041")
    own = document.sender_id in caller.visible
    if not own:
        senders = await agencies.by_ids(conn, [document.sender_id])
        return as_json(document, senders[document.sender_id]), document.version
    [body] = await own_items(conn, [document])
    if document.state is DocumentState.DISPATCHED:
        latest = await dispatches.latest(conn, document_id, senders=caller.visible)
        if latest is not None:
            body["dispatch"] = await resource(conn, latest, caller)
    return body, document.version
