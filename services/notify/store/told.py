"""What was numbered just now, with the entries behind it, for those it is pushed to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId


@dataclass(frozen=True, slots=True)
class Arrived:
    """The entry that an event of arrival is about."""

    lane: Lane
    sequence: int
    previous_hash: bytes
    hash: bytes
    content: bytes
    traceparent: str | None
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One numbered event of an agency."""

    id: UUID
    agency_id: AgencyId
    agency_code: str
    type: str
    subject: UUID
    detail: dict[str, str | int | list[str] | None]
    at: datetime
    entry: Arrived | None


async def past(conn: Connection, position: int, *, agencies: Collection[AgencyId]) -> list[Told]:
    """Return what these agencies were told past a position, in the order of its numbers."""
    rows = await conn.fetch(
        """
        select event.id, event.agency_id, agency.code as agency_code, event.type, event.subject,
            event.detail, event.at, entry.lane, entry.sequence, entry.previous_hash, entry.hash,
            entry.content, entry.traceparent, entry.arrived_at
        from events as event
        join known_agencies as agency on agency.id = event.agency_id
        left join entries as entry
            on event.type = 'delivery.arrived' and entry.delivery_id = event.subject
        where event.position > $1 and event.agency_id = any ($2::uuid[])
        order by event.position
        """,
        position,
        list(agencies),
    )
    return [
        Told(
            row["id"],
            row["agency_id"],
            row["agency_code"],
            row["type"],
            row["subject"],
            row["detail"],
            row["at"],
            None
            if row["lane"] is None
            else Arrived(
                row["lane"],
                row["sequence"],
                row["previous_hash"],
                row["hash"],
                row["content"],
                row["traceparent"],
                row["arrived_at"],
            ),
        )
        for row in rows
    ]
