"""What goes through the pipes between the service and its workers: length and JSON."""

from dataclasses import dataclass
from typing import BinaryIO, Literal

from pydantic import Base64Bytes, TypeAdapter

from services.signing.finding import Finding

LENGTH_BYTES = 4
READY = b"ready"
"""A worker's first message: it is locked up and waits for files."""


@dataclass(frozen=True, slots=True)
class TrustUpdate:
    """What the worker shall trust from now on (DER)."""

    root: Base64Bytes
    intermediates: tuple[Base64Bytes, ...]
    lists: dict[str, Base64Bytes]
    """By authority."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to look at."""

    path: str
    sha256: str
    cpu_seconds: int


@dataclass(frozen=True, slots=True)
class Request:
    """One message to a worker: a change of trust, if any, then a job."""

    job: Job
    trust: TrustUpdate | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: a finding, or why there is none."""

    finding: Finding | None
    failure: Literal["memory", "parser", "store"] | None = None
    detail: str = ""
    """The exception's class: enough for an operator, nothing of the document."""


REQUESTS = TypeAdapter(Request)
ANSWERS = TypeAdapter(Answer)


def send(stream: BinaryIO, message: bytes) -> None:
    """Write one message."""
    stream.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; None when the other side has gone."""
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    return stream.read(int.from_bytes(length, "big"))
