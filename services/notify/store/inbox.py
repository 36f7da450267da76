"""The recipient's view of its mailboxes: pages of entries, and holds on what waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from services.notify.mailbox import LaneKey
from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId, DeliveryId

if TYPE_CHECKING:
    from asyncpg import Record

State: TypeAlias = Literal["available", "leased", "acknowledged"]


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One entry as its recipient sees it."""

    delivery_id: DeliveryId
    agency_id: AgencyId
    agency_code: str
    lane: Lane
    sequence: int
    previous_hash: bytes
    hash: bytes
    content: bytes
    arrived_at: datetime
    state: State


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold of a delivery, for the `attempt`th time that it was handed out."""

    id: UUID
    delivery_id: DeliveryId
    attempt: int
    expires_at: datetime


async def page(conn: Connection, after: Mapping[LaneKey, int], *, limit: int) -> list[InboxItem]:
    """Return entries past the given number of each lane, urgent ones first, each lane in order."""
    keys = list(after)
    rows = await conn.fetch(
        """
        select entry.delivery_id, entry.agency_id, agency.code as agency_code, entry.lane,
            entry.sequence,
            entry.previous_hash, entry.hash, entry.content, entry.arrived_at,
            case
                when waiting.delivery_id is null then 'acknowledged'
                when waiting.leased_until > clock_timestamp() then 'leased'
                else 'available'
            end as state
        from unnest($1::uuid[], $2::text[], $3::bigint[]) as wanted (agency_id, lane, sequence)
        cross join lateral (
            select delivery_id, agency_id, lane, sequence, previous_hash, hash, content, arrived_at
            from entries
            where entries.agency_id = wanted.agency_id and entries.lane = wanted.lane
                and entries.sequence > wanted.sequence
            order by sequence limit $4
        ) as entry
        join known_agencies as agency on agency.id = entry.agency_id
        left join waiting on waiting.delivery_id = entry.delivery_id
        order by entry.lane desc, entry.agency_id, entry.sequence
        limit $4
        """,
        [agency for agency, _ in keys],
        [lane for _, lane in keys],
        [after[key] for key in keys],
        limit,
    )
    return [_item(row) for row in rows]


async def hold(
    conn: Connection,
    ids: Sequence[UUID],
    *,
    agencies: Sequence[AgencyId],
    client_id: str,
    visibility: timedelta,
) -> list[Lease]:
    """Hold up to as many free deliveries as there are ids: urgent first, then as they came.

    The condition is decided again on the locked row, so no delivery has two living holds.
    """
    rows = await conn.fetch(
        """
        with free as (
            select delivery_id, lane, position from waiting
            where agency_id = any ($1::uuid[])
                and (leased_until is null or leased_until <= clock_timestamp())
            order by lane desc, position
            limit cardinality($2::uuid[])
            for update skip locked
        ), held as (
            select delivery_id,
                ($2::uuid[])[row_number() over (order by lane desc, position)] as id
            from free
        )
        update waiting
        set lease_id = held.id, client_id = $3, attempt = attempt + 1,
            leased_until = clock_timestamp() + $4
        from held where waiting.delivery_id = held.delivery_id
        returning waiting.lease_id, waiting.delivery_id, waiting.attempt, waiting.leased_until
        """,
        agencies,
        ids,
        client_id,
        visibility,
    )
    return sorted((_lease(row) for row in rows), key=lambda lease: ids.index(lease.id))


async def items(conn: Connection, deliveries: Sequence[DeliveryId]) -> list[InboxItem]:
    """Return the entries of deliveries that were just held."""
    rows = await conn.fetch(
        """
        select delivery_id, agency_id, agency.code as agency_code, lane, sequence,
            previous_hash, hash, content, arrived_at, 'leased' as state
        from entries join known_agencies as agency on agency.id = entries.agency_id
        where delivery_id = any ($1::uuid[])
        """,
        deliveries,
    )
    return [_item(row) for row in rows]


async def prolong(
    conn: Connection, lease: UUID, *, agencies: Sequence[AgencyId], visibility: timedelta
) -> Lease | None:
    """Let a living lease end `visibility` from now; None when it does not live (any more)."""
    row = await conn.fetchrow(
        """
        update waiting set leased_until = clock_timestamp() + $3
        where lease_id = $1 and agency_id = any ($2::uuid[]) and leased_until > clock_timestamp()
        returning lease_id, delivery_id, attempt, leased_until
        """,
        lease,
        agencies,
        visibility,
    )
    return None if row is None else _lease(row)


async def release(conn: Connection, lease: UUID, *, agencies: Sequence[AgencyId]) -> bool:
    """Give a delivery back; False when this is not the delivery's last lease."""
    found = await conn.fetchval(
        """
        update waiting set leased_until = null
        where lease_id = $1 and agency_id = any ($2::uuid[])
        returning true
        """,
        lease,
        agencies,
    )
    return found is not None


async def known(conn: Connection, lease: UUID, *, agencies: Sequence[AgencyId]) -> bool:
    """Say whether this is the last lease of a delivery that still waits, living or not."""
    found = await conn.fetchval(
        "select true from waiting where lease_id = $1 and agency_id = any ($2::uuid[])",
        lease,
        agencies,
    )
    return found is not None


def _lease(row: "Record") -> Lease:
    return Lease(row["lease_id"], row["delivery_id"], row["attempt"], row["leased_until"])


def _item(row: "Record") -> InboxItem:
    return InboxItem(
        row["delivery_id"],
        row["agency_id"],
        row["agency_code"],
        row["lane"],
        row["sequence"],
        row["previous_hash"],
        row["hash"],
        row["content"],
        row["arrived_at"],
        row["state"],
    )
