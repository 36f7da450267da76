"""`/v1/events/stream`: the event log as it grows (Server-Sent Events)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import structlog
from anyio import CancelScope
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from services.notify import push
from services.notify.api.events import PAGE, UNREADABLE, Looking, Reader, look, read, scoped, show
from services.notify.cursor import LONGEST, EventCursor, event_cursor
from services.notify.ears import Ears
from services.notify.store.events import NumberedEvent
from shared.errors import Fault, Problem
from shared.identity import Caller
from shared.openapi import told

router = APIRouter(tags=["events"])

NEWS = 20
"""Events that a stream reads at once; of which more wait is behind, and reads pages in its turn."""
CHUNK = 16 << 10
"""Bytes of events that are sent together."""
MOST_CHUNKS = 16
"""Of a page: a cursor over many agencies makes events large, and a slow reader holds its page."""
LOOK_SECONDS = 10.0
"""A stream looks at least this often, also whether its token still counts."""
RETRY_MS = 1_000

_log = structlog.get_logger()


async def _begin(
    request: Request,
    caller: Reader,
    after: Annotated[
        str | None, Query(max_length=LONGEST, description="Where to begin: a cursor.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=LONGEST, description="`id` of the last event received.")
    ] = None,
) -> EventCursor:
    """Return where a stream begins, while a problem can still be answered."""
    # The header comes from a client that was cut off: it knows better than its first address.
    text = last_event_id or after
    place = "header" if last_event_id else "query"
    name = "/last-event-id" if last_event_id else "/after"
    fault = Fault(name, *UNREADABLE, place=place)
    cursor = read(text, caller, fault)
    _, reached = await look(request.app.state.db, caller, cursor, Looking(limit=0, fault=fault))
    return reached


class EventStream(StreamingResponse):
    """Closes what it streams when the reader goes away, and lets no proxy hold events back.

    Not FastAPI's own `EventSourceResponse`: its tasks fail loudly when a reader goes away.
    """

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[bytes, None], *, patience: float) -> None:
        super().__init__(lines, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._lines, self._patience = lines, patience

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._lines):
            await super().stream_response(partial(self._within_patience, send))

    async def _within_patience(self, send: Send, message: Message) -> None:
        """Send, or end with the reader that does not read: it would hold what it may not have."""
        try:
            async with asyncio.timeout(self._patience):
                await send(message)
        except TimeoutError:
            _log.info("an event stream is not read and ends", seconds=self._patience)
            raise ClientDisconnect from None


@router.get(
    "/v1/events/stream",
    response_class=EventStream,
    status_code=200,
    **told(
        "Follow the event log live (Server-Sent Events)",
        "Theo dõi nhật ký sự kiện trực tiếp (SSE)",
        refuses=(410,),
    ),
)
async def get_stream(
    request: Request, caller: Reader, cursor: Annotated[EventCursor, Depends(_begin)]
) -> EventStream:
    """Follow the event log live; `Last-Event-ID` or `after` says where to go on.

    The stream ends with `retry:` when the process or the token ends, and when the system is
    revoked or its agencies change; nothing is lost, the client goes on from the last id.
    """
    ears: Ears = request.app.state.ears
    return EventStream(_follow(request, caller, cursor), patience=ears.patience)


async def _follow(
    request: Request, caller: Caller, cursor: EventCursor
) -> AsyncGenerator[bytes, None]:
    ears: Ears = request.app.state.ears
    clock = asyncio.get_running_loop().time
    behind = True  # where it begins may be anywhere: a hundred beginnings wait for each other too
    with ears.open(caller.visible) as ear:
        yield format_sse_event(retry=RETRY_MS)
        while not ears.closed:
            if behind:
                async with ears.behind.turn(caller.client_id) as turn:
                    page = None if ears.closed else await _page(request, caller, cursor, PAGE)
                    turn.rests = page is not None and page.full
            else:
                page = await _page(request, caller, cursor, NEWS)
            if page is None:
                break
            behind = page.full
            look_again = clock() + LOOK_SECONDS
            for text, reached in page.chunks:
                yield text
                cursor = reached
                if clock() >= look_again:
                    break  # a slow reader's token may have ended meanwhile
            else:
                if not behind:  # whatever came after this look is told to the ear
                    await ear.wait(LOOK_SECONDS)
                    yield KEEPALIVE_COMMENT
    yield format_sse_event(retry=RETRY_MS)


@dataclass(frozen=True, slots=True)
class _Page:
    """Some events as a stream sends them."""

    chunks: Sequence[tuple[bytes, EventCursor]]
    """Whole events together, and the place behind them."""
    full: bool
    """There may be more."""


async def _page(request: Request, caller: Caller, cursor: EventCursor, limit: int) -> _Page | None:
    """Return the next events; None when the stream has to end."""
    found: list[NumberedEvent] | None = None
    # A reader that goes away must not cut a transaction in two: each look is whole.
    with CancelScope(shield=True):
        found = await _more(request, caller, cursor, limit)
    if found is None:
        return None
    chunks: list[tuple[bytes, EventCursor]] = []
    text = b""
    for event in found:
        cursor = push.advance(cursor, [event])
        text += _sent(event, event_cursor(cursor, agencies=caller.visible))
        if len(text) >= CHUNK:
            chunks.append((text, cursor))
            text = b""
            if len(chunks) == MOST_CHUNKS:
                return _Page(chunks, full=True)
    if text:
        chunks.append((text, cursor))
    return _Page(chunks, full=len(found) == limit)


async def _more(
    request: Request, caller: Caller, cursor: EventCursor, limit: int
) -> list[NumberedEvent] | None:
    """Return the next events; None when the stream has to end.

    The token is looked at again each time: it ends, and systems and agencies lose their standing.
    """
    try:
        now = await scoped(request)
        if set(now.visible) != set(caller.visible):
            return None  # the client comes again with what it may see now
        found, _ = await look(request.app.state.db, caller, cursor, Looking(limit=limit))
    except Problem:
        return None
    return found


def _sent(event: NumberedEvent, cursor: str) -> bytes:
    return format_sse_event(data_str=show(event).model_dump_json(), event=event.type, id=cursor)
