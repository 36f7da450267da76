"""The HTTP face of a service: problems, limits, trace headers; and its private health port."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import REGISTRY
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.errors import Problem
from shared.faults import from_request, problem_response
from shared.intake import Intake, trace_id
from shared.language import VARY, preferred, spoken_in
from shared.openapi import describe

_BY_STATUS = {
    400: "REQ-4001",
    404: "REQ-4041",
    405: "REQ-4051",
    406: "REQ-4061",
    413: "REQ-4131",
    415: "REQ-4151",
}
_log = structlog.get_logger()


class _App(FastAPI):
    """FastAPI whose request span follows our rule of trust, and whose OpenAPI names scopes."""

    edge: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _trust(scope, edge=self.edge)
        await super().__call__(scope, receive, send)


class _EdgeLink:
    """Links the request's span to the trace that a stranger sent, instead of joining it."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 (starlette's own type is private)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        foreign = scope.get("lienthong.foreign")
        if foreign is not None:
            trace.get_current_span().add_link(foreign)
        await self._app(scope, receive, send)


def _trust(scope: Scope, *, edge: bool) -> None:
    # Baggage is dropped everywhere. At the edge a stranger may neither choose our trace ids
    # nor force sampling, so its context is kept apart before FastAPI can take it as parent.
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    dropped = {b"baggage", b"traceparent", b"tracestate"} if edge else {b"baggage"}
    if edge:
        carrier = {k.decode(): v.decode("latin-1") for k, v in headers if k == b"traceparent"}
        context = TraceContextTextMapPropagator().extract(carrier)
        foreign = trace.get_current_span(context).get_span_context()
        if foreign.is_valid and carrier:
            scope["lienthong.foreign"] = foreign
    scope["headers"] = [(k, v) for k, v in headers if k not in dropped]


def create_app(
    *,
    title: str,
    routers: Sequence[APIRouter],
    edge: bool = False,
    first: Callable[[Request], Awaitable[None]] | None = None,
) -> FastAPI:
    """Return the service's application with its routes.

    Every error is `application/problem+json` (RFC 9457); bodies other than uploads are limited
    (`shared.intake.lift`); JSON is strict; `Trace-Id` and `traceresponse` are sent. `edge`: a
    caller's `traceparent` becomes a link of the request's span, not its parent, and the OpenAPI
    document is not served: the door has one for all services. `first` is asked before every route.
    The OpenAPI document needs no database: what routes need at run time is on `app.state`.
    """
    app = _App(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None if edge else "/openapi.json",
        redirect_slashes=False,
        telemetry={"operation_spans": False, "metrics": False, "logs": False},
    )
    app.edge = edge
    for router in routers:
        app.include_router(router, dependencies=[] if first is None else [Depends(first)])
    app.add_middleware(Intake)
    app.add_middleware(_EdgeLink)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(asyncpg.DataError, _unstorable)
    app.add_exception_handler(asyncpg.ProgramLimitExceededError, _unstorable)
    document = app.openapi

    def openapi() -> dict[str, Any]:
        return describe(document(), routers)

    app.openapi = openapi
    return app


def _render(request: Request, problem: Problem) -> Response:
    if problem.type.status >= 500:  # noqa: PLR2004
        _log.warning("request refused", code=problem.code, detail=problem.en)
    return problem_response(
        problem,
        path=request.url.path,
        trace_id=trace_id(request.scope),
        language=preferred(request.headers.get("accept-language")),
    )


def speak(
    request: Request,
    body: Any,  # noqa: ANN401 (any JSON)
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return JSON whose texts are in the reader's language (`Accept-Language`), and say so."""
    language = preferred(request.headers.get("accept-language"))
    told = {**(headers or {}), "Content-Language": language, "Vary": VARY}
    content = orjson.dumps(spoken_in(language, body), default=str)
    return Response(content, headers=told, media_type="application/json")


async def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return _render(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _render(request, from_request(error))


async def _plain(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, Problem):  # raised while FastAPI was reading the body
        return _render(request, error.__cause__)
    allow = (error.headers or {}).get("Allow")
    problem = Problem(_BY_STATUS.get(error.status_code, "REQ-4221"))
    if allow is not None:
        problem.extra["allow"] = allow
    return _render(request, problem)


async def _unstorable(request: Request, error: Exception) -> Response:
    # A value that no check of a route has refused and PostgreSQL cannot hold (a number beyond
    # its type, a word too long for an index): the caller's mistake, but the route should have
    # named the place.
    _log.warning("value beyond what PostgreSQL holds", exc_info=error)
    return _render(request, Problem("REQ-4221"))


@dataclass(frozen=True, slots=True)
class Labelled:
    """The values of a gauge that has one for each of several things."""

    label: str
    values: Mapping[str, float]


def private_app(
    *,
    checks: Mapping[str, Callable[[], Awaitable[str | None]]],
    gauges: Mapping[str, Callable[[], Awaitable[float | Labelled]]],
) -> FastAPI:
    """Return `/health/live`, `/health/ready` and `/metrics` of one instance.

    A check returns None when well, else a sentence; `/health/ready` answers 503 with all of them.
    Gauges are asked at each scrape; one that fails is left out, not shown as 0.
    """
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready")
    async def ready(response: Response) -> dict[str, Any]:
        found = {name: await check() for name, check in checks.items()}
        faults = {name: fault for name, fault in found.items() if fault is not None}
        response.status_code = 503 if faults else 200
        return {"status": "not ready" if faults else "ready", "faults": faults}

    @router.get("/metrics")
    async def metrics() -> Response:
        registry = CollectorRegistry()
        for name, ask in gauges.items():
            try:
                value = await ask()
            except (Problem, OSError, asyncpg.PostgresError):
                continue
            _set(name, value, registry)
        text = generate_latest(REGISTRY) + generate_latest(registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, telemetry={"tracing": False})
    app.include_router(router)
    return app


def _set(name: str, value: float | Labelled, registry: CollectorRegistry) -> None:
    if not isinstance(value, Labelled):
        Gauge(name, name, registry=registry).set(value)
        return
    gauge = Gauge(name, name, [value.label], registry=registry)
    for one, number in value.values.items():
        gauge.labels(one).set(number)
