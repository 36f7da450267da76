"""What goes through the pipes between the service and its workers: length and JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

from pydantic import Base64Bytes, TypeAdapter

from services.signing.finding import Finding
from services.signing.validation.material import Material

LENGTH_BYTES = 4
READY = b"ready"
"""A worker's first message: it is locked up and waits for files."""


RESERVED = 32_768
"""Hexadecimal digits kept for one signature, as in the files of today's tokens."""

Shape = Literal["leader", "seal", "annex"]
"""How a signature is shown, and so where."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A signature to make room for in a file."""

    shape: Shape
    stamp: Base64Bytes
    """A PDF of one page."""
    signer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One file to look at, and perhaps to prepare for a signature."""

    path: str
    sha256: str
    cpu_seconds: int
    at: datetime
    """The moment that is judged."""
    prepare: Preparation | None = None
    detached: Base64Bytes | None = None
    """A CMS (DER) that is the file's signature; None: the file is a PDF with its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """One message to a worker: other material, if it has changed, then a job."""

    job: Job
    material: Material | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What follows the file's own bytes so that it has a gap for a signature."""

    tail: Base64Bytes
    gap_start: int
    """Of the whole file; the angle brackets around the hexadecimal digits belong to the gap."""
    gap_end: int


ALTERED = "the stored bytes have another digest"
"""Detail of a failure of the store: the file is there, and is not what it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: a finding, or why there is none."""

    finding: Finding | None
    failure: Literal["memory", "parser", "store"] | None = None
    detail: str = ""
    """The exception's class: enough for an operator, nothing of the document."""
    prepared: Prepared | None = None


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
