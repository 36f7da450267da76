"""Fetching: as a member of a group, or any log by place and offset."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from shared.failpoint import reach
from shared.kafka import ID_HEADER, KafkaAccess, KafkaLost, Moved, Place, Record
from shared.kafka.connection import CLOSE_SECONDS, REQUEST_MS, Line, guard, login, within
from shared.text import storable

_SESSION_MS = 3_000
"""A killed member holds its places so long. Brokers allow it: `group.min.session.timeout.ms`."""
_ASSIGN_SECONDS = 30
_WAIT_MS = 250
"""A partition whose records came while others were asked for waits so long at most."""
_LONGEST_KEY = 400
"""Characters: PostgreSQL's indexes hold 2,700 bytes. Keys of ours are far shorter."""


class _Assigned(ConsumerRebalanceListener):
    """Counts assignments: after each, every position has to be found again."""

    def __init__(self) -> None:
        self.times = 0

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        self.times += 1

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:  # noqa: ARG002
        self.times += 1


class Reader:
    """A consumer: of a group (with `group`), or of any log by place and offset (without)."""

    def __init__(
        self, access: KafkaAccess, *, group: str | None = None, wait_ms: int = _WAIT_MS
    ) -> None:
        """Prepare; `start` connects. The broker holds a request without records `wait_ms`."""
        self._client: Any = AIOKafkaConsumer(
            **login(access),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],  # not Sticky: #1176
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 4,
            max_poll_interval_ms=3_600_000,  # a lost database is waited out inside
            rebalance_timeout_ms=10_000,
            fetch_max_wait_ms=wait_ms,
            max_partition_fetch_bytes=2 * 1024 * 1024,
        )
        self._line = Line(self._client._client)  # noqa: SLF001
        self._assigned = _Assigned()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        access: KafkaAccess,
        *,
        group: str | None = None,
        topics: Sequence[str] = (),
        wait_ms: int = _WAIT_MS,
    ) -> "AsyncGenerator[Reader]":
        """Open for the length of a `with`. Raises KafkaLost."""
        reader = cls(access, group=group, wait_ms=wait_ms)
        if topics:
            reader._client.subscribe(list(topics), listener=reader._assigned)
        try:
            try:
                await within(2 * REQUEST_MS / 1000, reader._client.start())
            except (KafkaError, OSError, TimeoutError) as error:
                raise KafkaLost from error
            yield reader
        finally:
            await reader._close()

    async def _close(self) -> None:
        """Leave the group and close; whatever does not end by itself is ended.

        A member that was left behind would go on with its heartbeats, and hold its places.
        """
        with suppress(KafkaError, OSError, TimeoutError):
            await within(CLOSE_SECONDS, self._client.stop())
        coordinator, fetcher = self._client._coordinator, self._client._fetcher  # noqa: SLF001
        left = [
            getattr(coordinator, "_coordination_task", None),
            getattr(coordinator, "_heartbeat_task", None),
            getattr(coordinator, "_commit_refresh_task", None),
            getattr(coordinator, "_reset_committed_task", None),
            getattr(fetcher, "_fetch_task", None),
            *getattr(fetcher, "_pending_tasks", ()),
        ]
        for task in left:
            if task is not None and not task.done():
                task.cancel()
        with suppress(KafkaError, OSError, TimeoutError):
            await within(CLOSE_SECONDS, self._client._client.close())  # noqa: SLF001

    @property
    def assignments(self) -> int:
        """Grows with every change of the assignment."""
        return self._assigned.times

    def lost(self) -> bool:
        """Say whether a connection was lost since the last call."""
        return self._line.lost()

    async def cluster(self) -> str:
        """Return the cluster's id. Raises KafkaLost."""
        return await guard(self._line.cluster())

    def places(self) -> set[Place]:
        """Return what is assigned to this member now."""
        return {(tp.topic, tp.partition) for tp in self._client.assignment()}

    async def bounds(self, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
        """Return first offset and end of each log. Raises KafkaLost."""
        wanted = [TopicPartition(*place) for place in places]
        if not wanted:
            return {}
        first = await guard(self._client.beginning_offsets(wanted))
        end = await guard(self._client.end_offsets(wanted))
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in wanted}

    async def partitions(self, topics: Collection[str]) -> set[Place]:
        """Return the places of these topics as the broker knows them now. Raises KafkaLost."""
        metadata = await guard(self._client._client.fetch_all_metadata())  # noqa: SLF001
        return {
            (topic, partition)
            for topic in topics
            for partition in metadata.partitions_for_topic(topic) or ()
        }

    def assign(self, starts: Mapping[Place, int]) -> None:
        """Read these places from these offsets, and no others (a reader without group)."""
        self._client.assign([TopicPartition(*place) for place in starts])
        for place, offset in starts.items():
            self._client.seek(TopicPartition(*place), offset)

    def rest(self) -> None:
        """Read nothing more: else it would go on fetching beside us (a reader without group)."""
        self._client.unsubscribe()

    def seek(self, place: Place, offset: int) -> bool:
        """Go on at `offset`; False when the place is no longer ours."""
        try:
            self._client.seek(TopicPartition(*place), offset)
        except KafkaError:
            return False
        return True

    async def fetch(
        self, places: Collection[Place], *, seconds: float, most: int
    ) -> dict[Place, list[Record]]:
        """Return up to `most` records, waiting up to `seconds`. Raises KafkaLost, Moved."""
        wanted = [TopicPartition(*place) for place in places]
        try:
            found = await within(
                seconds + _ASSIGN_SECONDS,
                self._client.getmany(*wanted, timeout_ms=int(seconds * 1000), max_records=most),
            )
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            raise Moved(repr(error)) from error
        except (KafkaError, ConsumerStoppedError, OSError, TimeoutError) as error:
            raise KafkaLost from error
        return {(tp.topic, tp.partition): [_record(r) for r in rs] for tp, rs in found.items()}

    async def show(self, offsets: Mapping[Place, int]) -> None:
        """Commit to Kafka, for people who look there; a failure changes nothing."""
        with suppress(KafkaError, ConsumerStoppedError, OSError, TimeoutError, ValueError):
            wanted = {TopicPartition(*place): offset for place, offset in offsets.items()}
            await within(CLOSE_SECONDS, self._client.commit(wanted))
            reach("consumer.offsets_shown")


def _record(raw: Any) -> Record:  # noqa: ANN401 (aiokafka has no types)
    headers = {storable(name): _text(value) for name, value in raw.headers}
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=_text(raw.key)[:_LONGEST_KEY],  # two keys that begin alike then wait for each other
        headers=headers,
        value=raw.value or b"",
        event_id=_event_id(headers, f"kafka:{raw.topic}/{raw.partition}/{raw.offset}"),
    )


def _text(raw: bytes | None) -> str:
    return storable((raw or b"").decode("utf-8", "replace"))


def _event_id(headers: Mapping[str, str], place: str) -> UUID:
    try:
        return UUID(headers[ID_HEADER])
    except (KeyError, ValueError):
        return uuid5(NAMESPACE_URL, place)  # not ours: parked under a name of its own
