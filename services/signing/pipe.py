"""What goes between the service, the fork server and workers: orders, then length and JSON.

Each message to a worker begins with a mark, which may bring a descriptor: the file to look at.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, BinaryIO, Literal

from pydantic import AfterValidator, Base64Bytes, Field, StringConstraints, TypeAdapter

from services.signing.finding import Count, Digest, Finding, Unit, Whole, certain
from services.signing.validation.material import Material

MARK = b"\0"
"""The first byte of a message to a worker: a descriptor comes with a byte (unix(7))."""
LENGTH_BYTES = 4
READY = b"ready"
"""A worker's first message: it is locked up and waits for files."""


LONGEST_ORDER = 64
"""Bytes of the longest message to or from the fork server; one message is one packet."""
MAKE, KILL, SLOW = "make", "kill", "slow"
"""Orders to it: make a worker of so many bytes, on the socket that comes along; kill, slow one."""
MADE, ENDED = "made", "ended"
"""News of it: a worker's pid (0: the system has none to give), or its pid and how it ended."""

RESERVED = 32_768
"""Hexadecimal digits kept for one signature, as in the files of today's tokens."""


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL, which PostgreSQL stores in no text")
    return value


Text = Annotated[str, AfterValidator(_text)]
Moment = Annotated[datetime, AfterValidator(certain)]
PathLength = Annotated[int, Field(ge=0, lt=1 << 64)]
"""What the library reads, and orjson writes."""
Serial = Annotated[str, StringConstraints(pattern=r"^-?[0-9a-f]{1,2000}$")]

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
    """The file that comes along to look at, and perhaps to prepare for a signature."""

    sha256: str
    cpu_seconds: int
    at: datetime
    """The moment that is judged."""
    prepare: Preparation | None = None
    detached: Base64Bytes | None = None
    """A CMS (DER) that is the file's signature; None: the file is a PDF with its own."""
    answers: tuple[Base64Bytes, ...] = ()
    """OCSP responses about certificates of the file, beside those of the material."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One piece of a PKI from outside to read: only workers parse such a thing."""

    what: Literal["certificate", "certificates", "units", "list", "answer"]
    content: Base64Bytes = b""
    authority: str = ""
    """The listed authority that a list or an OCSP answer has to be of."""
    certificate: Base64Bytes | None = None
    """The certificate that was asked about."""
    nonce: Base64Bytes | None = None
    """What was sent along with the question."""
    certificates: tuple[Base64Bytes, ...] = ()
    """Many to read at once; or of which a list is asked whether it speaks of them."""
    serials: tuple[str, ...] = ()
    """The serial numbers, in hexadecimal, that a list is searched for."""
    at: datetime | None = None
    cpu_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One message to a worker: other material to read first, or a job."""

    job: Job | Reading | None = None
    material: Material | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What follows the file's own bytes so that it has a gap for a signature."""

    tail: Base64Bytes
    gap_start: Count
    """Of the whole file; the angle brackets around the hexadecimal digits belong to the gap."""
    gap_end: Count


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What stands in a certificate that is to be registered, or of an authority to be listed."""

    sha256: Digest
    subject: Text
    issuer: Text
    serial: Serial
    """In hexadecimal."""
    not_before: Moment
    not_after: Moment
    key: Text
    signature: Text
    path_length: PathLength | None
    self_signed: bool
    issued_by: Text | None
    """The listed authority that has issued it."""
    objection: Text
    """Why it is no authority that the policy would accept; empty: it is one."""


@dataclass(frozen=True, slots=True)
class CertificatesFacts:
    """What stands in many certificates."""

    read: tuple[CertificateFacts | None, ...]
    """Of each, in their order; None: it cannot be read, or is no unit where units are read."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that a list names."""

    serial: Serial
    reason: Text
    since: Moment
    """Since when its key is distrusted."""
    retired: bool = False
    """For a stated reason that leaves the time stamps valid that it made before."""


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What stands in a revocation list that is its authority's."""

    number: Whole
    this_update: Moment
    next_update: Moment | None
    revoked: tuple[Revoked, ...]
    """Of the serial numbers that were searched for."""
    only: Literal["users", "authorities"] | None = None
    """For which certificates it speaks (issuing distribution point)."""
    spoken_of: tuple[Serial, ...] | None = None
    """Of the certificates that came along, those of which it speaks; None: of every one."""
    numbered: bool = True
    """It has a number of its own; else `number` is when it was issued."""


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What an OCSP answer says of the certificate that was asked about."""

    this_update: Moment
    next_update: Moment | None
    reason: Text | None
    """Why it is revoked or suspended; None: it is good."""
    since: Moment | None
    retired: bool = False
    """As of a certificate that a list names."""


Facts = CertificateFacts | CertificatesFacts | ListFacts | AnswerFacts


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: a finding or facts, or why there is none."""

    finding: Finding | None
    failure: Literal["memory", "parser", "store", "unfit", "material"] | None = None
    """`unfit`: it was read, and is not what it should be; `material`: that cannot be loaded."""
    detail: str = ""
    """The exception's class: enough for an operator, nothing of the document."""
    prepared: Prepared | None = None
    facts: Facts | None = None
    units: tuple[Unit, ...] = ()


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
