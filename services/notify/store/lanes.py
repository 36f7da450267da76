"""Lanes and their entries: locked together, appended in batches, read in pages."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from services.notify.mailbox import LaneKey, LaneState, Numbered
from shared.chain import GENESIS, Lane
from shared.db import Connection
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Entry(Numbered):
    """A numbered entry with what notify keeps beside it."""

    delivery_id: DeliveryId
    dispatch_id: DispatchId
    document_id: DocumentId
    sender_id: AgencyId
    level: str
    traceparent: str | None
    """The context in which docs created the delivery; later spans link to it."""


@dataclass(frozen=True, slots=True)
class StoredEntry(Entry):
    """An entry of a mailbox."""

    arrived_at: datetime


async def lock(conn: Connection, keys: Iterable[LaneKey]) -> dict[LaneKey, LaneState]:
    """Lock the rows of these lanes, in one order everywhere, and make those that are new."""
    wanted = sorted(set(keys))
    found = await _lock_known(conn, wanted)
    missing = [key for key in wanted if key not in found]
    if not missing:
        return found
    await conn.execute(
        """
        insert into lanes (agency_id, lane, hash)
        select agency_id, lane, $3 from unnest($1::uuid[], $2::text[]) as new (agency_id, lane)
        order by agency_id, lane
        on conflict do nothing
        """,
        [agency for agency, _ in missing],
        [lane for _, lane in missing],
        GENESIS,
    )
    return await _lock_known(conn, wanted)


async def _lock_known(conn: Connection, keys: Sequence[LaneKey]) -> dict[LaneKey, LaneState]:
    rows = await conn.fetch(
        """
        select agency_id, lane, sequence, hash, behind, stopped
        from lanes
        where (agency_id, lane) in (
            select wanted.agency_id, wanted.lane
            from unnest($1::uuid[], $2::text[]) as wanted (agency_id, lane)
        )
        order by agency_id, lane
        for update
        """,
        [agency for agency, _ in keys],
        [lane for _, lane in keys],
    )
    return {(row["agency_id"], row["lane"]): _state(row) for row in rows}


class Known(NamedTuple):
    """An entry that was applied."""

    hash: bytes
    traced: bool
    """It came with a context: its acknowledgement is linked to it."""


async def known(
    conn: Connection, wanted: Collection[tuple[AgencyId, Lane, int]]
) -> dict[LaneKey, dict[int, Known]]:
    """Return what is known of these numbers, as far as they were applied, by lane and number."""
    found: dict[LaneKey, dict[int, Known]] = defaultdict(dict)
    if not wanted:
        return found
    rows = await conn.fetch(
        """
        select agency_id, lane, sequence, hash, traceparent is not null as traced from entries
        join unnest($1::uuid[], $2::text[], $3::bigint[]) as wanted (agency_id, lane, sequence)
            using (agency_id, lane, sequence)
        """,
        [agency for agency, _, _ in wanted],
        [lane for _, lane, _ in wanted],
        [sequence for _, _, sequence in wanted],
    )
    for row in rows:
        one = Known(row["hash"], row["traced"])
        found[row["agency_id"], row["lane"]][row["sequence"]] = one
    return found


_APPEND = """
with arrived as (
    insert into entries (
        agency_id, lane, sequence, previous_hash, hash, content, delivery_id,
        dispatch_id, document_id, sender_id, level, traceparent
    )
    select new.agency_id, new.lane, new.sequence, new.previous_hash, new.hash,
        new.content, new.delivery_id, new.dispatch_id, new.document_id, new.sender_id,
        new.level, new.traceparent
    from unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[],
        $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::text[]
    ) as new (
        agency_id, lane, sequence, previous_hash, hash, content, delivery_id,
        dispatch_id, document_id, sender_id, level, traceparent
    )
    returning delivery_id, agency_id, lane, sequence
)
insert into waiting (delivery_id, agency_id, lane, sequence)
select delivery_id, agency_id, lane, sequence from arrived
where not exists (
    select from receipts where receipts.delivery_id = arrived.delivery_id
)
order by agency_id, lane, sequence
"""


async def append(conn: Connection, entries: Sequence[Entry]) -> None:
    """Append entries in this order; each waits for its acknowledgement unless that is here."""
    if not entries:
        return
    await conn.execute(
        _APPEND,
        [one.agency for one in entries],
        [one.lane for one in entries],
        [one.sequence for one in entries],
        [one.previous for one in entries],
        [one.hash for one in entries],
        [one.content for one in entries],
        [one.delivery_id for one in entries],
        [one.dispatch_id for one in entries],
        [one.document_id for one in entries],
        [one.sender_id for one in entries],
        [one.level for one in entries],
        [one.traceparent for one in entries],
    )


async def save(conn: Connection, lanes: Sequence[LaneState]) -> None:
    """Write the states of lanes that this transaction has locked."""
    if not lanes:
        return
    await conn.execute(
        """
        update lanes
        set sequence = new.sequence, hash = new.hash, behind = new.behind, stopped = new.stopped
        from unnest(
            $1::uuid[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::text[]
        ) as new (agency_id, lane, sequence, hash, behind, stopped)
        where lanes.agency_id = new.agency_id and lanes.lane = new.lane
        """,
        [one.agency for one in lanes],
        [one.lane for one in lanes],
        [one.sequence for one in lanes],
        [one.hash for one in lanes],
        [one.behind for one in lanes],
        [one.stopped for one in lanes],
    )


async def behind(conn: Connection, *, limit: int) -> list[LaneState]:
    """Return some lanes that miss entries and have not stopped, in random order."""
    rows = await conn.fetch(
        """
        select agency_id, lane, sequence, hash, behind, stopped from lanes
        where behind is not null and stopped is null
        order by random() limit $1
        """,
        limit,
    )
    return [_state(row) for row in rows]


async def states(conn: Connection) -> list[LaneState]:
    """Return where every lane stands."""
    rows = await conn.fetch(
        """
        select agency_id, lane, sequence, hash, behind, stopped from lanes
        order by agency_id, lane
        """
    )
    return [_state(row) for row in rows]


async def read(
    conn: Connection, *, agency: AgencyId, lane: Lane, start: int, limit: int
) -> list[StoredEntry]:
    """Return the entries of one lane from the number `start` on."""
    rows = await conn.fetch(
        """
        select agency_id, lane, sequence, previous_hash, hash, content, delivery_id,
            dispatch_id, document_id, sender_id, level, traceparent, arrived_at
        from entries where agency_id = $1 and lane = $2 and sequence >= $3
        order by sequence limit $4
        """,
        agency,
        lane,
        start,
        limit,
    )
    return [_entry(row) for row in rows]


async def find(
    conn: Connection, delivery: DeliveryId, *, visible: Sequence[AgencyId]
) -> StoredEntry | None:
    """Return the entry of a delivery if it is in the mailbox of one of these agencies."""
    row = await conn.fetchrow(
        """
        select agency_id, lane, sequence, previous_hash, hash, content, delivery_id,
            dispatch_id, document_id, sender_id, level, traceparent, arrived_at
        from entries where delivery_id = $1 and agency_id = any ($2::uuid[])
        """,
        delivery,
        visible,
    )
    return None if row is None else _entry(row)


async def count_behind(conn: Connection) -> int:
    """Count the lanes that miss entries."""
    return await conn.fetchval("select count(1) from lanes where behind is not null") or 0


async def count_stopped(conn: Connection) -> int:
    """Count the lanes that an alarm has stopped."""
    return await conn.fetchval("select count(1) from lanes where stopped is not null") or 0


def _state(row: "Record") -> LaneState:
    return LaneState(
        row["agency_id"],
        row["lane"],
        row["sequence"],
        row["hash"],
        behind=row["behind"],
        stopped=row["stopped"],
    )


def _entry(row: "Record") -> StoredEntry:
    return StoredEntry(
        row["agency_id"],
        row["lane"],
        row["sequence"],
        row["previous_hash"],
        row["hash"],
        row["content"],
        delivery_id=row["delivery_id"],
        dispatch_id=row["dispatch_id"],
        document_id=row["document_id"],
        sender_id=row["sender_id"],
        level=row["level"],
        traceparent=row["traceparent"],
        arrived_at=row["arrived_at"],
    )
