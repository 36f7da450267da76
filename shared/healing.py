"""Healing a topic: what the outbox has published and the log has lost is published again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from shared.db import Connection, Database, Session
from shared.events.topics import BY_NAME, DEAD_LETTER_RETENTION_MS
from shared.kafka import KafkaLost, Moved, Place, Reader

T = TypeVar("T")
Restate = Mapping[str, Callable[[Connection], Awaitable[None]]]

_LOOK_SECONDS = 10.0
_CHUNK = 1000
_WEEK_MS = 7 * 86_400_000
_log = structlog.get_logger()


class Lead(Protocol):
    """The relay's leader: its connection, and how to wait for Kafka without losing it."""

    @property
    def conn(self) -> Session:
        """The connection that the lock lives on."""
        ...

    async def beside(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for Kafka while the connection is kept alive."""
        ...


async def heal(db: Database, lead: Lead, reader: Reader, *, cluster: str, restate: Restate) -> None:
    """Set back what the log does not hold any more (protocol.md 3). Raises KafkaLost.

    A new cluster has lost everything. In a known one the last published row of each partition is
    enough to look at: the record at its offset must carry its `event_id`.
    """
    if await lead.beside(reader.cluster()) != cluster:
        raise KafkaLost  # another cluster than the producer met: begin again
    lost = await _topics_of_other_clusters(lead.conn, cluster)
    for topic in lost:
        await _set_back_topic(db, lead.conn, topic, cluster=cluster, restate=restate)
    last = await _last_rows(lead.conn)
    there = await lead.beside(reader.partitions({topic for topic, _ in last}))
    last = {place: row for place, row in last.items() if place in there}
    for place in await _broken(lead, reader, last):
        if _compacted(place[0]):
            await _set_back_topic(db, lead.conn, place[0], cluster=None, restate=restate)
        else:
            await _set_back_missing(lead, reader, place)


async def _topics_of_other_clusters(conn: Session, cluster: str) -> list[str]:
    rows = await conn.fetch(
        'select distinct topic from outbox where "offset" is not null'
        " and (cluster < $1 or cluster > $1)",
        cluster,
    )
    return [row[0] for row in rows]


async def _last_rows(conn: Session) -> dict[Place, tuple[int, UUID]]:
    """Return the published row with the highest offset in each partition (skip scan)."""
    rows = await conn.fetch(
        "with recursive places as ("
        ' (select topic, partition from outbox where "offset" is not null'
        " order by topic, partition limit 1) union all"
        " select n.topic, n.partition from places, lateral"
        ' (select o.topic, o.partition from outbox as o where o."offset" is not null'
        " and (o.topic, o.partition) > (places.topic, places.partition)"
        " order by o.topic, o.partition limit 1) as n)"
        ' select places.topic, places.partition, last."offset", last.event_id'
        ' from places, lateral (select "offset", event_id from outbox as o'
        " where o.topic = places.topic and o.partition = places.partition"
        ' and o."offset" is not null order by o."offset" desc limit 1) as last'
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def _broken(
    lead: Lead, reader: Reader, last: Mapping[Place, tuple[int, UUID]]
) -> list[Place]:
    """Return the places whose log does not hold the last row that was published there."""
    bounds = await lead.beside(reader.bounds(last))
    broken = [place for place, (offset, _) in last.items() if offset >= bounds[place][1]]
    look = {
        place: offset
        for place, (offset, _) in last.items()
        # What retention has taken was there long enough.
        if bounds[place][0] <= offset < bounds[place][1]
    }
    found = await lead.beside(_read_first(reader, look))
    return broken + [place for place in look if found.get(place) != last[place][1]]


async def _read_first(reader: Reader, starts: Mapping[Place, int]) -> dict[Place, UUID]:
    """Return the event ids of the records at these offsets."""
    found: dict[Place, UUID] = {}
    if not starts:
        return found
    reader.assign(starts)
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOOK_SECONDS
    while len(found) < len(starts):
        if loop.time() > until:
            raise KafkaLost
        missing = [place for place in starts if place not in found]
        try:
            fetched = await reader.fetch(missing, seconds=1, most=_CHUNK)
        except Moved as error:
            raise KafkaLost from error
        for place, records in fetched.items():
            # A compacted log may go on at a later record: then it is not the one.
            found.setdefault(place, records[0].event_id)
    return found


def _compacted(topic: str) -> bool:
    return topic in BY_NAME and BY_NAME[topic].retention_ms is None


async def _set_back_topic(
    db: Database, conn: Session, topic: str, *, cluster: str | None, restate: Restate
) -> None:
    """Set back all of a topic, or what clusters but `cluster` held; restate a compacted one."""
    again = restate.get(topic) if _compacted(topic) else None
    if again:
        await db.as_worker(again)
    done = await conn.execute(
        'update outbox set cluster = null, partition = null, "offset" = null,'
        " published_at = case when $3 then published_at end"
        ' where topic = $1 and "offset" is not null and ($2::text is null or cluster <> $2)',
        topic,
        cluster,
        again is not None,
    )
    _log.warning("topic lost", topic=topic, rows=done.split()[-1], restated=again is not None)


async def _set_back_missing(lead: Lead, reader: Reader, place: Place) -> None:
    """Compare the log of one partition with its rows, and set back those it does not hold."""
    first, end = (await lead.beside(reader.bounds([place])))[place]
    topic, partition = place
    lost: list[int] = []
    at = first
    while True:
        rows = await lead.conn.fetch(
            'select id, "offset", event_id from outbox where topic = $1 and partition = $2'
            ' and "offset" >= $3 order by "offset" limit $4',
            topic,
            partition,
            at,
            _CHUNK,
        )
        if not rows:
            break
        held = await lead.beside(_read_range(reader, place, rows[0][1], min(rows[-1][1] + 1, end)))
        lost += [row[0] for row in rows if held.get(row[1]) != row[2]]
        at = rows[-1][1] + 1
    await lead.conn.execute(
        'update outbox set published_at = null, cluster = null, partition = null, "offset" = null'
        " where id = any($1::bigint[])",
        lost,
    )
    _log.warning("records lost", topic=topic, partition=partition, rows=len(lost))


async def _read_range(reader: Reader, place: Place, start: int, end: int) -> dict[int, UUID]:
    """Return offset and event id of the records from `start` to before `end`."""
    found: dict[int, UUID] = {}
    if start >= end:
        return found
    reader.assign({place: start})
    loop = asyncio.get_running_loop()
    until, at = loop.time() + 6 * _LOOK_SECONDS, start
    while at < end:
        if loop.time() > until:
            raise KafkaLost
        try:
            records = (await reader.fetch([place], seconds=1, most=_CHUNK)).get(place, [])
        except Moved as error:
            raise KafkaLost from error
        for record in records:
            found[record.offset] = record.event_id
            at = record.offset + 1
    return found


async def tidy(conn: Session) -> None:
    """Delete published rows a week after their topic has forgotten them, and old inbox rows."""
    longest = DEAD_LETTER_RETENTION_MS + _WEEK_MS
    topics = list(BY_NAME)
    await conn.execute(
        "delete from outbox where id in (select o.id from outbox as o"
        " left join unnest($1::text[], $2::bigint[]) as t (topic, keep_ms) on t.topic = o.topic"
        " where o.published_at < clock_timestamp() - interval '1 ms' * coalesce(t.keep_ms, $3)"
        " order by o.id limit 5000)",
        topics,
        [(BY_NAME[topic].retention_ms or 0) + _WEEK_MS for topic in topics],
        longest,
    )
    await conn.execute(
        "delete from inbox where handled_at < clock_timestamp() - interval '1 ms' * $1 * 2", longest
    )
