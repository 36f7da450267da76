"""Routes of the event log: pages by cursor, and the live stream (Server-Sent Events)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import structlog
from anyio import CancelScope
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, ConfigDict
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from services.notify import push
from services.notify.cursor import (
    LONGEST,
    EventCursor,
    Unreadable,
    event_cursor,
    read_event_cursor,
)
from services.notify.ears import Ears
from services.notify.store.events import NumberedEvent
from shared.db import Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["events"])

_scoped = Scoped()
Reader = Annotated[Caller, Depends(_scoped)]

PAGE = 100
NEWS = 20
"""Events that a stream reads at once; of which more wait is behind, and reads pages in its turn."""
CHUNK = 16 << 10
"""Bytes of events that are sent together."""
LOOK_SECONDS = 10.0
"""A stream looks at least this often, also whether its token still counts."""
RETRY_MS = 1_000

_log = structlog.get_logger()
_UNREADABLE = ("Con trỏ không đọc được.", "This cursor cannot be read.")


class Event(BaseModel):
    """One event of an agency's log; what it tells stands in further members."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    type: str
    at: datetime
    agency: str
    subject: UUID


class EventPage(BaseModel):
    """Events; go on with `after=next`."""

    items: list[Event]
    next: str


@router.get(
    "/v1/events",
    **told("Read the event log by cursor", "Đọc nhật ký sự kiện theo con trỏ", refuses=(410,)),
)
async def get_events(
    request: Request,
    caller: Reader,
    after: Annotated[
        str | None, Query(max_length=LONGEST, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
    kind: Annotated[
        str | None,
        Query(alias="type", max_length=100, description="Only events of this type."),
    ] = None,
) -> EventPage:
    """Read the event log; without `after` from its beginning.

    A cursor from before a restore of the exchange answers 410: begin again.
    """
    db: Database = request.app.state.db
    fault = Fault("/after", *_UNREADABLE, place="query")
    cursor = _read(after, caller, fault)
    found, reached = await _look(db, caller, cursor, _Looking(limit=limit, kind=kind, fault=fault))
    return EventPage(
        items=[_show(event) for event in found],
        next=event_cursor(reached, agencies=caller.visible),
    )


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
    fault = Fault(name, *_UNREADABLE, place=place)
    cursor = _read(text, caller, fault)
    _, reached = await _look(request.app.state.db, caller, cursor, _Looking(limit=0, fault=fault))
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
            async with ears.behind.turn(caller.client_id) if behind else nullcontext():
                page = await _page(request, caller, cursor, PAGE if behind else NEWS)
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
        if len(text) >= CHUNK or event is found[-1]:
            chunks.append((text, cursor))
            text = b""
    return _Page(chunks, full=len(found) == limit)


async def _more(
    request: Request, caller: Caller, cursor: EventCursor, limit: int
) -> list[NumberedEvent] | None:
    """Return the next events; None when the stream has to end.

    The token is looked at again each time: it ends, and systems and agencies lose their standing.
    """
    try:
        now = await _scoped(request)
        if set(now.visible) != set(caller.visible):
            return None  # the client comes again with what it may see now
        found, _ = await _look(request.app.state.db, caller, cursor, _Looking(limit=limit))
    except Problem:
        return None
    return found


@dataclass(frozen=True, slots=True)
class _Looking:
    """How many events of which type are wanted, and what is wrong if the cursor is no place."""

    limit: int
    kind: str | None = None
    fault: Fault | None = None


async def _look(
    db: Database, caller: Caller, cursor: EventCursor | None, wanted: _Looking
) -> tuple[list[NumberedEvent], EventCursor]:
    try:
        return await db.as_caller(
            caller.visible,
            lambda conn: push.follow(
                conn, cursor, agencies=caller.visible, limit=wanted.limit, kind=wanted.kind
            ),
            by_keys=True,
        )
    except push.PastEpoch:
        raise Problem("REQ-4101") from None
    except push.AheadOfLog:
        raise Problem("REQ-4003", faults=[wanted.fault] if wanted.fault else []) from None


def _read(text: str | None, caller: Caller, fault: Fault) -> EventCursor | None:
    if not text:
        return None
    try:
        return read_event_cursor(text, agencies=caller.visible)
    except Unreadable:
        raise Problem("REQ-4003", faults=[fault]) from None


def _show(event: NumberedEvent) -> Event:
    return Event(
        id=event.id,
        type=event.type,
        at=event.at,
        agency=event.agency_code,
        subject=event.subject,
        **event.detail,
    )


def _sent(event: NumberedEvent, cursor: str) -> bytes:
    return format_sse_event(data_str=_show(event).model_dump_json(), event=event.type, id=cursor)
