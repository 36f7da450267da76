"""Answers compressed with gzip where that is asked for and worth it; done here for all services."""

import re
import zlib
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALLEST = 1024
"""Bytes from which on it is worth it."""
_LEVEL = 5
_WBITS = 16 + zlib.MAX_WBITS  # gzip's frame (RFC 1952)
_KINDS = re.compile(r"application/(?:[\w.+-]+\+)?(?:json|xml|javascript)|text/(?!event-stream)\w+")
# A part of a file is a part of these bytes, and a digest is one of these bytes (RFC 9530 2).
_KEPT = ("content-encoding", "content-range", "repr-digest", "content-digest")
_SECRET = frozenset({"/oauth/token"})
_OK, _PARTIAL, _UNCHANGED = 200, 206, 304
_WEIGHT = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*$")


class Squeeze(Protocol):
    """What `zlib.compressobj` returns, whose class has no public name."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes in, and return those that are ready."""
        ...

    def flush(self, mode: int = ..., /) -> bytes:
        """Return the rest."""
        ...


def asked_for(accepted: str) -> bool:
    """Say whether an `Accept-Encoding` value takes gzip (RFC 9110 12.5.3)."""
    found = {part.partition(";")[0].strip().lower(): part for part in accepted[:500].split(",")}
    part = found.get("gzip", found.get("x-gzip", found.get("*", "*;q=0")))
    return _WEIGHT.search(part) is None


class Compress:
    """ASGI middleware: never streams of events, files, parts of files, or tokens."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["path"] in _SECRET:
            await self._app(scope, receive, send)
            return
        wanted = asked_for(Headers(scope=scope).get("accept-encoding", ""))
        compressing = _Compressing(send, wanted=wanted and scope["method"] != "HEAD")
        try:
            await self._app(scope, receive, compressing)
        except Exception:
            await compressing.cut()
            raise


class _Compressing:
    """Holds an answer's head until its first part tells whether it is worth it."""

    def __init__(self, send: Send, *, wanted: bool) -> None:
        self._send, self._wanted = send, wanted
        self._head: Message | None = None
        self._squeeze: Squeeze | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not _may_be_compressed(message["status"], headers):
                self._wanted = False
            elif "accept-encoding" not in headers.get("vary", "").lower():
                headers.add_vary_header("Accept-Encoding")
            if self._wanted:
                self._head = message
            else:
                await self._send(message)
            return
        if self._head is not None:
            await self._begin(self._head, message)
            self._head = None
        if self._squeeze is not None:
            message = _squeezed(self._squeeze, message)
        await self._send(message)

    async def cut(self) -> None:
        """Say what was to come, when nothing comes behind it: an answer that is cut, no other."""
        if self._head is not None:
            await self._send(self._head)

    async def _begin(self, head: Message, first: Message) -> None:
        more = first.get("more_body", False)
        headers = MutableHeaders(scope=head)
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() else len(first.get("body", b""))
        if size >= SMALLEST or (more and not length):
            self._squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WBITS)
            del headers["content-length"]
            headers["Content-Encoding"] = "gzip"
            tag = headers.get("etag", "")
            if tag and not tag.startswith("W/"):
                headers["ETag"] = f"W/{tag}"  # other bytes, the same meaning (RFC 9110 8.8.3.3)
        await self._send(head)


def _may_be_compressed(status: int, headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        status not in {_PARTIAL, _UNCHANGED}
        and status >= _OK
        and _KINDS.fullmatch(kind) is not None
        and "no-transform" not in headers.get("cache-control", "")
        and not any(name in headers for name in _KEPT)
    )


def _squeezed(squeeze: Squeeze, message: Message) -> Message:
    body = squeeze.compress(message.get("body", b""))
    more = message.get("more_body", False)
    # What has come so far goes out: who reads a long table sees it grow.
    body += squeeze.flush(zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH)
    return {"type": "http.response.body", "body": body, "more_body": more}
