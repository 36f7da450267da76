"""Connection points: who has been here, how often, and how much has passed, agency by agency."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from services.gateway.api.lists import Cursor, Limit, as_csv, next_page, position, wants_csv
from services.gateway.api.points_shown import (
    COLUMNS,
    Connection,
    ConnectionPage,
    Hour,
    State,
    detail_shown,
    point_shown,
    row_shown,
)
from services.gateway.store import points as store
from services.gateway.store.points import NOBODY, Point, System, Wanted
from shared import agencies, db
from shared.agencies import KnownAgency
from shared.db import Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter()

Level = Annotated[str | None, Query(max_length=40, examples=["commune"])]
Under = Annotated[
    str | None,
    Query(max_length=35, description="Below this agency, at any depth.", examples=["H14"]),
]


@router.get(
    "/v1/connections",
    response_model=ConnectionPage,
    **told(
        "List all connection points, those never seen among them (JSON or CSV)",
        "Liệt kê mọi điểm kết nối, kể cả nơi chưa từng kết nối (JSON hoặc CSV)",
        refuses=(406,),
    ),
)
async def get_connections(
    request: Request,
    _caller: Annotated[Caller, Depends(Scoped("operator"))],
    *,
    level: Level = None,
    under: Under = None,
    state: State | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Return the agencies that are not closed, by code; sums may be some seconds old."""
    table: Database = request.app.state.db

    async def read(conn: db.Connection) -> tuple[list[Point], list[System], Hour]:
        above = None if under is None else (await _known(conn, under, "under")).id
        wanted = Wanted(
            level=level, under=above, state=state, after=position(cursor), limit=limit + 1
        )
        found = await store.points(conn, wanted)
        ids = [point.id for point in found]
        systems = await store.systems(conn, ids)
        return found, systems, Hour(*await store.minutes(conn, ids))

    found, systems, hour = await table.as_worker(read)
    page = [point_shown(point, _of(systems, point), hour) for point in found[:limit]]
    following, headers = next_page(request, page[-1].agency if len(found) > limit else None)
    if wants_csv(request):
        answer = as_csv("connections.csv", COLUMNS, map(row_shown, page))
        answer.headers.update(headers)
        return answer
    body = ConnectionPage(items=page, next_cursor=following).model_dump(mode="json")
    return JSONResponse(body, headers={**headers, "Vary": "Accept"})


@router.get(
    "/v1/agencies/{code}/connection",
    **told(
        "See an agency's connection: one's own, or any for an operator",
        "Xem kết nối của một cơ quan: của chính mình, hoặc bất kỳ với người vận hành",
        refuses=(404,),
    ),
)
async def get_connection(
    request: Request,
    code: str,
    caller: Annotated[Caller, Depends(Scoped("operator", "documents.send", "documents.receive"))],
) -> Connection:
    """Return last contact, state, errors and throughput of an agency and of its systems."""
    table: Database = request.app.state.db

    async def read(conn: db.Connection) -> Connection:
        known = (await agencies.find(conn, [code])).get(code)
        own = known is not None and known.id in {agency.id for agency in caller.agencies}
        if known is None or not (own or "operator" in caller.scopes):
            raise Problem("REQ-4041")
        (point,) = await store.points(conn, Wanted(code=known.code))
        systems = await store.systems(conn, [known.id])
        names = [system.client_id for system in systems]
        hour = Hour(*await store.minutes(conn, [known.id, NOBODY], of=names))
        return detail_shown(point, systems, hour)

    return await table.as_worker(read)


async def _known(conn: db.Connection, code: str, parameter: str) -> KnownAgency:
    known = (await agencies.find(conn, [code])).get(code)
    if known is None:
        vi, en = f"Không có cơ quan {code}.", f"There is no agency {code}."
        raise Problem("REQ-4003", faults=[Fault(f"/{parameter}", vi, en, "query")])
    return known


def _of(systems: Sequence[System], point: Point) -> list[System]:
    return [system for system in systems if system.agency == point.id]
