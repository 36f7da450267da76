"""Where reading stands, in PostgreSQL: a restored database reads again what it has forgotten."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from shared.db import Connection, Database, note_write
from shared.events.topics import TOPICS, Service, group
from shared.kafka import KafkaAccess, KafkaLost, Moved, Place, Record
from shared.kafka.reader import Reader

_LOOK_SECONDS, _MOST = 10.0, 1000


@dataclass(frozen=True, slots=True)
class Position:
    """Where a group goes on in one partition, and under which generation its writes count."""

    offset: int
    generation: int


@dataclass(frozen=True, slots=True)
class _Stored:
    offset: int
    before: UUID | None
    generation: int
    cluster: str


async def find(
    db: Database, reader: Reader, group: str, places: Collection[Place], *, cluster: str
) -> dict[Place, Position]:
    """Return where to go on after comparing the logs with what was read; the reader stands there.

    Another log (a new cluster, another record before the offset, or none there) is read from its
    beginning, under a new generation. Left out is what is not ours now: given away, or another
    member was quicker. Raises Unavailable.
    """
    stored = await db.as_worker(lambda conn: _read(conn, group, places, cluster))
    bounds = await reader.bounds(places)
    # Nothing was read yet, or retention has taken the record before: nothing to look at.
    look = {
        place: at.offset - 1
        for place, at in stored.items()
        if at.cluster == cluster and bounds[place][0] < at.offset <= bounds[place][1]
    }
    before = await _events_at(reader, look)
    found: dict[Place, Position] = {}
    for place, at in stored.items():
        if place in look and place not in before:
            continue
        (first, end), offset, generation = bounds[place], at.offset, at.generation
        if at.cluster != cluster or offset > end or before.get(place, at.before) != at.before:
            offset, generation = 0, generation + 1
            if not await db.as_worker(partial(_restart, group, place, at, cluster)):
                continue
        position = Position(max(offset, first), generation)
        if reader.seek(place, position.offset):
            found[place] = position
    return found


async def _events_at(reader: Reader, offsets: Mapping[Place, int]) -> dict[Place, UUID | None]:
    """Return the events of the records at these offsets; None where the log goes on later."""
    missing = {place for place, offset in offsets.items() if reader.seek(place, offset)}
    found: dict[Place, UUID | None] = {}
    clock = asyncio.get_running_loop().time
    until = clock() + _LOOK_SECONDS
    while missing:
        if clock() > until:
            raise KafkaLost
        try:
            fetched = await reader.fetch(missing, seconds=1, most=_MOST)
        except Moved as error:
            raise KafkaLost from error
        for place, records in fetched.items():
            there = records[0].offset == offsets[place]
            found[place] = records[0].event_id if there else None
        missing -= fetched.keys()
    return found


async def _read(
    conn: Connection, group: str, places: Collection[Place], cluster: str
) -> dict[Place, _Stored]:
    topics, partitions = [place[0] for place in places], [place[1] for place in places]
    await conn.execute(
        "insert into offsets (consumer_group, topic, partition, next_offset, generation, cluster)"
        " select $1, t, p, 0, 0, $4 from unnest($2::text[], $3::int[]) as u (t, p)"
        " on conflict do nothing",
        group,
        topics,
        partitions,
        cluster,
    )
    rows = await conn.fetch(
        "select topic, partition, next_offset, event_before, generation, cluster from offsets"
        " where consumer_group = $1 and (topic, partition) in"
        " (select t, p from unnest($2::text[], $3::int[]) as u (t, p))",
        group,
        topics,
        partitions,
    )
    return {(row[0], row[1]): _Stored(*row[2:]) for row in rows}


async def _restart(
    group: str, place: Place, stored: _Stored, cluster: str, conn: Connection
) -> bool:
    topic, partition = place
    done = await conn.execute(
        "update offsets set next_offset = 0, event_before = null, generation = generation + 1,"
        " cluster = $5 where consumer_group = $1 and topic = $2 and partition = $3"
        " and generation = $4",
        group,
        topic,
        partition,
        stored.generation,
        cluster,
    )
    return bool(done == "UPDATE 1")


async def advance(conn: Connection, group: str, record: Record, *, generation: int) -> bool:
    """Note that everything up to `record` is done; never lower, and only in its generation.

    False when nothing was noted: another member is further, or has met another log.
    """
    done = await conn.execute(
        "update offsets set next_offset = $5, event_before = $6 where consumer_group = $1"
        " and topic = $2 and partition = $3 and generation = $4 and next_offset < $5",
        group,
        record.topic,
        record.partition,
        generation,
        record.offset + 1,
        record.event_id,
    )
    if done != "UPDATE 1":
        return False
    note_write()
    return True


async def unread(
    db: Database, reader: Reader, group: str, topics: Collection[str]
) -> dict[Place, int]:
    """Return where records wait that the group has not handled, and the first of each place."""
    stored = await db.as_worker(_offsets)
    bounds = await reader.bounds(await reader.partitions(topics))
    waiting = {
        place: (max(first, stored.get((group, *place), 0)), end)
        for place, (first, end) in bounds.items()
    }
    return {place: next_one for place, (next_one, end) in waiting.items() if end > next_one}


async def behind(db: Database, access: KafkaAccess, service: Service) -> float:
    """Count the records that the service has still to read (gauge `lienthong_consumer_lag`).

    Counts every partition of its topics, whoever reads it, by the offsets in PostgreSQL. A stored
    offset beyond the log counts too: it was not compared yet. Raises Unavailable.
    """
    topics = [topic.name for topic in TOPICS if service in topic.readers]
    stored = await db.as_worker(_offsets)
    async with Reader.open(access) as reader:
        bounds = await reader.bounds(await reader.partitions(topics))
    return float(
        sum(
            abs(end - max(first, stored.get((group(service, topic), topic, partition), 0)))
            for (topic, partition), (first, end) in bounds.items()
        )
    )


async def _offsets(conn: Connection) -> dict[tuple[str, str, int], int]:
    rows = await conn.fetch("select consumer_group, topic, partition, next_offset from offsets")
    return {(row[0], row[1], row[2]): row[3] for row in rows}
