"""Routes of the event log: pages by cursor, and the live stream (Server-Sent Events)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated
from uuid import UUID

from anyio import CancelScope
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse
from starlette.types import Send

from services.notify import push
from services.notify.cursor import EventCursor, Unreadable, event_cursor, read_event_cursor
from services.notify.ears import Ears
from services.notify.store.events import NumberedEvent
from shared.db import Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped

router = APIRouter(tags=["events"])

_scoped = Scoped()
Reader = Annotated[Caller, Depends(_scoped)]

PAGE = 100
LOOK_SECONDS = 5.0
"""A stream looks at least this often, also whether its token still counts."""
RETRY_MS = 1_000

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


@router.get("/v1/events")
async def get_events(
    request: Request,
    caller: Reader,
    after: Annotated[str | None, Query(max_length=20_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
) -> EventPage:
    """Read the event log; without `after` from its beginning."""
    db: Database = request.app.state.db
    cursor = _read(after, caller, Fault("/after", *_UNREADABLE, place="query"))
    found, reached = await _look(db, caller, cursor, limit=limit)
    return EventPage(
        items=[_show(event) for event in found],
        next=event_cursor(reached, agencies=caller.visible),
    )


async def _begin(
    request: Request,
    caller: Reader,
    after: Annotated[str | None, Query(max_length=20_000)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20_000)] = None,
) -> EventCursor:
    """Return where a stream begins, while a problem can still be answered."""
    # The header comes from a client that was cut off: it knows better than its first address.
    text = last_event_id or after
    place = "header" if last_event_id else "query"
    name = "/last-event-id" if last_event_id else "/after"
    cursor = _read(text, caller, Fault(name, *_UNREADABLE, place=place))
    _, reached = await _look(request.app.state.db, caller, cursor, limit=0)
    return reached


class EventStream(StreamingResponse):
    """Closes what it streams when the reader goes away, and lets no proxy hold events back.

    Not FastAPI's own `EventSourceResponse`: its tasks fail loudly when a reader goes away.
    """

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[bytes, None]) -> None:
        super().__init__(lines, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._lines = lines

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._lines):
            await super().stream_response(send)


@router.get("/v1/events/stream", response_class=EventStream, status_code=200)
async def get_stream(
    request: Request, caller: Reader, cursor: Annotated[EventCursor, Depends(_begin)]
) -> EventStream:
    """Follow the event log live; `Last-Event-ID` or `after` says where to go on.

    The stream ends with `retry:` when the process or the token ends; nothing is lost, the
    client goes on from the last id.
    """
    return EventStream(_follow(request, caller, cursor))


async def _follow(
    request: Request, caller: Caller, cursor: EventCursor
) -> AsyncGenerator[bytes, None]:
    ears: Ears = request.app.state.ears
    with ears.open(caller.visible) as ear:
        yield format_sse_event(retry=RETRY_MS)
        while not ears.closed:
            found: list[NumberedEvent] | None = None
            # A reader that goes away must not cut a transaction in two: each look is whole.
            with CancelScope(shield=True):
                found = await _more(request, caller, cursor)
            if found is None:
                break
            for event in found:
                cursor = push.advance(cursor, [event])
                yield _sent(event, event_cursor(cursor, agencies=caller.visible))
            if not found:
                await ear.wait(LOOK_SECONDS)
                yield KEEPALIVE_COMMENT
    yield format_sse_event(retry=RETRY_MS)


async def _more(
    request: Request, caller: Caller, cursor: EventCursor
) -> list[NumberedEvent] | None:
    """Return the next events; None when the stream has to end.

    The token is looked at again each time: it ends, and systems and agencies lose their standing.
    """
    try:
        await _scoped(request)
        found, _ = await _look(request.app.state.db, caller, cursor, limit=PAGE)
    except Problem:
        return None
    return found


async def _look(
    db: Database, caller: Caller, cursor: EventCursor | None, *, limit: int
) -> tuple[list[NumberedEvent], EventCursor]:
    try:
        return await db.as_caller(
            caller.visible,
            lambda conn: push.follow(conn, cursor, agencies=caller.visible, limit=limit),
        )
    except push.PastEpoch:
        raise Problem("REQ-4101") from None


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
