"""What every request passes before its route: limits, strict JSON, trace headers, last resort."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import orjson
import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.connection import LATE
from shared.errors import Problem
from shared.failpoint import reach
from shared.faults import Json, problem_response
from shared.language import preferred

LIMIT = 1 << 20
"""Bytes of a body, unless its route lifts the limit before it reads: of JSON only in `APART`."""
APART = frozenset({("POST", "/v1/validations")})
"""Routes whose JSON may be so large that it is not read here, where many could be in memory at
once: the door passes it on in a stream, and its service reads it when it has room for it."""
LEVELS = 100
"""How deep JSON may be nested."""
MULTIPART_LIMIT = 9 << 20
"""Bytes of a multipart body: 8 MiB of files, and the rest of the form."""

JSON_SECONDS = 18.0
"""Within which a whole JSON body must have come."""
SILENT_SECONDS = 16.0
"""For which any body may pause, and keep us waiting in all; the door waits a quarter less, so
that who is slow hears it from there. A body's bytes earn it more time in all:"""
BYTES_PER_SECOND = 1024

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LIMIT_KEY, _BEYOND_KEY = "lienthong.limit", "lienthong.beyond"
_DOOR_SHARE = 0.75
_DIGITS, _NUMBER = re.compile(rb"[0-9]{19}"), re.compile(rb"[0-9.eE+-]{19,}")
_TRACE_KEY = "lienthong.trace_id"
_log = structlog.get_logger()


def lift(request: Request, limit: int | None, *, beyond: str = "REQ-4131") -> None:
    """Let this request's body have `limit` bytes (None: any number). Call before reading.

    Reading more raises Problem `beyond`.
    """
    request.scope[_LIMIT_KEY], request.scope[_BEYOND_KEY] = limit, beyond


def trace_id(scope: Scope) -> str:
    """Return the trace id of this request: that of its span, or one of its own without tracing."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        return f"{context.trace_id:032x}"
    return scope.setdefault(_TRACE_KEY, secrets.token_hex(16))


def strict_json(raw: bytes) -> Json:
    """Parse JSON after RFC 8259: no NaN, no lone surrogate, no NUL, at most 100 levels.

    Raises Problem REQ-4001. Python's own parser lets the first three through; what reads the
    value later (a digest, a merge patch) goes down by recursion, so depth ends here. An integer
    beyond 64 bits is refused too: this parser reads a float, the routes' another number (RFC 8259
    6), and no digest can be made of that one.
    """
    try:
        value: Json = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        en = str(error).partition(": line")[0] + f" (byte {error.pos})"
        raise Problem("REQ-4001", vi=f"JSON sai tại vị trí {error.pos}.", en=en) from None
    # By steps over the whole, not one for each value: whoever sends most values pays for them.
    if b"\\u0000" in raw and b"\\u0000" in raw.replace(b"\\\\", b""):
        raise Problem("REQ-4001", vi="Ký tự NUL không được phép.", en="NUL is not allowed.")
    if raw.count(b"[") + raw.count(b"{") > LEVELS and _levels(value) > LEVELS:
        vi, en = f"Lồng nhau quá {LEVELS} mức.", f"Nested more than {LEVELS} levels deep."
        raise Problem("REQ-4001", vi=vi, en=en)
    if _DIGITS.search(raw) and any(map(_is_too_long, _NUMBER.findall(_without_texts(raw)))):
        vi, en = "Số nguyên vượt quá 64 bit.", "An integer of more than 64 bits."
        raise Problem("REQ-4001", vi=vi, en=en)
    return value


def _without_texts(raw: bytes) -> bytes:
    return b'"'.join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _is_too_long(number: bytes) -> bool:
    whole = number.removeprefix(b"-").isdigit()
    return whole and (len(number) > len(f"{-1 << 63}") or not -(1 << 63) <= int(number) < 1 << 64)


def _levels(value: Json) -> int:
    levels, row = 0, [value]
    while row := [item for item in row if isinstance(item, dict | list)]:
        levels += 1
        row = [
            inner for item in row for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return levels


def is_json(content_type: str) -> bool:
    """Say whether a Content-Type names JSON (`application/json`, `application/…+json`)."""
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


class Intake:
    """ASGI middleware outside the routes. Every failure becomes a problem; none gets past it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _Sender(scope, send)
        try:
            _refuse_nul(scope)
            _refuse_body(scope)
            _refuse_compressed(scope)
            content_type = Headers(scope=scope).get("content-type", "")
            if content_type.lower().startswith("multipart/form-data"):
                scope.setdefault(_LIMIT_KEY, MULTIPART_LIMIT)
            receive = _limited(scope, _paced(scope, receive, sender))
            if is_json(content_type) and (scope["method"], scope["path"]) not in APART:
                later = partial(_checked, scope, receive)
                # At the door nothing is read for who has no token: the route asks for it first.
                receive = _when_wanted(later) if _is_door(scope) else await later()
            await self._app(scope, receive, sender)
        except ClientDisconnect:
            _log.info("client went away", path=scope["path"])
        except Exception as error:
            if sender.started:
                raise  # the answer is cut: the client sees that it is not whole
            await self._refuse(error, scope, receive, sender)

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(error, Problem):
            _log.error("request failed", exc_info=error, path=scope["path"])
            error = Problem("SYS-5001")
        response = problem_response(
            error,
            path=scope["path"],
            trace_id=trace_id(scope),
            language=preferred(Headers(scope=scope).get("accept-language")),
        )
        await response(scope, receive, send)


class _Sender:
    """Adds the trace headers to the answer, and knows whether it has begun."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._scope["method"] not in _SAFE:
                reach("http.before_answer")
            headers = MutableHeaders(scope=message)
            headers["Trace-Id"] = trace_id(self._scope)
            context = trace.get_current_span().get_span_context()
            if context.is_valid:
                headers["traceresponse"] = (
                    f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
                )
        await self._send(message)


def _refuse_nul(scope: Scope) -> None:
    # PostgreSQL's text cannot hold it, so no value with it can name anything.
    if "\0" in scope["path"]:
        raise Problem("REQ-4041")
    if b"%00" in scope["query_string"]:
        raise Problem("REQ-4003", vi="Ký tự NUL không được phép.", en="NUL is not allowed.")


def _refuse_compressed(scope: Scope) -> None:
    # Nothing here inflates: a limit would be one of compressed bytes, a digest one of other bytes.
    codings = Headers(scope=scope).get("content-encoding", "identity")
    if codings.strip().lower() != "identity":
        problem = Problem("REQ-4152")
        problem.headers["Accept-Encoding"] = "identity"  # RFC 9110 15.5.16
        raise problem


def _refuse_body(scope: Scope) -> None:
    # Nothing here reads it, and a client that sends one means a condition that would be lost.
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if scope["method"] in {"GET", "HEAD"} and has_body:
        raise Problem("REQ-4004")


def _paced(scope: Scope, receive: Receive, sender: _Sender) -> Receive:
    """Bound how long a body keeps us waiting; time in which nobody reads it does not count."""
    clock = asyncio.get_running_loop().time
    least = SILENT_SECONDS * (_DOOR_SHARE if _is_door(scope) else 1)
    whole, waited, received = False, 0.0, 0

    async def paced() -> Message:
        nonlocal whole, waited, received
        # Behind the body, or behind an answer that has begun, a wait is for the client to go.
        if whole or sender.started:
            return await receive()
        began = clock()
        try:
            async with asyncio.timeout(min(least, least + received / BYTES_PER_SECOND - waited)):
                message = await receive()
        except TimeoutError:
            if not sender.started:
                raise _late(scope) from None
            return await receive()
        waited += clock() - began
        received += len(message.get("body", b""))
        whole = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    return paced


def _limited(scope: Scope, receive: Receive) -> Receive:
    declared = Headers(scope=scope).get("content-length", "")
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        limit: int | None = scope.get(_LIMIT_KEY, LIMIT)
        if limit is not None and declared.isdecimal() and int(declared) > limit:
            raise _too_large(scope, limit)
        message = await receive()
        seen += len(message.get("body", b""))
        if limit is not None and seen > limit:
            raise _too_large(scope, limit)
        return message

    return limited


def _too_large(scope: Scope, limit: int) -> Problem:
    vi, en = f"Tối đa {limit} byte.", f"At most {limit} bytes."
    return Problem(scope.get(_BEYOND_KEY, "REQ-4131"), vi=vi, en=en, limit=limit)


def _is_door(scope: Scope) -> bool:
    return getattr(scope["app"], "edge", False)


def _late(scope: Scope) -> Problem:
    scope[LATE] = True
    return Problem("REQ-4081")


async def _checked(scope: Scope, receive: Receive) -> Receive:
    """Read a whole JSON body, refuse what is not strict JSON, and hand it on in one piece."""
    scope[_LIMIT_KEY], scope[_BEYOND_KEY] = LIMIT, "REQ-4131"  # whatever was lifted
    parts: list[bytes] = []
    more = True
    try:
        async with asyncio.timeout(JSON_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        raise _late(scope) from None
    body = b"".join(parts)
    if body:
        strict_json(body)
    reach("http.body_read")
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _when_wanted(make: Callable[[], Awaitable[Receive]]) -> Receive:
    made: Receive | None = None

    async def receive() -> Message:
        nonlocal made
        made = made or await make()
        return await made()

    return receive
