"""`/internal/agencies`: the directory for the projections of the other services."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.docs.api.answers import answer
from services.docs.store import agencies as store
from shared.db import Connection, Database
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["internal"])

_MOST = 5_000


@router.get(
    "/internal/agencies",
    **told(
        "Agencies that changed after a version, for projections",
        "Các cơ quan đã thay đổi sau một phiên bản, cho các dịch vụ",
    ),
)
async def get_agencies(
    request: Request,
    _: Annotated[Caller, Depends(Scoped("internal"))],
    after: Annotated[int, Query(ge=0, lt=1 << 63)] = 0,
) -> Response:
    """Return the agencies that changed after a version, as events; `version` is how far this goes.

    One who knows a version that the directory has not reached (it was restored) gets everything.
    """
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        version = await store.version(conn)
        since = after if after <= version else 0
        found = await store.changed_since(conn, since, limit=_MOST)
        if len(found) == _MOST:
            version = found[-1].version
        items = [agency.event().model_dump(mode="json") for agency in found]
        return answer({"version": version, "items": items})

    return await db.as_worker(read)
