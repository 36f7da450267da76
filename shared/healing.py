"""Healing a topic: what the outbox has published and the log has lost is published again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from shared import inbox, outbox_rows
from shared.db import Connection, Database, Session
from shared.events.topics import BY_NAME, DEAD_LETTER_RETENTION_MS, named
from shared.failpoint import reach
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


async def heal(
    db: Database, lead: Lead, reader: Reader, *, cluster: str, restate: Restate
) -> set[str]:
    """See to what the log does not hold any more (protocol.md 3). Raises KafkaLost.

    A new cluster has lost everything: that is noted, and its rows are among those that wait. In a
    known one the last published row of each partition is enough to look at: the record at its
    offset must carry its `event_id`. Returns topics that are missing: when one is there again it
    has to be looked at before anything is sent to it.

    Rows are set back some at a time, the last one of a partition last: who leads after a death in
    between sees the loss again and ends the work. Nobody sends anything before: order is kept.
    """
    if await lead.beside(reader.cluster()) != cluster:
        raise KafkaLost  # another cluster than the producer met: begin again
    if lost := await outbox_rows.note_lost(lead.conn, cluster):
        _log.warning("logs lost: their rows are sent again", clusters=lost)
    for topic, again in restate.items() if lost else ():
        await lead.beside(_restate(db, topic, again, but_of=cluster))
    last = await outbox_rows.last_published(lead.conn, cluster)
    there = await lead.beside(reader.partitions({topic for topic, _ in last}))
    seen = {place: row for place, row in last.items() if place in there}
    for place in await _broken(lead, reader, seen):
        if again := restate.get(place[0]):
            await lead.beside(_restate(db, place[0], again, but_of=None))
        else:
            await _set_back_missing(lead, reader, place, cluster=cluster)
    return {topic for topic, _ in last} - {topic for topic, _ in there}


async def _broken(
    lead: Lead, reader: Reader, last: Mapping[Place, tuple[int, UUID]]
) -> list[Place]:
    """Return the places whose log does not hold the last row that was published there."""
    bounds = await lead.beside(reader.bounds(last))
    broken = [place for place, (offset, _) in last.items() if offset >= bounds[place][1]]
    look = {
        place: (offset, offset + 1)
        for place, (offset, _) in last.items()
        # What retention has taken was there long enough.
        if bounds[place][0] <= offset < bounds[place][1]
    }
    found = await lead.beside(_read(reader, look))
    return broken + [at for at in look if found.get((at, look[at][0])) != last[at][1]]


async def _read(
    reader: Reader, ranges: Mapping[Place, tuple[int, int]]
) -> dict[tuple[Place, int], UUID]:
    """Return the event ids of the records from an offset to before another (more may be there)."""
    at = {place: start for place, (start, end) in ranges.items() if start < end}
    found: dict[tuple[Place, int], UUID] = {}
    if not at:
        return found
    reader.assign(at)
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOOK_SECONDS
    while at:
        if loop.time() > until:
            raise KafkaLost
        try:
            fetched = await reader.fetch(at, seconds=1, most=_CHUNK)
        except Moved as error:
            raise KafkaLost from error
        for place, records in fetched.items():
            until = loop.time() + _LOOK_SECONDS
            found |= {(place, record.offset): record.event_id for record in records}
            # A compacted log may go on behind the end.
            if records[-1].offset + 1 >= ranges[place][1]:
                at.pop(place, None)
    reader.rest()
    return found


async def _restate(
    db: Database, topic: str, again: Callable[[Connection], Awaitable[None]], *, but_of: str | None
) -> None:
    """Tell a compacted topic's present state anew, and look for its lost rows no more."""

    async def tell(conn: Connection) -> int:
        rows = await outbox_rows.forget_places(conn, topic, but_of=but_of)
        if rows:
            await again(conn)
        return rows

    if rows := await db.as_worker(tell):
        reach("healing.topic_set_back")
        _log.warning("topic lost: told anew", topic=topic, rows=rows)


async def _set_back_missing(lead: Lead, reader: Reader, place: Place, *, cluster: str) -> None:
    """Compare the log of one partition with its rows, and set back those it does not hold."""
    first, end = (await lead.beside(reader.bounds([place])))[place]
    lost, at = 0, first
    while rows := await outbox_rows.published_from(lead.conn, place, at, cluster, _CHUNK):
        held = await lead.beside(_read(reader, {place: (rows[0][1], min(rows[-1][1] + 1, end))}))
        missing = [row for row, offset, event_id in rows if held.get((place, offset)) != event_id]
        await outbox_rows.set_back(lead.conn, missing)
        lost, at = lost + len(missing), rows[-1][1] + 1
    _log.warning("records lost", topic=place[0], partition=place[1], rows=lost)


async def tidy(conn: Session) -> bool:
    """Delete some published rows a week after their topic has forgotten them, and old inbox rows.

    A compacted topic never forgets, however long nothing is said there: its last row stays.
    True when more may be left.
    """
    longest = DEAD_LETTER_RETENTION_MS + _WEEK_MS
    written = await outbox_rows.distinct(conn, "topic")
    topics = [topic for name in {*BY_NAME, *written} if (topic := named(name)) is not None]
    keep = {topic.name: (topic.retention_ms or 0) + _WEEK_MS for topic in topics}
    lasting = [topic.name for topic in topics if topic.retention_ms is None]
    more = await outbox_rows.forget(conn, keep, otherwise_ms=longest, lasting=lasting)
    return await inbox.forget(conn, after_ms=2 * longest) or more
