"""Own topics read to the end that they have now: what a restored database has forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog

from shared import outbox_rows
from shared.db import Database
from shared.errors import Unavailable
from shared.events import AgencyChanged, ClientChanged
from shared.kafka import TYPE_HEADER, KafkaAccess, KafkaLost, Moved, Place, Record
from shared.kafka.reader import Reader

Take = Callable[[Sequence[Record]], Awaitable[None]]
State = TypeVar("State", AgencyChanged, ClientChanged)

_MOST, _WAIT_SECONDS, _SAY_SECONDS, _SILENT_SECONDS = 1000, 1.0, 5.0, 30.0
_log = structlog.get_logger()


async def read_back(
    db: Database, access: KafkaAccess, topics: Collection[str], take: Take, *, whole: bool = False
) -> int:
    """Hand over the records behind what this database has published, in each partition's order.

    Where the log does not hold that, and with `whole` everywhere, it is read from its beginning.
    Returns how many were read. Raises Unavailable while Kafka or PostgreSQL does not answer.
    """
    known: dict[Place, tuple[int, UUID]] = {}
    async with Reader.open(access) as reader:
        if not whole:
            cluster = await reader.cluster()
            known = await db.look(partial(outbox_rows.last_published, cluster=cluster))
        places = await reader.partitions(topics)
        if {topic for topic, _ in places} != set(topics):
            raise Unavailable("Kafka (a topic)")
        bounds = await reader.bounds(places)
        reading = _Reading(reader, {place: one for place, one in bounds.items() if one[0] < one[1]})
        return await reading.run(known, take)


async def newest(db: Database, access: KafkaAccess, topic: str, event: type[State]) -> list[State]:
    """Return the newest state of each key of a compacted topic, in order of their versions.

    Raises Unavailable while Kafka or PostgreSQL does not answer.
    """
    found: dict[str, State] = {}

    async def take(records: Sequence[Record]) -> None:
        for record in records:
            if record.headers.get(TYPE_HEADER) == event.ce_type():
                state = event.model_validate_json(record.value)
                known = found.get(record.key)
                if known is None or known.version < state.version:
                    found[record.key] = state

    await read_back(db, access, [topic], take, whole=True)
    return sorted(found.values(), key=lambda state: state.version)


@dataclass(slots=True)
class _Reading:
    """One pass over some partitions: first offset and end of each, and what is left of them."""

    reader: Reader
    left: dict[Place, tuple[int, int]]
    expected: dict[Place, tuple[int, UUID]] = field(default_factory=dict[Place, tuple[int, UUID]])

    async def run(self, known: dict[Place, tuple[int, UUID]], take: Take) -> int:
        starts = {place: first for place, (first, _) in self.left.items()}
        for place, (offset, event_id) in known.items():
            first, end = self.left.get(place, (0, 0))
            if first <= offset < end:
                starts[place], self.expected[place] = offset, (offset, event_id)
        self.reader.assign(starts)
        clock = asyncio.get_running_loop().time
        read, moved, say = 0, clock(), clock() + _SAY_SECONDS
        while self.left:
            for place, records in (await self._fetched()).items():
                moved = clock()
                if fresh := self._behind(place, records):
                    read += len(fresh)
                    await take(fresh)
            if clock() - moved > _SILENT_SECONDS:
                raise KafkaLost
            if clock() > say:
                say += _SAY_SECONDS
                _log.warning("reading topics back", records=read, partitions_left=len(self.left))
        return read

    async def _fetched(self) -> dict[Place, list[Record]]:
        try:
            return await self.reader.fetch(self.left, seconds=_WAIT_SECONDS, most=_MOST)
        except Moved as error:
            raise KafkaLost from error

    def _behind(self, place: Place, records: list[Record]) -> list[Record]:
        """Return what is behind the record that is known; begin anew where another stands there."""
        if place not in self.left:
            return []
        (first, end), last = self.left[place], records[-1]
        if (wanted := self.expected.pop(place, None)) is not None:
            if (records[0].offset, records[0].event_id) != wanted:
                self.reader.seek(place, first)
                return []
            records = records[1:]
        if last.offset + 1 >= end:
            del self.left[place]
        return records
