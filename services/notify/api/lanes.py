"""The operator's route of lanes: one that stopped is tried again."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.notify import deliver
from shared import agencies
from shared.chain import Lane
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["operating"])

_log = structlog.get_logger()


@router.post(
    "/v1/lanes/{agency_code}/{lane}/restart",
    status_code=202,
    response_class=Response,
    **told(
        "Let a stopped lane be tried again",
        "Cho một làn đã dừng hoạt động lại",
        refuses=(404,),
        keyed=False,
    ),
)
async def post_restart(
    request: Request,
    caller: Annotated[Caller, Depends(Scoped("operator"))],
    agency_code: str,
    lane: Lane,
) -> Response:
    """Let a lane that stopped read on from docs. While the two still differ, it stops again.

    Nothing is passed over and nothing changed; a lane that runs is left as it is.
    """
    db: Database = request.app.state.db

    async def restart(conn: Connection) -> None:
        known = (await agencies.find(conn, [agency_code])).get(agency_code)
        if known is None or not await deliver.restart(conn, (known.id, lane)):
            raise Problem("REQ-4041")

    await db.as_worker(restart)
    _log.warning("lane restarted", agency=agency_code, lane=lane, client=caller.client_id)
    return Response(status_code=202)
