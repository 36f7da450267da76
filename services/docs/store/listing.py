"""Lists of deliveries, sent or received: always along an index, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.docs.document import Urgency
from services.docs.store.where import Where, plan_for_values
from shared.db import Connection
from shared.ids import AgencyId, DeliveryId

Direction = Literal["in", "out"]
Transport = Literal["queued", "in_transit", "available", "acknowledged", "failed"]

STAGES = {"": 0, "01": 1, "02": 2, "03": 3, "04": 4, "05": 5, "06": 6}
"""The latest status as `deliveries.stage` has it; 7 is any other code."""
_ALL = (*range(8),)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries a list shall hold; None: no matter."""

    direction: Direction
    status: str | None = None
    missing: str | None = None
    """Neither this status nor a later one was reported; refused and failed copies are answered."""
    transport: Transport | None = None
    older_than: timedelta | None = None
    """Since clearing; since acceptance while it is not cleared."""
    urgency: Urgency | None = None
    level: str | None = None
    """Of the other side: the recipient of what was sent, the sender of what was received."""
    others: Sequence[AgencyId] | None = None
    """The other side."""
    since: datetime | None = None
    until: datetime | None = None

    def stages(self) -> tuple[int, ...]:
        """Return which parts of the index can hold what is wanted."""
        wanted = set(_ALL)
        if self.status is not None:
            wanted &= {STAGES[self.status]}
        if self.missing is not None:
            wanted &= set(range(STAGES[self.missing])) - {STAGES["02"]}
        if self.transport == "acknowledged":
            wanted -= {0}
        elif self.transport is not None:
            wanted &= {0}  # a receipt is status 01 at least
        return tuple(sorted(wanted))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list stands: the time by which it is ordered, then the id; neither ever changes."""

    at: datetime
    id: DeliveryId


_TRANSPORTS = {
    "queued": "d.sequence is null and d.reason is null",
    "in_transit": "d.sequence > coalesce(s.sequence, 0)",
    "available": "d.sequence <= s.sequence",
    "acknowledged": "d.reason is null",
    "failed": "d.reason is not null",
}


async def page(
    conn: Connection,
    wanted: Wanted,
    *,
    parties: Sequence[AgencyId],
    before: Place | None,
    limit: int,
) -> list[Place]:
    """Return deliveries that these agencies sent (by acceptance) or received (by clearing).

    The newest first, older than `before`. Each agency and status is a range of its own in the
    index, of which at most `limit` rows are read when no other condition leaves rows out.
    """
    out = wanted.direction == "out"
    where = Where()
    own, stages = where.bind(list(parties)), wanted.stages()
    _narrow(where, wanted)
    at = "d.accepted_at" if out else "d.cleared_at"
    party = "d.sender_id" if out else "d.recipient_id"
    # One stage alone is a constant: then its share of all rows is known to the planner.
    part = where.bind(stages[0]) if len(stages) == 1 else "part.stage"
    where.conditions += [f"{party} = own.id", f"d.stage = {part}"]
    if before is not None:
        where.conditions.append(
            f"({at}, d.id) < ({where.bind(before.at)}, {where.bind(before.id)})"
        )
    most = where.bind(limit)
    await plan_for_values(conn)
    rows = await conn.fetch(
        f"""select one.at, one.id from unnest({own}::uuid[]) as own (id)
        cross join unnest({where.bind(list(stages))}::integer[]) as part (stage)
        cross join lateral (
            select {at} as at, d.id from deliveries as d
            left join seen_heads as s on s.agency_id = d.recipient_id and s.lane = d.lane
            where {where} order by {at} desc, d.id desc limit {most}) as one
        order by one.at desc, one.id desc limit {most}""",  # noqa: S608 (fixed conditions)
        *where.values,
    )
    return [Place(row["at"], row["id"]) for row in rows]


def _narrow(where: Where, wanted: Wanted) -> None:
    out = wanted.direction == "out"
    at = "d.accepted_at" if out else "d.cleared_at"
    where.add(f"{at} >= {{}}", wanted.since)
    where.add(f"{at} < {{}}", wanted.until)
    where.add(f"{at} < now() - {{}}::interval", wanted.older_than)
    if out:
        where.add("coalesce(d.cleared_at, d.accepted_at) < now() - {}::interval", wanted.older_than)
        where.add("d.level = {}", wanted.level)
        where.add("d.recipient_id = any({}::uuid[])", wanted.others)
    else:
        where.conditions.append("d.sequence is not null")
        where.add("d.sender_id in (select id from agencies where level = {})", wanted.level)
        where.add("d.sender_id = any({}::uuid[])", wanted.others)
    if wanted.urgency is not None:
        where.add("d.lane = {}", wanted.urgency.lane)
        if wanted.urgency is not Urgency.NORMAL:
            where.add(
                "exists (select 1 from documents as u"
                " where u.id = d.document_id and u.urgency = {})",
                wanted.urgency.value,
            )
    if wanted.transport is not None:
        where.conditions.append(_TRANSPORTS[wanted.transport])
    if wanted.missing is not None:
        where.conditions.append("d.reason is null")
