"""The only module that touches aiokafka: how a service logs in, sends and fetches."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.metadata import MetadataRequest

from shared.errors import Unavailable

ID_HEADER, TYPE_HEADER, TRACE_HEADER = "ce_id", "ce_type", "traceparent"

BATCH_BYTES = 512 * 1024
"""Below the broker's limit for a batch, so that only a record that is alone can be too large."""
_REQUEST_MS = 10_000
_CLOSE_SECONDS, _ASSIGN_SECONDS = 3, 30
_INVALID_RECORD = 87  # aiokafka does not know this code and says UnknownError

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where the brokers are and who we are (SCRAM-SHA-256)."""

    bootstrap: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was fetched."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: bytes
    event_id: UUID
    """`ce_id`: the same for ever, however often the record is sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent."""

    key: str
    headers: Mapping[str, str]
    value: bytes


class KafkaLost(Unavailable):
    """Kafka does not answer, or this client of it is spent."""

    def __init__(self) -> None:
        super().__init__("Kafka")


class TopicRefused(Exception):  # noqa: N818
    """The topic is unknown or not ours to write: after a wipe this passes by itself."""


class RecordRefused(Exception):  # noqa: N818
    """The broker will never take this batch: too large, or not valid."""


class Moved(Exception):  # noqa: N818
    """The log does not reach where we stand: it must be compared again."""


def _login(access: KafkaAccess) -> dict[str, Any]:
    secure = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": access.user,
        "sasl_plain_password": access.password,
    }
    return {
        "bootstrap_servers": access.bootstrap,
        "client_id": access.user or "lienthong",
        "request_timeout_ms": _REQUEST_MS,
        "metadata_max_age_ms": 30_000,
        **(secure if access.user else {}),
    }


class _Line:
    """The connections of one client: a lost one may have led to a log that is now another."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 (aiokafka's client has no types)
        self._client = client
        self._seen: set[Any] = set()

    def lost(self) -> bool:
        """Say whether a connection that we used has ended since the last call."""
        alive = set(self._client._conns.values())  # noqa: SLF001 (no public signal: #1154)
        gone = any(conn not in alive or not conn.connected() for conn in self._seen)
        # The bootstrap connection is replaced by design, once.
        self._seen = {c for i, c in self._client._conns.items() if i[0] != "bootstrap"}  # noqa: SLF001
        return gone

    async def cluster(self) -> str:
        """Ask a broker for the cluster's id."""
        for broker in self._client.cluster.brokers():
            answer = await self._client.send(broker.nodeId, MetadataRequest([]))
            return str(answer.cluster_id)
        raise KafkaLost


class Producer:
    """An idempotent producer for one try: after any error it is thrown away (protocol.md 3)."""

    def __init__(self, access: KafkaAccess) -> None:
        """Prepare; `start` connects."""
        self._client: Any = AIOKafkaProducer(
            **_login(access),
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=8 * BATCH_BYTES,
            compression_type="lz4",
        )
        self._line = _Line(self._client.client)
        self._partitioner: Any = DefaultPartitioner()
        self.cluster = ""

    async def start(self) -> None:
        """Connect and learn the cluster's id. Raises KafkaLost."""
        try:
            await self._client.start()
            self.cluster = await self._line.cluster()
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaLost from error

    def lost(self) -> bool:
        """Say whether a connection was lost since the last call."""
        return self._line.lost()

    def knows(self, topic: str) -> bool:
        """Say whether the broker has told us the topic's partitions."""
        return bool(self._client.client.cluster.partitions_for_topic(topic))

    async def learn(self, topic: str) -> None:
        """Ask for a topic; it stays unknown while it is missing or not ours to write."""
        self._client.client.add_topic(topic)
        await _guard(self._client.client.force_metadata_update())

    def partition(self, topic: str, key: str) -> int:
        """Return the partition of a key in a known topic, as Kafka's own clients choose it."""
        known = sorted(self._client.client.cluster.partitions_for_topic(topic))
        return int(self._partitioner(key.encode(), known, known))

    async def begin(self, place: Place, messages: Sequence[Message]) -> tuple[Any, int]:
        """Hand over one batch, appended as a whole or not at all.

        Returns a future for `offset` and how many of the messages fitted (at least one).
        """
        batch = self._client.create_batch()
        count = 0
        for message in messages:
            headers = [(name, value.encode()) for name, value in message.headers.items()]
            fitted = batch.append(
                key=message.key.encode(), value=message.value, timestamp=None, headers=headers
            )
            if fitted is None:
                break
            count += 1
        topic, partition = place
        try:
            return await self._client.send_batch(batch, topic, partition=partition), count
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaLost from error

    @staticmethod
    def offset(sent: Any) -> int:  # noqa: ANN401 (aiokafka's future)
        """Return the first offset of a batch that is done.

        Raises RecordRefused, TopicRefused or KafkaLost; of a duplicate the offset is unknown.
        """
        if not sent.done():
            raise KafkaLost
        try:
            offset: int = sent.result().offset
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            raise RecordRefused("the record is too large") from error
        except (
            UnknownTopicOrPartitionError,
            TopicAuthorizationFailedError,
            InvalidTopicError,
        ) as e:
            raise TopicRefused(repr(e)) from e
        except CorruptRecordException as error:
            raise RecordRefused(repr(error)) from error
        except (KafkaError, asyncio.CancelledError) as error:
            if getattr(error, "errno", None) == _INVALID_RECORD:
                raise RecordRefused("the record is not valid for its topic") from error
            raise KafkaLost from error
        if offset < 0:
            raise KafkaLost
        return offset

    async def discard(self) -> None:
        """Close without flushing: `stop()` waits for batches that may never be taken."""
        self._client._closed = True  # noqa: SLF001 (there is no public way)
        with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._client._sender is not None:  # noqa: SLF001
                    await self._client._sender.close()  # noqa: SLF001
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._client.client.close()


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

    def __init__(self, access: KafkaAccess, *, group: str | None = None) -> None:
        """Prepare; `start` connects."""
        self._client: Any = AIOKafkaConsumer(
            **_login(access),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],  # not Sticky: #1176
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=3_600_000,  # a lost database is waited out inside
            rebalance_timeout_ms=10_000,
            fetch_max_wait_ms=250,
            max_partition_fetch_bytes=2 * 1024 * 1024,
        )
        self._line = _Line(self._client._client)  # noqa: SLF001
        self._assigned = _Assigned()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, access: KafkaAccess, *, group: str | None = None, topics: Sequence[str] = ()
    ) -> "AsyncGenerator[Reader]":
        """Open for the length of a `with`. Raises KafkaLost."""
        reader = cls(access, group=group)
        if topics:
            reader._client.subscribe(list(topics), listener=reader._assigned)
        try:
            try:
                async with asyncio.timeout(2 * _REQUEST_MS / 1000):
                    await reader._client.start()
            except (KafkaError, OSError, TimeoutError) as error:
                raise KafkaLost from error
            yield reader
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await reader._client.stop()

    @property
    def assignments(self) -> int:
        """Grows with every change of the assignment."""
        return self._assigned.times

    def lost(self) -> bool:
        """Say whether a connection was lost since the last call."""
        return self._line.lost()

    async def cluster(self) -> str:
        """Return the cluster's id. Raises KafkaLost."""
        return await _guard(self._line.cluster())

    def places(self) -> set[Place]:
        """Return what is assigned to this member now."""
        return {(tp.topic, tp.partition) for tp in self._client.assignment()}

    async def bounds(self, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
        """Return first offset and end of each log. Raises KafkaLost."""
        wanted = [TopicPartition(*place) for place in places]
        if not wanted:
            return {}
        first = await _guard(self._client.beginning_offsets(wanted))
        end = await _guard(self._client.end_offsets(wanted))
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in wanted}

    async def partitions(self, topics: Collection[str]) -> set[Place]:
        """Return the places of these topics as the broker knows them now. Raises KafkaLost."""
        metadata = await _guard(self._client._client.fetch_all_metadata())  # noqa: SLF001
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
            async with asyncio.timeout(seconds + _ASSIGN_SECONDS):
                found = await self._client.getmany(
                    *wanted, timeout_ms=int(seconds * 1000), max_records=most
                )
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            raise Moved(repr(error)) from error
        except (KafkaError, ConsumerStoppedError, OSError, TimeoutError) as error:
            raise KafkaLost from error
        return {(tp.topic, tp.partition): [_record(r) for r in rs] for tp, rs in found.items()}

    async def show(self, offsets: Mapping[Place, int]) -> None:
        """Commit to Kafka, for people who look there; a failure changes nothing."""
        with suppress(KafkaError, ConsumerStoppedError, OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._client.commit({TopicPartition(*p): o for p, o in offsets.items()})


async def _guard(question: Any) -> Any:  # noqa: ANN401 (aiokafka has no types)
    try:
        async with asyncio.timeout(_REQUEST_MS / 1000):
            return await question
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaLost from error


def _record(raw: Any) -> Record:  # noqa: ANN401 (aiokafka has no types)
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in raw.headers}
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=(raw.key or b"").decode("utf-8", "replace"),
        headers=headers,
        value=raw.value or b"",
        event_id=_event_id(headers, f"kafka:{raw.topic}/{raw.partition}/{raw.offset}"),
    )


def _event_id(headers: Mapping[str, str], place: str) -> UUID:
    try:
        return UUID(headers[ID_HEADER])
    except (KeyError, ValueError):
        return uuid5(NAMESPACE_URL, place)  # not ours: parked under a name of its own
