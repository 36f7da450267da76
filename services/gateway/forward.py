"""Streams a request to the service that owns it, and the answer back; memory stays bounded."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import structlog
from fastapi import FastAPI
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry import propagate
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from yarl import URL

from shared.connection import abort
from shared.errors import Problem, Unavailable
from shared.events.topics import Service
from shared.failpoint import reach

ANSWER_SECONDS = 35.0
"""From the last byte of a request to the first of its answer. A dead service's socket stays open
in the supervisor, so that a request waits there for the next instance: not for ever."""
ENDING_SECONDS = 5.0
"""For which answers are still waited for when this process ends; it does so 2 s later at least."""
_IDLE_SECONDS = 60.0
_RETRY_AFTER = 2
_TRIES = 3

# RFC 9110 7.6.1, and what a stranger must not tell a service behind us.
_DROPPED = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "host",
        "baggage",
        "traceparent",
        "tracestate",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
_OURS = frozenset({"date", "server", "trace-id", "traceresponse"})
_BODILESS = frozenset({"GET", "HEAD"})
_log = structlog.get_logger()


class Upstreams:
    """The connections to the services behind the gateway."""

    def __init__(
        self,
        addresses: Mapping[Service, str],
        kept: aiohttp.ClientSession,
        fresh: aiohttp.ClientSession,
    ) -> None:
        """Use a session that keeps its connections, and one that never does; `open` makes them."""
        self._addresses = {name: url.rstrip("/") for name, url in addresses.items()}
        self._kept, self._fresh = kept, fresh

    @classmethod
    @asynccontextmanager
    async def open(cls, addresses: Mapping[Service, str]) -> "AsyncGenerator[Upstreams]":
        """Open the sessions for the length of a `with`."""
        # No limit here: it would be one for all clients together. Each has its own (`limits.py`).
        kept = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)
        async with _session(kept) as keeping, _session(fresh) as renewing:
            yield cls(addresses, keeping, renewing)

    async def send(self, service: Service, request: Request) -> "Forwarded":
        """Pass a request on and return its answer, which is streamed while it is served.

        A request that has a body is sent once, on a fresh connection; one without may be sent
        again when its connection ended before the answer began.
        Raises Unavailable when the service does not answer, Ending when this process ends first,
        REQ-4081 when the body does not come, REQ-4004 for a body where there may be none: unread,
        it would be taken for the beginning of somebody's next request there.
        """
        if request.method not in _BODILESS:
            return await self._once(service, request)
        if _has_body(request):
            raise Problem("REQ-4004")
        for _ in range(_TRIES - 1):
            try:
                return await self._once(service, request)
            except _Ended:
                await asyncio.sleep(0.1)
        return await self._once(service, request)

    async def _once(self, service: Service, request: Request) -> "Forwarded":
        upload = _Upload(request)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(service, request, upload))
            gone = group.create_task(upload.nobody_waits())
            ending = group.create_task(_until_ending(request.app, seconds=ENDING_SECONDS))
            ends = (asking, gone, ending)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in ends:
                task.cancel()  # a wait that went on behind us would take what nobody gets
        if not asking.cancelled():
            outcome = asking.result()
            if isinstance(outcome, Exception):
                raise outcome
            return Forwarded(outcome)
        if gone.cancelled():
            if upload.whole.is_set():
                raise Ending(service, retry_after=_RETRY_AFTER)
            await abort(request.scope, request.receive)
        raise ClientDisconnect

    async def _ask(
        self, service: Service, request: Request, upload: "_Upload"
    ) -> aiohttp.ClientResponse | Exception:
        """Return the answer, or what its request ends with instead."""
        loop = asyncio.get_running_loop()
        session = self._kept if request.method in _BODILESS else self._fresh
        try:
            async with asyncio.timeout(ANSWER_SECONDS) as deadline:
                upload.progressed = lambda: deadline.reschedule(loop.time() + ANSWER_SECONDS)
                answer = await session.request(
                    request.method,
                    self._url(service, request),
                    headers=_request_headers(request),
                    data=upload.chunks() if _has_body(request) else None,
                    allow_redirects=False,
                )
            if request.method not in _BODILESS:
                reach("gateway.upstream_answered")
        except TimeoutError:
            if upload.begun and not upload.whole.is_set():
                return Problem("REQ-4081")
            return Unavailable(service, retry_after=_RETRY_AFTER)
        except aiohttp.ClientError as error:
            if upload.cut is not None:
                return upload.cut
            _log.warning("service did not answer", service=service, cause=repr(error))
            return _Ended(service, retry_after=_RETRY_AFTER)
        return answer

    def _url(self, service: Service, request: Request) -> URL:
        # From the decoded path that was matched, so that no second reading of it is possible.
        path = quote(request.scope["path"], safe="/:@!$&'()*+,;=~-._")
        query = request.scope["query_string"].decode("latin-1")
        return URL(self._addresses[service] + path + (f"?{query}" if query else ""), encoded=True)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(sock_connect=2, sock_read=_IDLE_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),  # one client's cookies are nobody else's
    )


class _Ended(Unavailable):
    """The connection ended before an answer began."""


class Ending(Unavailable):
    """This process ends while an answer is still waited for."""


class _Upload:
    """A request's body on its way, and how far it has come."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.begun = False
        self.whole = asyncio.Event()
        """Set when all of it was passed on; from the beginning where there is none."""
        if not _has_body(request):
            self.whole.set()
        self.cut: ClientDisconnect | Problem | None = None
        self.progressed: Callable[[], None] = lambda: None

    async def chunks(self) -> AsyncIterator[bytes]:
        self.begun = True
        try:
            async for chunk in self._request.stream():
                if chunk:
                    self.progressed()
                    yield chunk
        except (ClientDisconnect, Problem) as error:
            self.cut = error  # what was sent is not whole: the connection is closed, not ended
            raise
        self.progressed()
        self.whole.set()
        reach("gateway.body_passed_on")

    async def nobody_waits(self) -> None:
        """Return when the client has gone; until its body has ended, reading that tells it."""
        await self.whole.wait()
        await _until_gone(self._request.receive)


class Forwarded(Response):
    """A service's answer, passed on as it comes; ended when it ends, cut when it is cut."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        """Take over the status and the end-to-end headers."""
        self._answer = answer
        self.status_code = answer.status
        self.background = None
        self.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in _end_to_end(answer.headers).items()
            if name.lower() not in _OURS
        ]
        self._whole = True
        self._events = answer.content_type == "text/event-stream"
        if self._events:
            # Streams end when this process does: who comes back on their connection is reset.
            self.raw_headers.append((b"connection", b"close"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the answer; stop reading it when the client has gone."""
        try:
            async with asyncio.TaskGroup() as group:
                passing = group.create_task(self._pass(send))
                ends = [passing, group.create_task(_until_gone(receive))]
                if self._events:
                    ends.append(group.create_task(_until_ending(scope["app"])))
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in ends:
                    task.cancel()
        finally:
            self._answer.close()
        if passing not in done:
            if not self._events:
                raise ClientDisconnect
            # The client comes back by itself, to an instance that is not ending. An event that was
            # cut is none to it; with words of ours behind it, it would be another one.
            body = b"retry: 1000\n\n" if self._whole else b""
            await send({"type": "http.response.body", "body": body})

    async def _pass(self, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        async for chunk in self._answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # Only now: it may have waited there, not written, behind half an event that was.
            self._whole = chunk.endswith(b"\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_ending(app: FastAPI, *, seconds: float = 0.0) -> None:
    """Return when this process has been ending for so long."""
    stopping: asyncio.Event = getattr(app.state, "stopping", asyncio.Event())
    await stopping.wait()
    await asyncio.sleep(seconds)


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length")
    return length not in (None, "0") or "transfer-encoding" in request.headers


def _request_headers(request: Request) -> CIMultiDict[str]:
    incoming = CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
    headers = _end_to_end(incoming)
    if not _has_body(request):
        headers.popall("content-length", None)  # the length of nothing is for aiohttp to say
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    headers.update({name: carrier[name] for name in ("traceparent",) if name in carrier})
    return headers


def _end_to_end(headers: "CIMultiDict[str] | CIMultiDictProxy[str]") -> CIMultiDict[str]:
    named = {
        name.strip().lower()
        for value in headers.getall("connection", [])
        for name in value.split(",")
    }
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _DROPPED and name.lower() not in named
    )
