"""Where reading stands, in PostgreSQL: a restored database reads again what it has forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from shared.db import Connection, Database
from shared.events.topics import TOPICS, Service, group
from shared.kafka import KafkaAccess, KafkaLost, Moved, Place, Record
from shared.kafka.reader import Reader


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
    db: Database, reader: Reader, group: str, place: Place, *, cluster: str
) -> Position | None:
    """Return where to go on after comparing the log with what was read; the reader stands there.

    Another log (a new cluster, another record before the offset, or none there) is read from its
    beginning, under a new generation. None: not now (given away, or another member was quicker).
    Raises Unavailable.
    """
    stored = await db.as_worker(lambda conn: _read(conn, group, place, cluster))
    first, end = (await reader.bounds([place]))[place]
    offset, generation = stored.offset, stored.generation
    if stored.cluster != cluster or not await _same_log(reader, place, stored, first, end):
        offset, generation = 0, generation + 1
        if not await db.as_worker(lambda conn: _restart(conn, group, place, stored, cluster)):
            return None
    position = Position(max(offset, first), generation)
    return position if reader.seek(place, position.offset) else None


async def _same_log(reader: Reader, place: Place, stored: _Stored, first: int, end: int) -> bool:
    if stored.offset > end:
        return False
    if stored.offset <= first:
        return True  # nothing read yet, or retention has taken the record before
    if not reader.seek(place, stored.offset - 1):
        return True  # given away meanwhile: `find` says so
    try:
        records = (await reader.fetch([place], seconds=5, most=1)).get(place)
    except Moved:
        return False
    if not records:
        raise KafkaLost
    return records[0].offset == stored.offset - 1 and records[0].event_id == stored.before


async def _read(conn: Connection, group: str, place: Place, cluster: str) -> _Stored:
    topic, partition = place
    await conn.execute(
        "insert into offsets (consumer_group, topic, partition, next_offset, generation, cluster)"
        " values ($1, $2, $3, 0, 0, $4) on conflict do nothing",
        group,
        topic,
        partition,
        cluster,
    )
    row = await conn.fetchrow(
        "select next_offset, event_before, generation, cluster from offsets"
        " where consumer_group = $1 and topic = $2 and partition = $3",
        group,
        topic,
        partition,
    )
    if row is None:
        raise LookupError(f"{group} {topic}/{partition}: the row was there a moment ago")
    return _Stored(*row)


async def _restart(
    conn: Connection, group: str, place: Place, stored: _Stored, cluster: str
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
    return bool(done == "UPDATE 1")


async def unread(
    db: Database, reader: Reader, group: str, topics: Collection[str]
) -> dict[Place, int]:
    """Return where records wait that the group has not handled, and the end of those logs."""
    stored = await db.as_worker(_offsets)
    bounds = await reader.bounds(await reader.partitions(topics))
    return {
        place: end
        for place, (first, end) in bounds.items()
        if end > max(first, stored.get((group, *place), 0))
    }


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
