"""The one route that passes everything that is not the gateway's own on to its owner."""

from fastapi import APIRouter, Request
from opentelemetry import trace
from starlette.responses import JSONResponse, Response

from services.gateway import tokens
from services.gateway.access import Route, Table
from services.gateway.forward import Ending, Upstreams
from services.gateway.limits import Limits
from shared.errors import Problem
from shared.intake import APART, is_json, lift

# The others are refused here too, so that the table says what is allowed instead.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_POLL = ("POST", "/v1/inbox/leases")

router = APIRouter(include_in_schema=False)


@router.api_route("/{path:path}", methods=_METHODS)
async def forward(request: Request) -> Response:
    """Authenticate, look the route up, and stream the request to the service that owns it."""
    table: Table = request.app.state.table
    route = table.match(request.method, request.url.path)
    _name_span(route)
    if route.service == "gateway":
        raise Problem("REQ-4041")
    caller = await tokens.caller(request, route)
    if is_json(request.headers.get("content-type", "")) and (route.method, route.path) not in APART:
        await request.body()  # whole and strict, before anything is passed on
    lift(request, None)  # the owner knows how much a body may be
    upstreams: Upstreams = request.app.state.upstreams
    limits: Limits = request.app.state.limits
    async with limits.turn(None if caller is None else caller.client_id, request.url.path):
        try:
            return await upstreams.send(route.service, request)
        except Ending:
            if (route.method, route.path) != _POLL:
                raise
            return JSONResponse({"leases": []})  # as its owner answers when it ends


def _name_span(route: Route) -> None:
    span = trace.get_current_span()
    span.update_name(f"{route.method} {route.path}")
    span.set_attribute("http.route", route.path)
