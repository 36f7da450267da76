"""`/v1/documents/{id}/dispatches` and `/v1/dispatches`: sending, and what became of it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from services.docs.api.answered import CopyPage, DispatchItem
from services.docs.api.answers import Cursor, Limit, answer, digest_of_json, position
from services.docs.api.matrix import COLUMNS, as_item, reason
from services.docs.api.recipients import Recipients, choices
from services.docs.api.tables import AS_CSV, rows_wanted, table
from services.docs.dispatch import dispatch, submission_id
from services.docs.progress import Progress, progress
from services.docs.store import dispatches
from services.docs.store import progress as store
from services.docs.store.progress import Standing
from services.docs.store.verdicts import Judgement
from shared.db import Connection, Database
from shared.errors import Problem
from shared.failpoint import reach
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.ids import DispatchId, DocumentId
from shared.openapi import told

router = APIRouter(tags=["dispatches"])

Sender = Annotated[Caller, Depends(Scoped("documents.send"))]


class DispatchRequest(BaseModel):
    """Whom to send to; nobody named: the recipients of the draft."""

    recipients: Recipients | None = None


@router.post(
    "/v1/documents/{document_id}/dispatches",
    status_code=202,
    **told(
        "Send a document to its recipients",
        "Gửi văn bản tới các nơi nhận",
        refuses=(409, 422),
        answers={202: DispatchItem},
    ),
)
async def post_dispatch(
    request: Request, document_id: UUID, caller: Sender, body: DispatchRequest | None = None
) -> Response:
    """Send a document to its recipients. Answers before it was examined: follow the dispatch."""
    db: Database = request.app.state.db
    digest = await digest_of_json(request)
    named = None if body is None or body.recipients is None else choices(body.recipients)

    async def work(conn: Connection) -> Response:
        dispatch_id = await dispatch(
            conn,
            dispatch_id=submitted(request, caller),
            document_id=DocumentId(document_id),
            sender=caller.agency(),
            recipients=named,
        )
        body = await resource(conn, dispatch_id, caller)
        return answer(body, 202, headers={"Location": f"/v1/dispatches/{dispatch_id}"})

    sent = await db.as_caller(
        caller.visible,
        once(request, caller, digest=digest, work=work),
        by_keys=True,
    )
    reach("docs.dispatch.committed")
    return sent


@router.get(
    "/v1/dispatches/{dispatch_id}",
    **told("Where a dispatch stands", "Tình trạng của một lượt gửi", answers={200: DispatchItem}),
)
async def get_dispatch(request: Request, dispatch_id: UUID, caller: Sender) -> Response:
    """Return where a dispatch stands: counts by state and level, verdicts, reasons."""
    db: Database = request.app.state.db
    body = await db.as_caller(
        caller.visible, lambda conn: resource(conn, DispatchId(dispatch_id), caller)
    )
    return answer(body)


@router.get(
    "/v1/dispatches/{dispatch_id}/deliveries",
    **told(
        "Where each recipient's copy stands",
        "Tình trạng bản gửi của từng nơi nhận",
        refuses=(406,),
        extra=AS_CSV,
        answers={200: CopyPage},
    ),
)
async def get_dispatch_deliveries(
    request: Request,
    dispatch_id: UUID,
    caller: Sender,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Return where each recipient's copy stands, by code: a page of JSON, or all as CSV."""
    db: Database = request.app.state.db
    rows, after = rows_wanted(request, limit), position(cursor) or ""

    async def read(conn: Connection) -> list[Standing]:
        found = await dispatches.find(conn, DispatchId(dispatch_id), senders=caller.visible)
        if found is None:
            raise Problem("REQ-4041")
        return await store.page(conn, found.id, after=after, limit=rows + 1)

    found = await db.as_caller(caller.visible, read)
    return await table(
        request,
        [as_item(row) for row in found[:rows]],
        columns=COLUMNS,
        name=f"deliveries-{dispatch_id}",
        last=found[rows - 1].recipient_code if len(found) > rows else None,
    )


def submitted(request: Request, caller: Caller) -> DispatchId:
    """Return the id of what this request submits: the same in all its repetitions."""
    return submission_id(
        client_id=caller.client_id,
        agency=caller.agency().id,
        path=request.url.path,
        key=request.headers.get("idempotency-key", ""),
    )


async def resource(conn: Connection, dispatch_id: DispatchId, caller: Caller) -> dict[str, Any]:
    """Return a dispatch as its sender sees it. Raises Problem REQ-4041 for anyone else."""
    found = await progress(conn, dispatch_id, senders=caller.visible)
    if found is None:
        raise Problem("REQ-4041")
    return as_json(found)


def as_json(found: Progress) -> dict[str, Any]:
    """Return a dispatch in the shape of the API."""
    row = found.dispatch
    return {
        "id": row.id,
        "document_id": row.document_id,
        "code": row.document_code,
        "lane": row.lane,
        "turn": row.turn,
        "urgency": row.urgency,
        "state": row.state,
        "accepted_at": row.accepted_at,
        "cleared_at": row.cleared_at,
        "recipients": row.recipients,
        "counts": found.counts,
        "by_level": found.by_level,
        "by_status": found.by_status,
        "verdicts": [
            _judgement(one, attachment=file.attachment_id)
            for file in row.files
            for one in found.judgements
            if one.sha256 == file.sha256
        ],
        "reason": reason(row.reason),
        "warnings": row.warnings,
        "trace_id": None if row.traceparent is None else row.traceparent.split("-")[1],
    }


def _judgement(one: Judgement, *, attachment: UUID) -> Mapping[str, Any]:
    return {
        "attachment_id": attachment,
        "sha256": one.sha256,
        "indication": one.indication,
        "reason": reason(one.reason),
        "judged_at": one.judged_at,
    }
