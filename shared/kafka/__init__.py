"""How a service logs in to Kafka, sends and fetches: the only package that touches aiokafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from shared.errors import Unavailable

ID_HEADER, TYPE_HEADER, TRACE_HEADER = "ce_id", "ce_type", "traceparent"

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
