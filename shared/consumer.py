"""Consumers: one record, one transaction: inbox row, effect, own outbox rows and the offset."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from shared import handling, positions
from shared.db import Database
from shared.errors import Unavailable
from shared.events.topics import BY_NAME, Service, group
from shared.failpoint import reach
from shared.handling import Handler, On, Parked, Subscription
from shared.kafka import KafkaAccess, KafkaLost, Moved, Place, Record
from shared.kafka.reader import Reader
from shared.positions import Position
from shared.process import Task, together

__all__ = ["Handler", "On", "consume"]

_MOST = 500
_CHUNK = 64
"""Records of one partition in one transaction; one by one as soon as one of them fails."""
_WAIT, _SHOW = 1.0, 5.0
_STUCK, _STILL_STUCK = 15.0, 5.0
"""Seconds without a record until one looks for unread ones, and until one looks again."""
_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
_FETCH_MS, _FETCH_ALONE_MS = 250, 2000
_log = structlog.get_logger()


def consume(
    db: Database,
    access: KafkaAccess,
    *,
    service: Service,
    topics: Sequence[str],
    handlers: Sequence[Handler],
    inbox: bool = True,
    parked: Parked | None = None,
) -> Task:
    """Read topics for ever (protocol.md 4), each in its group; types without a handler pass over.

    With `inbox` an event that was handled before is passed over; without, the handler is
    idempotent by a key of its own. Records share transactions, so a handler must not rely on
    being alone in one. A record that fails 3 times is parked, and the later ones of its key wait
    behind it; `parked` runs in the transaction that parks it (or lets one wait). A handler that
    raises Unavailable is waited for.
    """
    by_type = {handler.event.ce_type(): handler for handler in handlers}
    groups: dict[str, list[str]] = {}
    for topic in topics:
        groups.setdefault(group(service, topic), []).append(topic)
    subscriptions = [
        Subscription(db, name, tuple(names), by_type, inbox, parked)
        for name, names in groups.items()
    ]

    async def task(stop: asyncio.Event) -> None:
        await together(stop, *(partial(_keep_reading, sub, access) for sub in subscriptions))

    return task


def _fetch_ms(topics: Sequence[str]) -> int:
    """Return how long the broker may hold a request: records end the wait at once.

    Long where no partition waits for another's answer; else what one may cost another.
    """
    known = [BY_NAME[topic].partitions for topic in topics if topic in BY_NAME]
    return _FETCH_ALONE_MS if known == [1] else _FETCH_MS


async def _keep_reading(sub: Subscription, access: KafkaAccess, stop: asyncio.Event) -> None:
    pause, wait_ms = _PAUSE, _fetch_ms(sub.topics)
    while not stop.is_set():
        try:
            async with Reader.open(
                access, group=sub.group, topics=sub.topics, wait_ms=wait_ms
            ) as reader:
                pause = _PAUSE
                await Loop(sub, reader).run(stop)
        except Unavailable as error:
            _log.warning("consumer waits", group=sub.group, cause=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(slots=True)
class Loop:
    """One reader's life: positions are found, records handled, until Kafka is lost."""

    sub: Subscription
    reader: Reader
    positions: dict[Place, Position] = field(default_factory=dict[Place, Position])
    assignments: int = -1
    unread: dict[Place, int] = field(default_factory=dict[Place, int])
    release_at: float = 0
    shown: dict[Place, int] = field(default_factory=dict[Place, int])

    async def run(self, stop: asyncio.Event) -> None:
        """Read until the end. Raises KafkaLost when the reader is spent."""
        clock = asyncio.get_running_loop().time
        show = moved = clock()
        pause = _PAUSE
        while not stop.is_set():
            try:
                busy = await self._pass()
                pause = _PAUSE
            except KafkaLost:
                raise
            except Unavailable as error:
                _log.warning("consumer waits", group=self.sub.group, cause=str(error))
                self.positions.clear()  # read again from what is known to be done
                await asyncio.sleep(pause)
                pause, busy = min(2 * pause, _LONGEST_PAUSE), True
            if busy:
                moved, self.unread = clock(), {}
            elif clock() - moved > (_STILL_STUCK if self.unread else _STUCK):
                await self._look_for_unread()
                moved = clock()
            if clock() - show > _SHOW:
                await self._show()
                show = clock()

    async def _pass(self) -> bool:
        """Fetch and handle once; say whether anything was brought: to begin anew brings nothing."""
        self._notice_changes()
        await self._find_positions()
        if not self.positions:
            await asyncio.sleep(_WAIT)
            return await self._release()
        try:
            fetched = await self.reader.fetch(self.positions, seconds=_WAIT, most=_MOST)
        except Moved:
            self.positions.clear()
            return False
        if self._notice_changes():
            return False  # what was fetched may be of another log
        for place, records in fetched.items():
            reach("consumer.after_fetch")
            await self._handle(place, records)
        return await self._release() or bool(fetched)

    def _notice_changes(self) -> bool:
        """Forget the positions after a lost connection or another assignment; say whether so."""
        changed = self.reader.lost() or self.assignments != self.reader.assignments
        if changed:
            self.positions.clear()
        return changed

    async def _find_positions(self) -> None:
        self.assignments = self.reader.assignments
        places = self.reader.places()
        for place in self.positions.keys() - places:
            del self.positions[place]
        missing = places - self.positions.keys()
        if not missing:
            return
        cluster = await self.reader.cluster()
        self.positions |= await positions.find(
            self.sub.db, self.reader, self.sub.group, sorted(missing), cluster=cluster
        )

    async def _handle(self, place: Place, records: Sequence[Record]) -> None:
        for start in range(0, len(records), _CHUNK):
            at, chunk = self.positions[place], records[start : start + _CHUNK]
            if not await handling.handle(self.sub, chunk, generation=at.generation):
                del self.positions[place]  # another member was here: ask where reading stands
                return
            self.positions[place] = Position(chunk[-1].offset + 1, at.generation)

    async def _release(self) -> bool:
        """Try a parked record, at most once a second while there is none."""
        now = asyncio.get_running_loop().time()
        if now < self.release_at:
            return False
        released = await handling.release(self.sub)
        self.release_at = now if released else now + _WAIT
        return released

    async def _look_for_unread(self) -> None:
        """End this reader when records wait that nobody brings (aiokafka #1154).

        Ours at once; those of others (a member without places may hang too) when nobody has come
        further at the second look, however many came after them.
        """
        unread = await positions.unread(self.sub.db, self.reader, self.sub.group, self.sub.topics)
        ours = any(place in self.positions for place in unread)
        if ours or unread.items() & self.unread.items():
            _log.error("consumer hangs", group=self.sub.group)
            raise KafkaLost
        self.unread = unread

    async def _show(self) -> None:
        now = {place: at.offset for place, at in self.positions.items()}
        if now != self.shown:
            await self.reader.show(now)
            self.shown = now
