"""Routes of the inbox: pages by number or cursor, and leases."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.notify import receive
from services.notify.cursor import LONGEST, Mark, Unreadable, lane_cursor, mark, read_lane_cursor
from services.notify.ears import Ears
from services.notify.mailbox import LaneKey
from services.notify.store import inbox
from services.notify.store.inbox import InboxItem, Lease
from shared.chain import LANES, Lane
from shared.db import Database
from shared.errors import Fault, Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["inbox"])

_receiver = Scoped("documents.receive")
Receiver = Annotated[Caller, Depends(_receiver)]

_LONGEST_WAIT = timedelta(seconds=30)
_SHORTEST_HOLD, _LONGEST_HOLD = timedelta(seconds=1), timedelta(hours=12)
_HIGHEST = (1 << 63) - 1

Visibility = Annotated[timedelta, Field(ge=_SHORTEST_HOLD, le=_LONGEST_HOLD)]


class Item(BaseModel):
    """One entry of a mailbox; `entry` are the bytes under `hash`, as text."""

    delivery_id: UUID
    agency: str
    """Code of the recipient whose mailbox it is."""
    lane: Lane
    sequence: int
    previous_hash: str
    hash: str
    entry: str
    state: Literal["available", "leased", "acknowledged"]
    arrived_at: datetime


class Page(BaseModel):
    """Entries; go on with `after=next_after` (one lane), or with `cursor=next_cursor`."""

    items: list[Item]
    next_after: int | None = None
    next_cursor: str | None = None


class LeaseRequest(BaseModel):
    """How many deliveries, held for how long, waited for how long."""

    model_config = ConfigDict(extra="ignore")

    max: Annotated[int, Field(ge=1, le=100)] = 10
    visibility: Visibility = timedelta(minutes=5)
    wait: Annotated[timedelta, Field(ge=timedelta(0), le=_LONGEST_WAIT)] = timedelta(0)


class Prolonging(BaseModel):
    """How much longer, from now."""

    visibility: Visibility


class LeaseAnswer(BaseModel):
    """A hold of one delivery."""

    id: UUID
    attempt: int
    """How often this delivery was handed out, this time included."""
    expires_at: datetime


class HeldDelivery(LeaseAnswer):
    """A hold with the entry that it holds."""

    delivery: Item


class LeaseList(BaseModel):
    """The holds that were given; empty when nothing came in time."""

    leases: list[HeldDelivery]


@router.get(
    "/v1/inbox",
    **told("Read the mailbox in order, without a hold", "Đọc hộp thư theo thứ tự, không giữ chỗ"),
)
async def get_inbox(  # noqa: PLR0917 (FastAPI passes by name)
    request: Request,
    caller: Receiver,
    lane: Lane | None = None,
    after: Annotated[int | None, Query(ge=0, le=_HIGHEST)] = None,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page:
    """Read a mailbox in order, without gaps and without a hold.

    By number: the one acting agency and one lane (`normal` if none is named with `after`). By
    cursor: all lanes and agencies that the caller sees, closed ones that it succeeds included, or
    the one lane that is named.
    """
    db: Database = request.app.state.db
    by_number = (
        cursor is None and len(caller.agencies) == 1 and (after is not None or lane is not None)
    )
    if after is not None and not by_number:
        raise _several()
    lanes: Sequence[Lane] = LANES if lane is None else (lane,)
    mailboxes = caller.visible
    if by_number:
        lanes = ("normal" if lane is None else lane,)
        mailboxes = (caller.agencies[0].id,)
    start = {} if cursor is None else _start(cursor)
    places: dict[LaneKey, int] = {
        (agency, one): start.get(mark((agency, one)), after or 0)
        for agency in mailboxes
        for one in lanes
    }
    items = await db.as_caller(caller.visible, lambda conn: inbox.page(conn, places, limit=limit))
    answer = Page(items=[show(item) for item in items])
    passed: Mapping[LaneKey, int] = {(one.agency_id, one.lane): one.sequence for one in items}
    if by_number:
        answer.next_after = items[-1].sequence if items else after or 0
    else:
        reached = {mark(key): number for key, number in {**places, **passed}.items()}
        answer.next_cursor = lane_cursor({**start, **reached})
    return answer


@router.post(
    "/v1/inbox/leases",
    **told(
        "Take deliveries under a lease, waiting for the first",
        "Nhận và giữ chỗ các lượt giao, có thể chờ",
    ),
)
async def post_leases(request: Request, caller: Receiver, body: LeaseRequest) -> LeaseList:
    """Take up to `max` deliveries under a hold; with `wait` the answer waits for the first."""
    db: Database = request.app.state.db
    ears: Ears = request.app.state.ears
    wanted = receive.Wanted(body.max, body.visibility, body.wait)
    held = await receive.lease(
        db, ears, caller, wanted, again=partial(_receiver, request), gone=request.is_disconnected
    )
    return LeaseList(
        leases=[
            HeldDelivery(**show_lease(one.lease).model_dump(), delivery=show(one.item))
            for one in held
        ]
    )


@router.patch(
    "/v1/inbox/leases/{lease_id}",
    **told("Keep a lease longer", "Gia hạn giữ chỗ", refuses=(404, 409)),
)
async def patch_lease(
    request: Request, caller: Receiver, lease_id: UUID, body: Prolonging
) -> LeaseAnswer:
    """Keep a living lease longer."""
    db: Database = request.app.state.db
    lease = await db.as_caller(
        caller.visible, lambda conn: receive.prolong(conn, caller, lease_id, body.visibility)
    )
    return show_lease(lease)


@router.delete(
    "/v1/inbox/leases/{lease_id}",
    status_code=204,
    **told("Give a delivery back", "Trả lại lượt giao đang giữ", refuses=(404,)),
)
async def delete_lease(request: Request, caller: Receiver, lease_id: UUID) -> Response:
    """Give a delivery back, so that it is handed out again at once."""
    db: Database = request.app.state.db
    ears: Ears = request.app.state.ears
    await db.as_caller(caller.visible, lambda conn: receive.release(conn, caller, lease_id))
    ears.tell(caller.visible)
    return Response(status_code=204)


def show(item: InboxItem) -> Item:
    """Return an entry as the recipient reads it."""
    return Item(
        delivery_id=item.delivery_id,
        agency=item.agency_code,
        lane=item.lane,
        sequence=item.sequence,
        previous_hash=item.previous_hash.hex(),
        hash=item.hash.hex(),
        entry=item.content.decode(),
        state=item.state,
        arrived_at=item.arrived_at,
    )


def show_lease(lease: Lease) -> LeaseAnswer:
    """Return a hold as its worker reads it."""
    return LeaseAnswer(id=lease.id, attempt=lease.attempt, expires_at=lease.expires_at)


def _start(cursor: str) -> dict[Mark, int]:
    try:
        return read_lane_cursor(cursor)
    except Unreadable:
        fault = Fault(
            "/cursor", "Con trỏ không đọc được.", "This cursor cannot be read.", place="query"
        )
        raise Problem("REQ-4003", faults=[fault]) from None


def _several() -> Problem:
    fault = Fault(
        "/after",
        "after đếm trong một làn của một cơ quan; với nhiều cơ quan hãy dùng cursor.",
        "after counts in one lane of one agency; use cursor for several agencies.",
        place="query",
    )
    return Problem("REQ-4003", faults=[fault])
