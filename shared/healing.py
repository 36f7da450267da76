"""Healing a topic: what the outbox has published and the log has lost is published again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from shared import inbox, outbox_rows
from shared.db import Connection, Database, Session
from shared.events.topics import BY_NAME, DEAD_LETTER_RETENTION_MS, named
from shared.kafka import KafkaLost, Moved, Place
from shared.kafka.reader import Reader

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

    Rows are set back some at a time, the last one of a partition last: who leads after a death in
    between sees the loss again and ends the work. Nobody sends anything before: order is kept.
    """
    if await lead.beside(reader.cluster()) != cluster:
        raise KafkaLost  # another cluster than the producer met: begin again
    lost = await outbox_rows.topics_of_other_clusters(lead.conn, cluster)
    for topic in lost:
        await _set_back_topic(db, lead.conn, topic, cluster=cluster, restate=restate)
    last = await outbox_rows.last_published(lead.conn)
    there = await lead.beside(reader.partitions({topic for topic, _ in last}))
    last = {place: row for place, row in last.items() if place in there}
    for place in await _broken(lead, reader, last):
        if _compacted(place[0]):
            await _set_back_topic(db, lead.conn, place[0], cluster=None, restate=restate)
        else:
            await _set_back_missing(lead, reader, place)


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
    reader.rest()
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
    rows, restated = 0, again is not None
    while some := await outbox_rows.set_back_topic(conn, topic, but_of=cluster, restated=restated):
        rows += some
    _log.warning("topic lost", topic=topic, rows=rows, restated=restated)


async def _set_back_missing(lead: Lead, reader: Reader, place: Place) -> None:
    """Compare the log of one partition with its rows, and set back those it does not hold."""
    first, end = (await lead.beside(reader.bounds([place])))[place]
    lost, at = 0, first
    while rows := await outbox_rows.published_from(lead.conn, place, at, limit=_CHUNK):
        held = await lead.beside(_read_range(reader, place, rows[0][1], min(rows[-1][1] + 1, end)))
        missing = [number for number, offset, event_id in rows if held.get(offset) != event_id]
        await outbox_rows.set_back(lead.conn, missing)
        lost, at = lost + len(missing), rows[-1][1] + 1
    _log.warning("records lost", topic=place[0], partition=place[1], rows=lost)


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
    reader.rest()
    return found


async def tidy(conn: Session) -> bool:
    """Delete published rows a week after their topic has forgotten them, and old inbox rows.

    A compacted topic never forgets, however long nothing is said there: its last row stays.
    True when more may be left.
    """
    longest = DEAD_LETTER_RETENTION_MS + _WEEK_MS
    written = {topic for topic, _ in await outbox_rows.last_published(conn)}
    topics = [topic for name in {*BY_NAME, *written} if (topic := named(name)) is not None]
    keep = {topic.name: (topic.retention_ms or 0) + _WEEK_MS for topic in topics}
    lasting = [name for name in keep if _compacted(name)]
    more = await outbox_rows.forget(conn, keep, otherwise_ms=longest, lasting=lasting)
    await inbox.forget(conn, after_ms=2 * longest)
    return more
