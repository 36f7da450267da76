"""One request's visit at the door: who came, what passed, whether it may still stay."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.limits import Limits
from services.gateway.points import Points
from services.gateway.store.points import Traffic
from shared.connection import abort
from shared.errors import Problem
from shared.faults import problem_response
from shared.identity import INTERNAL, Caller, Guard, Standing
from shared.intake import trace_id
from shared.language import preferred

_KEY = "lienthong.visit"
_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Visit:
    """What is known of a request while it is here."""

    request: Request
    deadline: asyncio.Timeout | None = None
    """What ends it early; None before and after, when there is nothing left to end."""
    standing: Standing | None = None
    caller: Caller | None = None
    expires_at: datetime | None = None
    """End of its token."""
    scopes: Sequence[str] = ()
    entered: bool = False
    cut: bool = False
    done: bool = False
    received: int = 0
    sent: int = 0
    status: int = 0
    stream: bool = False
    counted: tuple[int, int] = (0, 0)
    """How much of `received` and `sent` the points know already."""

    @property
    def agency(self) -> UUID | None:
        """The one agency it acts for; None when it acts for several, or for none."""
        agencies = () if self.caller is None else self.caller.agencies
        return agencies[0].id if len(agencies) == 1 else None

    def end(self) -> None:
        """End it now, whatever it is doing."""
        if self.cut or self.deadline is None:
            return
        self.cut = True
        self.deadline.reschedule(asyncio.get_running_loop().time())

    def tell(self, points: Points, *, requests: int = 0, failed: bool = False) -> None:
        """Tell the points what has passed since the last time."""
        if self.standing is None or INTERNAL in self.standing.scopes:
            return
        before, self.counted = self.counted, (self.received, self.sent)
        more = Traffic(
            requests=requests,
            client_errors=int(requests and 400 <= self.status < 500),  # noqa: PLR2004 (4xx)
            server_errors=int(requests and (failed or self.status >= 500)),  # noqa: PLR2004
            bytes_in=self.received - before[0],
            bytes_out=self.sent - before[1],
        )
        if requests or more.bytes_in or more.bytes_out:
            points.add(self.standing.token.client_id, self.agency, more)


@dataclass(slots=True)
class Visits:
    """The open visits of this instance; on `app.state.visits`."""

    open: set[Visit] = field(default_factory=set[Visit])

    def tell(self, points: Points) -> None:
        """Tell the points what streams and long transfers have moved so far."""
        for visit in self.open:
            visit.tell(points)


class Doorkeeper(Guard):
    """The gateway's guard: who is authenticated is held to its limits, and remembered."""

    async def authenticate(self, request: Request, *, internal: bool = False) -> Standing:
        """Return what the token is worth. Raises Problem AUT-4011, REQ-4291, Unavailable."""
        standing = await super().authenticate(request, internal=internal)
        visit: Visit = request.scope[_KEY]
        if visit.standing is None:
            visit.standing = standing
            if INTERNAL not in standing.scopes:
                await _enter(visit, request.app.state.limits)
        return standing

    async def admit(self, request: Request, scopes: Sequence[str]) -> Caller:
        """Return who calls, and note what it was let in for."""
        caller = await super().admit(request, scopes)
        visit: Visit = request.scope[_KEY]
        visit.caller, visit.scopes, visit.expires_at = caller, scopes, caller.expires_at
        return caller


async def _enter(visit: Visit, limits: Limits) -> None:
    client_id = _client(visit)
    limits.enter(client_id, visit.request.url.path)
    visit.entered = True
    await limits.take(client_id)


def _client(visit: Visit) -> str:
    return "" if visit.standing is None else visit.standing.token.client_id


class Visiting:
    """ASGI middleware, outermost: begins and ends each visit, and cuts the one that must end."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, and see it out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, failed = Request(scope), True
        visit = scope[_KEY] = Visit(request)
        visits: Visits = request.app.state.visits
        try:
            async with asyncio.timeout(None) as visit.deadline:
                visits.open.add(visit)
                await self._app(scope, _counting(visit, receive), _Sender(visit, send))
            failed = False
        except TimeoutError:
            if not visit.cut:
                raise
            failed = False
            _log.info("visit ended", client=_client(visit), path=scope["path"])
            await _see_out(visit, receive, send)
        finally:
            visits.open.discard(visit)
            visit.deadline = None
            if visit.entered:
                request.app.state.limits.leave(_client(visit), request.url.path)
            visit.tell(request.app.state.points, requests=1, failed=failed)


async def _see_out(visit: Visit, receive: Receive, send: Send) -> None:
    """End a visit's answer: as a refusal, as the end of a stream, or as a visible cut."""
    scope = visit.request.scope
    if visit.done:
        return
    if visit.status == 0:
        language = preferred(Headers(scope=scope).get("accept-language"))
        response = problem_response(
            Problem("AUT-4011"), path=scope["path"], trace_id=trace_id(scope), language=language
        )
        await response(scope, receive, send)
    elif visit.stream:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await abort(scope, receive)


def _counting(visit: Visit, receive: Receive) -> Receive:
    async def counted() -> Message:
        message = await receive()
        visit.received += len(message.get("body", b""))
        return message

    return counted


class _Sender:
    """Notes an answer's status, kind and size as it goes out."""

    def __init__(self, visit: Visit, send: Send) -> None:
        self._visit, self._send = visit, send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._visit.status = message["status"]
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            self._visit.stream = kind.startswith("text/event-stream")
        else:
            self._visit.sent += len(message.get("body", b""))
            self._visit.done = not message.get("more_body", False)
        await self._send(message)
