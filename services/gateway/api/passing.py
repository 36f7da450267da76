"""The one route that passes everything that is not the gateway's own on to its owner."""

from typing import Any

from fastapi import APIRouter, Request
from opentelemetry import trace
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.gateway import tokens
from services.gateway.access import Route, Table
from services.gateway.forward import Forwarded, Passed, Upstreams
from services.gateway.points import Points
from shared.errors import Problem
from shared.intake import lift, own_pace

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

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
    lift(request, None)  # the owner knows how much a body may be
    own_pace(request)  # `Upstreams.send` waits for the body and its answer together
    upstreams: Upstreams = request.app.state.upstreams
    passed = Passed()
    points: Points = request.app.state.points
    name = None if caller is None else caller.client_id
    try:
        answer = await upstreams.send(route.service, request, passed)
    except (Problem, ClientDisconnect):
        _count(points, name, passed, failed=True)
        raise
    return _Counted(answer, points, name, passed)


def _count(points: Points, name: str | None, passed: Passed, *, failed: bool) -> None:
    if name is not None:
        points.count(name, bytes_in=passed.received, bytes_out=passed.sent, failed=failed)


class _Counted(Response):
    """An answer that is counted when it has ended, however it ends."""

    def __init__(self, answer: Forwarded, points: Points, name: str | None, passed: Passed) -> None:
        self._answer, self._points, self._name, self._passed = answer, points, name, passed
        self.status_code, self.raw_headers = answer.status_code, answer.raw_headers
        self.background = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        failed = True
        try:
            await self._answer(scope, receive, send)
            failed = self.status_code >= 500  # noqa: PLR2004
        finally:
            _count(self._points, self._name, self._passed, failed=failed)


def _name_span(route: Route) -> None:
    span = trace.get_current_span()
    span.update_name(f"{route.method} {route.path}")
    span.set_attribute("http.route", route.path)
