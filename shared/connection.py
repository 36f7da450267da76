"""One HTTP/1.1 connection: a head in time and in bounds, answers that arrive, no stuck client."""

import asyncio
import secrets
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

import httptools
from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from shared.errors import Problem
from shared.faults import problem_response
from shared.unread import not_taken, reset

HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a request, to the end of its head."""
HEAD_BYTES = 256 << 10
"""Of a request's head; also of what may come without any of a body's bytes among it."""
LINGER_SECONDS = 10.0
LINGER_BYTES = 64 << 20
"""How long, and how much, is read and thrown away behind an answer that came before its request
had ended: a socket closed over unread bytes resets the connection, and the answer is lost."""
LATE_SECONDS = 1.0
LATE = "lienthong.late"
"""In the scope of a request that was too slow itself; how long the rest of it may take."""
STUCK_SECONDS = 9.0
"""How long a client may take less than `STUCK_BYTES` (or all) of what waits for it."""
STUCK_BYTES = 4096
BEHIND_SECONDS = 60.0
"""The same for the gateway as a client: between its reads it waits for its own one."""

# What asks for another protocol on this connection (RFC 9110 7.8: it may be ignored).
_UPGRADING = frozenset({b"upgrade", b"http2-settings"})


class Connection(HttpToolsProtocol):
    """uvicorn's connection with the time limits it lacks, and with `Upgrade` ignored.

    The parser takes a request with `Upgrade` (Java's HttpClient sends `h2c` with every first one)
    as ended with its head, so that its body would be lost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (uvicorn's own)
        """Begin with nothing received."""
        super().__init__(*args, **kwargs)
        self._in_head = self._in_body = self._upgrading = self._closing = self._last = False
        self._faulty: str | None = None
        self._timers: dict[Callable[[], None], TimerHandle] = {}
        self._idle_bytes = self._thrown_away = self._written = self._taken = self._unread = 0
        self._answering: RequestResponseCycle | None = None
        edge = getattr(self.config.app, "edge", False)
        self._patience = STUCK_SECONDS if edge else BEHIND_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Expect the first head."""
        super().connection_made(transport)
        self._arm(self._head_is_late, HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget every limit, and tell the request that is being answered."""
        for timer in self._timers.values():
            timer.cancel()
        super().connection_lost(exc)
        # uvicorn tells the one that was parsed last: others may wait behind this one.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        self._answering = cycle
        cycle.send_500_response = self._cut  # for what the end of this process cuts
        super()._start_asgi_task(cycle, app)

    async def _cut(self) -> None:
        """Answer nothing, as a death does: who asked knows how to ask again."""
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the limits."""
        if self._closing:
            self._throw_away(len(data))
            return
        self._idle_bytes += len(data)
        self._feed(data)
        if self.transport.is_closing() or self._closing:
            return
        if self._faulty is not None:
            self._refuse(self._faulty)
        elif self._idle_bytes > HEAD_BYTES:
            self._refuse("REQ-4311")
        elif self._in_head and self._head_is_late not in self._timers:
            self._arm(self._head_is_late, HEAD_SECONDS)

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        rest: bytes | None = data
        while rest is not None:  # each request of many may ask for an upgrade
            rest = self._parse(rest)

    def _parse(self, data: bytes) -> bytes | None:
        """Parse, and return what has to be parsed anew: without the request to upgrade."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._upgrading:
                self._refuse("REQ-4005")  # CONNECT
                return None
            self._upgrading = False
            head, rest = self._plain_head(), data[upgrade.args[0] :]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            return head + rest
        except httptools.HttpParserError:
            self._refuse("REQ-4005")
        return None

    def _plain_head(self) -> bytes:
        """Write the present head anew, without what asks for another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [part.strip() for part in value.lower().split(b",")]
                value = b", ".join(part for part in kept if part not in _UPGRADING)  # noqa: PLW2901
            if name not in _UPGRADING and (value or name != b"connection"):
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large or has to be read anew."""
        self._disarm(self._head_is_late)
        self._in_head, self._idle_bytes = False, 0
        if sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._faulty = "REQ-4311"
        elif self._hosts_wrongly():
            self._faulty = "REQ-4005"
        elif self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrading = True
        elif self._faulty is None:
            self._in_body, self._thrown_away = True, 0
            self.scope["lienthong.abort"] = self._abort  # type: ignore[typeddict-unknown-key]
            super().on_headers_complete()
            self.cycle.transport = _Gently(self)
            if self._last:
                self.cycle.keep_alive = False

    def _hosts_wrongly(self) -> bool:
        # RFC 9112 3.2: one Host in HTTP/1.1, never several.
        hosts = sum(name == b"host" for name, _ in self.headers)
        return hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1")

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on, or throw it away behind an early answer."""
        self._idle_bytes = 0
        if not self._in_body:
            return
        if self.cycle.response_complete:
            self._throw_away(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if not self._in_body:
            return
        self._in_body, self._idle_bytes = False, 0
        self._disarm(self._give_up)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request; the rest of this one is read first, within limits."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            late = LATE in self.cycle.scope
            self._arm(self._give_up, LATE_SECONDS if late else LINGER_SECONDS)

    def close(self) -> None:
        """End the connection so that what was written arrives."""
        if self.transport.is_closing() or self._closing:
            return
        self.wrote(0)
        if not (self._in_body or self._in_head):
            self.transport.close()
            return
        self._closing = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._arm(self._give_up, LINGER_SECONDS)

    def answer_once_more(self) -> bool:
        """Say with the next answer that it is the last; whether no answer is on its way now.

        A connection that is closed while its client writes a request loses that request.
        """
        self._last = True
        idle = not self._in_head and (self.cycle is None or self.cycle.response_complete)  # pyright: ignore[reportUnnecessaryComparison]
        if not idle and not self._in_head:
            self.cycle.keep_alive = False
        return idle

    def shutdown(self) -> None:
        """End the connection, after the answer to what is being asked."""
        if self.answer_once_more():
            self.transport.close()

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > LINGER_BYTES:
            self._give_up()

    def _give_up(self) -> None:
        self._abort() if self._closing else self.transport.close()

    def wrote(self, size: int) -> None:
        """Note what is about to be written, and look later whether it was taken."""
        if self._look_at_reader not in self._timers:
            self._unread = not_taken(self.transport) + size
            self._taken = self._written + size - self._unread
            self._arm(self._look_at_reader, self._patience)
        self._written += size

    def _look_at_reader(self) -> None:
        """Go on waiting for who takes something, at whatever pace; end the one that does not."""
        self._disarm(self._look_at_reader)
        unread = not_taken(self.transport)
        taken = self._written - unread
        if unread and taken - self._taken < min(STUCK_BYTES, self._unread):
            reset(self.transport)
        elif unread:
            self._unread, self._taken = unread, taken
            self._arm(self._look_at_reader, self._patience)

    def _abort(self) -> None:
        self.transport.abort()

    def _head_is_late(self) -> None:
        if self._in_head:
            self._refuse("REQ-4081")
        else:
            self.transport.close()

    def _refuse(self, code: str) -> None:
        """Answer what never became a request, and end the connection."""
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self.transport.close()  # another answer is on its way
            return
        answer = problem_response(Problem(code), path="", trace_id=secrets.token_hex(16))
        lines = [b"%s: %s\r\n" % header for header in answer.raw_headers]
        head = STATUS_LINE[answer.status_code] + b"".join(lines) + b"connection: close\r\n\r\n"
        self.transport.write(head + bytes(answer.body))
        self._in_head = True  # whatever still comes belongs to what was refused
        self.close()

    def _arm(self, then: Callable[[], None], seconds: float) -> None:
        self._disarm(then)
        self._timers[then] = self.loop.call_later(seconds, then)

    def _disarm(self, then: Callable[[], None]) -> None:
        timer = self._timers.pop(then, None)
        if timer is not None:
            timer.cancel()


async def abort(scope: Scope, receive: Receive) -> None:
    """End a request's connection in the middle of its answer, so that its client sees a cut."""
    scope["lienthong.abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass


class _Gently(asyncio.Transport):
    """What a request's answer is written to: its end is the connection's own, gentle one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write."""
        self._connection.wrote(len(data))
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        """Say whether the connection has ended."""
        return self._connection.transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
