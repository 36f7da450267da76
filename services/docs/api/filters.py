"""What a list of deliveries may be narrowed by, and which combinations say nothing."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.docs.api.answers import MOST_ON_A_PAGE, bad_parameter, position
from services.docs.directory import HANOI
from services.docs.document import Urgency
from services.docs.store import agencies
from services.docs.store.listing import Direction, Place, Transport, Wanted
from shared.db import Connection
from shared.errors import Fault, Problem
from shared.ids import AgencyId, DeliveryId

_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d{1,5})W|(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?)"
)
_LONGEST = timedelta(days=3660)

Code = Annotated[str, Field(min_length=1, max_length=35)]


class Filters(BaseModel):
    """Conditions of `GET /v1/deliveries`; all hold together."""

    direction: Direction = Field(description="`out`: what was sent; `in`: what was received.")
    status: Literal["01", "02", "03", "04", "05", "06"] | None = Field(
        None, description="The latest status is this one; a receipt alone is 01."
    )
    missing: Literal["01", "03", "04", "05", "06"] | None = Field(
        None,
        description="Neither this status nor a later one was reported. Refused (02) and failed"
        " copies are answered, so they are not missing.",
    )
    transport: Transport | None = None
    older_than: Annotated[str, Field(max_length=40, examples=["PT4H"])] | None = Field(
        None, description="ISO 8601 duration since clearing, or since acceptance while not cleared."
    )
    urgency: Urgency | None = None
    level: Annotated[str, Field(max_length=35)] | None = Field(
        None, description="Level of the other side: recipient of `out`, sender of `in`."
    )
    agency: Code | None = Field(None, description="The other side, by a code of any form.")
    under: Code | None = Field(None, description="The other side is at any depth below this one.")
    from_date: date | None = Field(
        None, description="Sent (`out`) or arrived (`in`) on this day of Hanoi or later."
    )
    to_date: date | None = Field(None, description="On this day of Hanoi or earlier.")
    expand: Literal["document"] | None = Field(
        None, description="The whole document with its files, not only its subject."
    )
    limit: Annotated[int, Field(ge=1, le=MOST_ON_A_PAGE)] | None = Field(
        None, description="Items on a page; 50 where nothing is said."
    )
    cursor: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="`next_cursor` of the page before; other values are refused."
    )


async def wanted(conn: Connection, filters: Filters) -> Wanted:
    """Return the conditions with agencies looked up. Raises Problem REQ-4003 for an unknown one."""
    others: list[AgencyId] | None = None
    if filters.agency is not None:
        others = [await _known(conn, filters.agency, "agency")]
    if filters.under is not None:
        others = await agencies.below(conn, await _known(conn, filters.under, "under"))
    until = None if filters.to_date is None else _day(filters.to_date) + timedelta(days=1)
    return Wanted(
        direction=filters.direction,
        status=filters.status,
        missing=filters.missing,
        transport=filters.transport,
        older_than=None if filters.older_than is None else _duration(filters.older_than),
        urgency=filters.urgency,
        level=filters.level,
        others=others,
        since=None if filters.from_date is None else _day(filters.from_date),
        until=until,
    )


def check(filters: Filters) -> None:
    """Raise Problem REQ-4003 for conditions that exclude each other, each with what to do."""
    faults: list[Fault] = []
    if filters.status is not None and filters.missing is not None:
        vi, en = "Chỉ dùng một trong hai: status, missing.", "Use either status or missing."
        faults.append(Fault("/missing", vi, en, "query"))
    if filters.agency is not None and filters.under is not None:
        vi, en = "Chỉ dùng một trong hai: agency, under.", "Use either agency or under."
        faults.append(Fault("/under", vi, en, "query"))
    if filters.direction == "in" and filters.transport in ("queued", "failed"):
        vi = "Nơi nhận chỉ thấy bản đã có số: dùng in_transit, available hoặc acknowledged."
        en = "A recipient only sees copies with a number: use in_transit, available, acknowledged."
        faults.append(Fault("/transport", vi, en, "query"))
    faults += _check_days(filters)
    if filters.older_than is not None and _duration(filters.older_than) > _LONGEST:
        vi, en = "Tối đa P3660D.", "At most P3660D."
        faults.append(Fault("/older_than", vi, en, "query"))
    if faults:
        raise Problem("REQ-4003", faults=faults)


def _check_days(filters: Filters) -> Sequence[Fault]:
    first, last = filters.from_date, filters.to_date
    if any(one is not None and not 1900 <= one.year <= 2999 for one in (first, last)):  # noqa: PLR2004
        vi, en = "Năm từ 1900 đến 2999.", "Years from 1900 to 2999."
        return [Fault("/from_date", vi, en, "query")]
    if first is not None and last is not None and first > last:
        vi, en = "to_date phải từ from_date trở đi.", "to_date must not lie before from_date."
        return [Fault("/to_date", vi, en, "query")]
    return []


def _day(day: date) -> datetime:
    return datetime.combine(day, time.min, HANOI).astimezone(UTC)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        vi, en = "Phải là khoảng thời gian theo ISO 8601, như PT4H.", "Use ISO 8601, such as PT4H."
        raise Problem("REQ-4003", faults=[Fault("/older_than", vi, en, "query")])
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


async def _known(conn: Connection, code: str, name: str) -> AgencyId:
    agency = await agencies.find(conn, code)
    if agency is None:
        vi, en = f"Không có cơ quan mang mã {code}.", f"No agency has the code {code}."
        raise Problem("REQ-4003", faults=[Fault(f"/{name}", vi, en, "query")])
    return agency.id


def place(cursor: str | None) -> Place | None:
    """Return where a cursor stands. Raises Problem REQ-4003 for one not made here."""
    key = position(cursor)
    if key is None:
        return None
    at, _, id_ = key.partition(" ")
    try:
        known = Place(datetime.fromisoformat(at), DeliveryId(UUID(id_)))
    except ValueError:
        raise bad_parameter("cursor") from None
    if known.at.tzinfo is None:
        raise bad_parameter("cursor")
    return known


def key(at: Place) -> str:
    """Return what a cursor stands for."""
    return f"{at.at.isoformat()} {at.id}"
