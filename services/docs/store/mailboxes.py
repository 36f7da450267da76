"""Rows of `mailbox_heads`, `seen_heads`, `sightings`: how far each lane is, here and at notify."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.chain import GENESIS, Lane
from shared.db import Connection
from shared.events import DeliveryCleared
from shared.ids import AgencyId


@dataclass(frozen=True, slots=True)
class Head:
    """The last number given in an agency's lane, and its hash."""

    agency_id: AgencyId
    lane: Lane
    sequence: int
    hash: bytes


async def lock_heads(
    conn: Connection, agencies: Sequence[AgencyId], *, lane: Lane
) -> dict[AgencyId, Head]:
    """Lock the heads of these agencies in order of id, the last of all locks; made when missing."""
    ids = sorted(agencies)
    await conn.execute(
        """insert into mailbox_heads (agency_id, lane, hash)
        select agency_id, $2, $3 from unnest($1::uuid[]) as u (agency_id) order by agency_id
        on conflict (agency_id, lane) do nothing""",
        ids,
        lane,
        GENESIS,
    )
    rows = await conn.fetch(
        """select agency_id, lane, sequence, hash from mailbox_heads
        where agency_id = any($1) and lane = $2 order by agency_id for update""",
        ids,
        lane,
    )
    return {row["agency_id"]: Head(**dict(row)) for row in rows}


async def advance(conn: Connection, heads: Sequence[Head]) -> None:
    """Move locked heads forward."""
    await conn.execute(
        """update mailbox_heads as h set sequence = n.sequence, hash = n.hash
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[])
            as n (agency_id, lane, sequence, hash)
        where h.agency_id = n.agency_id and h.lane = n.lane""",
        [head.agency_id for head in heads],
        [head.lane for head in heads],
        [head.sequence for head in heads],
        [head.hash for head in heads],
    )


async def heads(conn: Connection) -> list[Head]:
    """Return all heads that have a number."""
    rows = await conn.fetch(
        """select agency_id, lane, sequence, hash from mailbox_heads where sequence > 0
        order by agency_id, lane"""
    )
    return [Head(**dict(row)) for row in rows]


async def head(conn: Connection, agency: AgencyId, *, lane: Lane) -> Head:
    """Return the head of one lane; number 0 and the genesis hash when it is empty."""
    row = await conn.fetchrow(
        """select agency_id, lane, sequence, hash from mailbox_heads
        where agency_id = $1 and lane = $2""",
        agency,
        lane,
    )
    return Head(agency, lane, 0, GENESIS) if row is None else Head(**dict(row))


async def behind(conn: Connection, theirs: Sequence[Head]) -> list[Head]:
    """Return those of notify's heads whose number is above ours."""
    rows = await conn.fetch(
        """select n.agency_id, n.lane, n.sequence, n.hash
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[])
            as n (agency_id, lane, sequence, hash)
        left join mailbox_heads as h on h.agency_id = n.agency_id and h.lane = n.lane
        where n.sequence > coalesce(h.sequence, 0) order by n.agency_id, n.lane""",
        [head.agency_id for head in theirs],
        [head.lane for head in theirs],
        [head.sequence for head in theirs],
        [head.hash for head in theirs],
    )
    return [Head(**dict(row)) for row in rows]


async def entries(
    conn: Connection, agency: AgencyId, *, lane: Lane, first: int, limit: int
) -> list[DeliveryCleared]:
    """Return a lane's entries from number `first` on, byte for byte as they were made."""
    rows = await conn.fetch(
        """select id as delivery_id, dispatch_id, document_id, recipient_id as agency_id, level,
            lane, sequence, encode(previous_hash, 'hex') as previous_hash,
            encode(hash, 'hex') as hash, convert_from(entry, 'UTF8') as entry
        from deliveries where recipient_id = $1 and lane = $2 and sequence >= $3
        order by sequence limit $4""",
        agency,
        lane,
        first,
        limit,
    )
    return [DeliveryCleared.model_validate(dict(row)) for row in rows]


async def contexts(conn: Connection, entries: Sequence[DeliveryCleared]) -> list[str | None]:
    """Return the trace context of each entry's dispatch (W3C `traceparent`)."""
    rows = await conn.fetch(
        "select id, traceparent from dispatches where id = any($1)",
        [one.dispatch_id for one in entries],
    )
    known = {row["id"]: row["traceparent"] for row in rows}
    return [known.get(one.dispatch_id) for one in entries]


async def see(conn: Connection, seen: Sequence[Head], *, epoch: UUID) -> None:
    """Keep how far notify has come; an answer that another overtook changes nothing.

    What an earlier life of its database had said is forgotten.
    """
    await conn.execute("delete from seen_heads where epoch <> $1", epoch)
    await conn.execute(
        """insert into sightings (agency_id, lane, sequence)
        select n.agency_id, n.lane, n.sequence
        from unnest($1::uuid[], $2::text[], $3::bigint[]) as n (agency_id, lane, sequence)
        where n.sequence > 0 and not exists (
            select 1 from seen_heads as k where k.agency_id = n.agency_id and k.lane = n.lane
                and k.sequence >= n.sequence)
        order by n.agency_id, n.lane
        on conflict do nothing""",
        [head.agency_id for head in seen],
        [head.lane for head in seen],
        [head.sequence for head in seen],
    )
    await conn.execute(
        """insert into seen_heads as s (agency_id, lane, sequence, hash, epoch)
        select n.agency_id, n.lane, n.sequence, n.hash, $5
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[])
            as n (agency_id, lane, sequence, hash)
        where not exists (  -- most answers bring nothing new: no row is locked for them
            select 1 from seen_heads as k where k.agency_id = n.agency_id and k.lane = n.lane
                and k.sequence = n.sequence and k.hash = n.hash and k.epoch = $5)
        order by n.agency_id, n.lane
        on conflict (agency_id, lane) do update
            set sequence = excluded.sequence, hash = excluded.hash, epoch = excluded.epoch
        where s.epoch <> excluded.epoch or s.sequence < excluded.sequence
            or (s.sequence = excluded.sequence and s.hash <> excluded.hash)""",
        [head.agency_id for head in seen],
        [head.lane for head in seen],
        [head.sequence for head in seen],
        [head.hash for head in seen],
        epoch,
    )


async def differing(conn: Connection) -> int:
    """Count the lanes where notify was last seen at another head than ours."""
    return await conn.fetchval(
        """select count(*) from mailbox_heads as h
        full join seen_heads as s on s.agency_id = h.agency_id and s.lane = h.lane
        where coalesce(h.sequence, 0) <> coalesce(s.sequence, 0)
            or (h.sequence > 0 and h.hash <> s.hash)"""
    )


async def lagging(
    conn: Connection, *, epoch: UUID, seconds: float, limit: int = 200
) -> list[DeliveryCleared]:
    """Return the newest entry of lanes in which notify is behind by an entry older than `seconds`.

    Each is returned once a minute: it only has to make notify look at the gap.
    """
    rows = await conn.fetch(
        """with late as (
            select h.agency_id, h.lane, h.sequence from mailbox_heads as h
            left join seen_heads as s on s.agency_id = h.agency_id and s.lane = h.lane
            join deliveries as d on d.recipient_id = h.agency_id and d.lane = h.lane
                and d.sequence = coalesce(s.sequence, 0) + 1
            where h.sequence > coalesce(s.sequence, 0)
                and d.cleared_at < now() - make_interval(secs => $1)
                and (s.hinted_at is null or s.hinted_at < now() - interval '1 minute')
            order by h.agency_id, h.lane limit $2),
        hinted as (
            insert into seen_heads as s (agency_id, lane, sequence, hash, epoch, hinted_at)
            select agency_id, lane, 0, $3, $4, now() from late
            order by agency_id, lane
            on conflict (agency_id, lane) do update set hinted_at = now()
            returning agency_id, lane)
        select d.id as delivery_id, d.dispatch_id, d.document_id, d.recipient_id as agency_id,
            d.level, d.lane, d.sequence, encode(d.previous_hash, 'hex') as previous_hash,
            encode(d.hash, 'hex') as hash, convert_from(d.entry, 'UTF8') as entry
        from hinted join late using (agency_id, lane)
        join deliveries as d on d.recipient_id = late.agency_id and d.lane = late.lane
            and d.sequence = late.sequence""",
        seconds,
        limit,
        GENESIS,
        epoch,
    )
    return [DeliveryCleared.model_validate(dict(row)) for row in rows]
