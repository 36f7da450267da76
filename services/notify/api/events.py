"""`/v1/events`: the event log, page by page, by cursor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from services.notify import push
from services.notify.cursor import (
    LONGEST,
    EventCursor,
    Unreadable,
    event_cursor,
    read_event_cursor,
)
from services.notify.store.events import EventType, NumberedEvent
from shared.db import Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["events"])

scoped = Scoped()
Reader = Annotated[Caller, Depends(scoped)]

PAGE = 100
UNREADABLE = ("Con trỏ không đọc được.", "This cursor cannot be read.")


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
        EventType | None,
        Query(alias="type", description="Only events of this type."),
    ] = None,
) -> EventPage:
    """Read the event log; without `after` from its beginning.

    A cursor from before a restore of the exchange answers 410: begin again.
    """
    db: Database = request.app.state.db
    fault = Fault("/after", *UNREADABLE, place="query")
    cursor = read(after, caller, fault)
    found, reached = await look(db, caller, cursor, Looking(limit=limit, kind=kind, fault=fault))
    return EventPage(
        items=[show(event) for event in found],
        next=event_cursor(reached, agencies=caller.visible),
    )


@dataclass(frozen=True, slots=True)
class Looking:
    """How many events of which type are wanted, and what is wrong if the cursor is no place."""

    limit: int
    kind: EventType | None = None
    fault: Fault | None = None


async def look(
    db: Database, caller: Caller, cursor: EventCursor | None, wanted: Looking
) -> tuple[list[NumberedEvent], EventCursor]:
    """Return the next events behind a cursor. Raises Problem REQ-4101 (its epoch), REQ-4003."""
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


def read(text: str | None, caller: Caller, fault: Fault) -> EventCursor | None:
    """Read a cursor of this caller; None for no text. Raises Problem REQ-4003."""
    if not text:
        return None
    try:
        return read_event_cursor(text, agencies=caller.visible)
    except Unreadable:
        raise Problem("REQ-4003", faults=[fault]) from None


def show(event: NumberedEvent) -> Event:
    """Return an event in the shape of the API."""
    return Event(
        id=event.id,
        type=event.type,
        at=event.at,
        agency=event.agency_code,
        subject=event.subject,
        **event.detail,
    )
