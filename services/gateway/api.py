"""The gateway's own routes, and the one that passes everything else on to its owner."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from opentelemetry import trace
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from services.gateway import store, tokens
from services.gateway.access import Route, Table
from services.gateway.forward import Forwarded, Passed, Upstreams
from services.gateway.issue import Issuer
from services.gateway.points import Points
from shared.db import Database
from shared.errors import Problem, problem_types
from shared.http import create_app
from shared.identity import INTERNAL, Caller, Scoped
from shared.intake import LIMIT, MULTIPART_LIMIT, lift
from shared.tokens import MAX_AGENCIES

FORM = "application/x-www-form-urlencoded"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_MAX_AGE = {"Cache-Control": "public, max-age=300"}

router = APIRouter()
forwarding = APIRouter(include_in_schema=False)

Anyone = Annotated[Caller, Depends(Scoped())]


@router.post("/oauth/token")
async def post_token(request: Request) -> Response:
    """Give an access token for client credentials (RFC 6749 4.4, RFC 7523, RFC 8707)."""
    issuer = _issuer(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem("REQ-4151", en=f"Send {FORM}.", vi=f"Gửi {FORM}.")
    return await issuer.answer(await request.body(), request.headers.get("authorization"))


@router.get("/.well-known/oauth-authorization-server")
async def get_metadata(request: Request) -> Response:
    """Return the issuer's metadata (RFC 8414)."""
    return JSONResponse(_issuer(request).metadata(), headers=_MAX_AGE)


@router.get("/.well-known/jwks.json")
async def get_jwks(request: Request) -> Response:
    """Return the public keys of tokens, those that will sign and have signed included."""
    return JSONResponse(_issuer(request).jwks(), headers=_MAX_AGE)


@router.get("/v1")
async def get_entry(caller: Anyone) -> dict[str, Any]:
    """Return where to go from here."""
    return {
        "client_id": caller.client_id,
        "links": {
            "me": "/v1/me",
            "agencies": "/v1/agencies",
            "documents": "/v1/documents",
            "deliveries": "/v1/deliveries",
            "inbox": "/v1/inbox",
            "events": "/v1/events",
            "problems": "/v1/problems",
        },
    }


@router.get("/v1/me")
async def get_me(caller: Anyone) -> dict[str, Any]:
    """Return who the caller is: system, agencies, scopes, limits."""
    return {
        "client_id": caller.client_id,
        "scopes": sorted(caller.scopes),
        "token_issued_at": caller.issued_at,
        "agencies": [
            {"id": agency.id, "code": agency.code, "level": agency.level}
            for agency in caller.agencies
        ],
        "limits": {
            "agencies": MAX_AGENCIES,
            "json_bytes": LIMIT,
            "multipart_bytes": MULTIPART_LIMIT,
        },
    }


@router.get("/v1/problems")
async def get_problems(_caller: Anyone) -> dict[str, Any]:
    """Return every problem that the exchange can name."""
    return {"items": [_problem(code) for code in problem_types()]}


@router.get("/v1/problems/{code}")
async def get_problem(code: str, _caller: Anyone) -> dict[str, Any]:
    """Return what a problem means and the way out of it."""
    if code not in problem_types():
        raise Problem("REQ-4041")
    return _problem(code)


@router.get("/internal/clients")
async def get_clients(
    request: Request,
    _caller: Annotated[Caller, Depends(Scoped(INTERNAL))],
    after: Annotated[int, Query(ge=0, lt=1 << 62)] = 0,
) -> dict[str, Any]:
    """Return the clients that changed after a version, in their present state."""
    db: Database = request.app.state.db
    version = await db.as_worker(store.clients_version)
    items = await db.as_worker(lambda conn: store.clients_after(conn, after))
    return {"version": version, "items": items}


@forwarding.api_route("/{path:path}", methods=_METHODS)
async def forward(request: Request) -> Response:
    """Authenticate, look the route up, and stream the request to the service that owns it."""
    table: Table = request.app.state.table
    route = table.match(request.method, request.url.path)
    _name_span(route)
    if route.service == "gateway":
        raise Problem("REQ-4041")
    caller = await tokens.caller(request, route)
    lift(request, None)  # the owner knows how much a body may be
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


def _issuer(request: Request) -> Issuer:
    issuer: Issuer | None = request.app.state.issuer
    if issuer is None:  # tokens come from an issuer outside
        raise Problem("REQ-4041")
    return issuer


def _problem(code: str) -> dict[str, Any]:
    row = problem_types()[code]
    return {
        "type": f"/v1/problems/{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "title_en": row.title_en,
        "hint": row.hint,
        "hint_en": row.hint_en,
    }


def create() -> FastAPI:
    """Return the gateway's application; `__main__` gives it what it needs at run time."""
    return create_app(title="Liên thông: gateway", routers=[router, forwarding], edge=True)
