"""`/v1/documents/{id}/timeline`: all that happened, in order, for the sender and recipients."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.docs.api.answered import Timeline
from services.docs.api.answers import Cursor, Limit, bad_parameter, position
from services.docs.api.tables import AS_CSV, rows_wanted, table
from services.docs.store import agencies, documents
from services.docs.store.timeline import Moment, Place, moments
from services.docs.wording import told as worded
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped
from shared.ids import AgencyId, DocumentId
from shared.openapi import told

router = APIRouter(tags=["documents"])

Party = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]

Recipient = Annotated[
    str | None, Query(max_length=35, description="Only this recipient, by a code of any form.")
]

_PLACE_PARTS = 3
_LARGEST_RANK = 1_000
_NAMES = (
    "at", "what", "by", "recipient", "code", "detail", "text", "text_en", "subject", "trace_id",
)  # fmt: skip
_COLUMNS = {name: name for name in _NAMES}


@router.get(
    "/v1/documents/{document_id}/timeline",
    **told(
        "All that happened to a document, in order",
        "Mọi việc đã xảy ra với một văn bản, theo thứ tự",
        refuses=(406,),
        extra=AS_CSV,
        answers={200: Timeline},
    ),
)
async def get_timeline(
    request: Request,
    document_id: UUID,
    caller: Party,
    *,
    recipient: Recipient = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Tell what happened, oldest first, as JSON or CSV: all to the sender, its own to a recipient.

    `text` follows `Accept-Language`; English has `text_vi` beside it. `trace_url`: operators only.
    """
    db: Database = request.app.state.db
    rows, after = rows_wanted(request, limit), _place(cursor)

    async def read(conn: Connection) -> tuple[list[Moment], Mapping[AgencyId, str]]:
        document = await documents.find(conn, DocumentId(document_id), readers=caller.visible)
        if document is None:
            raise Problem("REQ-4041")
        found = await moments(
            conn,
            document.id,
            parties=caller.visible,
            recipient=None if recipient is None else await _known(conn, recipient),
            after=after,
            limit=rows + 1,
        )
        return found, await _codes(conn, found)

    found, codes = await db.as_caller(caller.visible, read)
    traces = _traces(request, caller)
    return await table(
        request,
        [_as_json(one, codes, traces=traces) for one in found[:rows]],
        columns=_COLUMNS if traces is None else {**_COLUMNS, "trace_url": "trace_url"},
        name=f"timeline-{document_id}",
        last=_key(found[rows - 1].place) if len(found) > rows else None,
        spoken=True,
    )


def _traces(request: Request, caller: Caller) -> str | None:
    """Return what trace ids are put behind, for operators only: traces themselves have no login."""
    return getattr(request.app.state, "trace_url", None) if "operator" in caller.scopes else None


async def _known(conn: Connection, code: str) -> AgencyId:
    agency = await agencies.find(conn, code)
    if agency is None:
        vi, en = f"Không có cơ quan mang mã {code}.", f"No agency has the code {code}."
        raise Problem("REQ-4003", faults=[Fault("/recipient", vi, en, "query")])
    return agency.id


async def _codes(conn: Connection, found: Sequence[Moment]) -> Mapping[AgencyId, str]:
    ids = {id_ for one in found for id_ in (one.by, one.recipient) if id_ is not None}
    return {id_: agency.code for id_, agency in (await agencies.by_ids(conn, list(ids))).items()}


def _as_json(one: Moment, codes: Mapping[AgencyId, str], *, traces: str | None) -> dict[str, Any]:
    text = worded(one.what, code=one.code, detail=one.detail)
    shown: dict[str, Any] = {
        "at": one.place.at,
        "what": one.what,
        "by": None if one.by is None else codes.get(one.by),
        "recipient": None if one.recipient is None else codes.get(one.recipient),
        "code": one.code,
        "detail": one.detail,
        "text": text.vi,
        "text_en": text.en,
        "subject": one.subject,
        "trace_id": one.trace_id,
    }
    if traces is not None:
        shown["trace_url"] = None if one.trace_id is None else traces + one.trace_id
    return shown


def _place(cursor: str | None) -> Place | None:
    key = position(cursor)
    if key is None:
        return None
    parts = key.split(" ", _PLACE_PARTS - 1)
    try:
        at, rank, rest = parts
        known = Place(datetime.fromisoformat(at), int(rank), rest)
    except ValueError:
        raise bad_parameter("cursor") from None
    if known.at.tzinfo is None or not 0 <= known.rank <= _LARGEST_RANK:
        raise bad_parameter("cursor")
    return known


def _key(place: Place) -> str:
    return f"{place.at.isoformat()} {place.rank} {place.key}"
