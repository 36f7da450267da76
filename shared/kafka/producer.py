"""Sending: an idempotent producer for one try."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner

from shared.failpoint import reach
from shared.kafka import KafkaAccess, KafkaLost, Message, Place, RecordRefused, TopicRefused
from shared.kafka.connection import CLOSE_SECONDS, REQUEST_MS, Line, guard, login, within

BATCH_BYTES = 512 * 1024
"""Below the broker's limit for a batch, so that only a record that is alone can be too large."""
_INVALID_RECORD = 87  # aiokafka does not know this code and says UnknownError


class Producer:
    """An idempotent producer for one try: after any error it is thrown away (protocol.md 3)."""

    def __init__(self, access: KafkaAccess) -> None:
        """Prepare; `start` connects."""
        self._client: Any = AIOKafkaProducer(
            **login(access),
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=8 * BATCH_BYTES,
            compression_type="lz4",
        )
        self._line = Line(self._client.client)
        self._partitioner: Any = DefaultPartitioner()
        self.cluster = ""

    async def start(self) -> None:
        """Connect and learn the cluster's id. Raises KafkaLost."""
        try:
            await within(2 * REQUEST_MS / 1000, self._client.start())
            self.cluster = await guard(self._line.cluster())
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
        await guard(_settled(self._client.client.force_metadata_update()))

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
            sending = self._client.send_batch(batch, topic, partition=partition)
            begun = await within(REQUEST_MS / 1000, sending)
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaLost from error
        reach("relay.mid_batch")
        return begun, count

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
        with suppress(KafkaError, OSError, TimeoutError):
            if self._client._sender is not None:  # noqa: SLF001
                await within(CLOSE_SECONDS, self._client._sender.close())  # noqa: SLF001
        with suppress(KafkaError, OSError, TimeoutError):
            await within(CLOSE_SECONDS, self._client.client.close())


async def _settled(future: Any) -> None:  # noqa: ANN401 (aiokafka's future)
    await future
