"""What an operator may see and do in every service: parked records, and the level of its log."""

import logging
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from shared import parking
from shared.db import Database
from shared.errors import Problem
from shared.events.topics import Service
from shared.identity import Caller, Scoped
from shared.openapi import Told, told

Operator = Annotated[Caller, Depends(Scoped("operator"))]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_log = structlog.get_logger()


class ParkedItem(BaseModel):
    """A record that could not be handled, or a row that could not be sent; never its content."""

    id: str
    topic: str
    key: str
    event_id: str
    cause: str | None
    """None: it waits behind an earlier one of its key."""
    parked_at: datetime
    trace_id: str | None
    """The trace of its document: `make trace`, or Jaeger."""


class ParkedPage(BaseModel):
    """Everything parked in a service, oldest first (at most 1,000)."""

    items: list[ParkedItem]


class LogLevel(BaseModel):
    """From which level on this instance speaks."""

    level: Literal["debug", "info", "warning", "error"]


def _list_told(service: Service) -> Told:
    return told(
        f"What {service} could not handle or send, with reason and trace",
        f"Những gì {service} không xử lý hoặc không gửi được, kèm lý do và mã vết",
    )


def _release_told(service: Service) -> Told:
    return told(
        f"Let {service} try a parked record again, and those that wait behind it",
        f"Cho {service} thử lại một bản ghi bị gác lại và các bản ghi chờ sau nó",
        refuses=(404,),
        keyed=False,
    )


def _level_told(service: Service) -> Told:
    return told(
        f"Change from which level on the log of {service} speaks, until it ends",
        f"Đổi mức ghi nhật ký của {service} cho đến khi tiến trình kết thúc",
        refuses=(422,),
    )


def router(service: Service, *, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """Return the operator's routes of one service."""
    made = APIRouter(tags=["operating"], route_class=route_class)

    @made.get(f"/v1/parked/{service}", **_list_told(service))
    async def get_parked(request: Request, _caller: Operator) -> ParkedPage:
        """List what is parked."""
        db: Database = request.app.state.db
        found = await db.as_worker(parking.listing)
        return ParkedPage(
            items=[ParkedItem.model_validate(one, from_attributes=True) for one in found]
        )

    @made.post(
        f"/v1/parked/{service}/{{item_id}}/release",
        status_code=202,
        response_class=Response,
        **_release_told(service),
    )
    async def post_release(request: Request, caller: Operator, item_id: str) -> Response:
        """Let a parked record be tried again, and then those that wait behind it."""
        db: Database = request.app.state.db
        if not await db.as_worker(lambda conn: parking.release(conn, item_id)):
            raise Problem("REQ-4041")
        _log.warning("parked record released", item=item_id, client=caller.client_id)
        return Response(status_code=202)

    @made.put(f"/v1/log-level/{service}", **_level_told(service))
    async def put_log_level(caller: Operator, body: LogLevel) -> LogLevel:
        """Change the level of this instance's log, until it ends."""
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[body.level])
        )
        _log.warning("log level changed", to=body.level, client=caller.client_id)
        return body

    return made
