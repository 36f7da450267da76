"""Connection points: who has been here, when, and how much has passed."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.gateway import store
from services.gateway.store import Point
from shared import agencies
from shared.db import Database
from shared.errors import Problem
from shared.identity import Caller, Scoped

router = APIRouter()


@router.get("/v1/connections")
async def get_connections(
    request: Request, _caller: Annotated[Caller, Depends(Scoped("operator"))]
) -> dict[str, Any]:
    """Return all connection points; their sums may be some seconds old."""
    db: Database = request.app.state.db
    points = await db.as_worker(lambda conn: store.points(conn, codes=None))
    return {"items": _rendered(points)}


@router.get("/v1/agencies/{code}/connection")
async def get_connection(
    request: Request,
    code: str,
    caller: Annotated[Caller, Depends(Scoped("operator", "documents.send", "documents.receive"))],
) -> dict[str, Any]:
    """Return the connection points of an agency: one's own, or any for an operator."""
    db: Database = request.app.state.db
    found = (await db.as_worker(lambda conn: agencies.find(conn, [code]))).get(code)
    own = found is not None and found.id in {agency.id for agency in caller.agencies}
    if found is None or not (own or "operator" in caller.scopes):
        raise Problem("REQ-4041")
    codes = [found.code, *found.other_codes]
    points = await db.as_worker(lambda conn: store.points(conn, codes=codes))
    return {"agency": found.code, "items": _rendered(points)}


def _rendered(points: Iterable[Point]) -> list[dict[str, Any]]:
    return [
        {
            "client_id": point.client_id,
            "agencies": len(point.agencies),
            "state": point.state,
            "last_seen": point.last_seen,
            "requests": point.traffic.requests,
            "errors": point.traffic.errors,
            "bytes_in": point.traffic.bytes_in,
            "bytes_out": point.traffic.bytes_out,
        }
        for point in points
    ]
