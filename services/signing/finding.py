"""What a worker finds in a file: facts only, no registers and no agencies."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Base64Bytes, Field, StringConstraints

from shared.events.types import Indication


def _moment(value: str) -> str:
    datetime.fromisoformat(value)
    return value


def certain(value: datetime) -> datetime:
    """Return a moment that a column holds. Raises ValueError."""
    if value.tzinfo is None:
        raise ValueError("a moment without its zone")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment beyond all years") from None
    return value


def _certain(value: str) -> str:
    certain(datetime.fromisoformat(value))
    return value


# A worker may have been overcome by its file: what it says is checked as what a stranger says.
Instant = Annotated[str, AfterValidator(_moment)]
Certain = Annotated[str, AfterValidator(_certain)]
Whole = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
"""What PostgreSQL holds as a bigint, and orjson writes."""
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^SIG-[0-9]{4}$")]

Outcome = Literal["sound", "bad", "unknown"]
"""Sound so far; certainly bad; cannot tell (only: revocation not known)."""

SubIndication = Literal[
    "FORMAT_FAILURE",
    "HASH_FAILURE",
    "SIG_CRYPTO_FAILURE",
    "REVOKED",
    "EXPIRED",
    "NOT_YET_VALID",
    "SIG_CONSTRAINTS_FAILURE",
    "CHAIN_CONSTRAINTS_FAILURE",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
    "POLICY_PROCESSING_ERROR",
    "NO_SIGNING_CERTIFICATE_FOUND",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "REVOKED_NO_POE",
    "REVOKED_CA_NO_POE",
    "OUT_OF_BOUNDS_NO_POE",
    "REVOCATION_OUT_OF_BOUNDS_NO_POE",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    "TRY_LATER",
    "SIGNED_DATA_NOT_FOUND",
]
"""EN 319 102-1 table 6."""

UNREADABLE = "SIG-4151"
TOO_HEAVY = "SIG-4131"
WRONG_USE = "SIG-4220"
UNSIGNED = "SIG-4221"
ALTERED = "SIG-4222"
UNTRUSTED = "SIG-4223"
EXPIRED = "SIG-4224"
REVOKED = "SIG-4225"
SEAL_MISSING = "SIG-4226"
LEADER_MISSING = "SIG-4227"
WRONG_ORDER = "SIG-4228"
WEAK = "SIG-4229"
OTHER_AGENCY = "SIG-4031"
UNREGISTERED = "SIG-4032"
REVOCATION_UNKNOWN = "SIG-5031"
STORE_TROUBLE = "SIG-5032"

UNKNOWN_AGENCY = (
    "the directory does not know the agency that a signer's certificate is registered for"
)
"""A detail by which the report tells this from a certificate that is not registered at all."""
OWN = "lienthong"
"""This software's own name among those that judged."""
UNKNOWN = "unknown"
"""The version of software that was not kept."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What said that one certificate was not revoked, or that it was."""

    certificate: Digest
    """SHA-256 of the certificate (DER), lower-case hex."""
    source: Literal["crl", "ocsp"]
    material: Digest
    """SHA-256 of the list or response."""
    this_update: Instant
    next_update: Instant | None


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A time stamp on a signature."""

    made_at: Certain | None
    """When the signature was there for certain (ISO 8601); None: it proves nothing."""
    detail: str
    """Why it proves nothing."""
    chain: tuple[Digest, ...] = ()
    """Of what it rests on, from the root to its authority's certificate: SHA-256 digests."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A time-stamping unit of whose stamps in a file one counts, or may count yet.

    Told beside a finding, and no part of it: the register follows what becomes of it.
    """

    der: Base64Bytes
    revoked: bool
    """The revocation data says so, for what ends all its stamps: a later one proves this older."""

    @property
    def sha256(self) -> str:
        """Return its certificate's digest."""
        return hashlib.sha256(self.der).hexdigest()


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a file, in the order in which they were made."""

    field: str
    certificate: Digest | Literal[""]
    """SHA-256 of the signer's certificate (DER), lower-case hex; empty: it cannot be read."""
    chain: tuple[Digest, ...]
    """SHA-256 of the certificates from the root to the signer, when there is a path."""
    algorithm: str
    digest: str
    key: str
    """Kind and size, such as `rsa 2048` or `ec secp256r1`."""
    claimed_at: Instant | None
    """When the signer says it signed (ISO 8601): self-declared, decides nothing."""
    stamps: tuple[TimeStamp, ...]
    coverage: str
    changed_after: str
    """What was changed after it, by pyHanko's difference analysis."""
    trusted_for: tuple[str, ...]
    """For which kinds of signer its authority is trusted."""
    fits: tuple[str, ...]
    """For which of these the certificate itself may be used."""
    indication: Indication
    sub_indication: SubIndication | None
    rule: str | None
    """The rule of the policy that is not met."""
    problem: Code | None
    """A code of the problem table, none when sound."""
    detail: str
    """What exactly was found, in English, without names."""
    checked: tuple[Checked, ...]
    leans: bool = False
    """It is sound because of a time stamp: without one it would not be."""

    @property
    def proof(self) -> TimeStamp | None:
        """Return the earliest good time stamp."""
        good = [stamp for stamp in self.stamps if stamp.made_at]
        return min(good, key=lambda one: datetime.fromisoformat(one.made_at or ""), default=None)

    @property
    def proved_at(self) -> str | None:
        """Return since when it was there for certain."""
        return self.proof.made_at if self.proof else None


@dataclass(frozen=True, slots=True)
class ListUsed:
    """A revocation list of an authority on a way from a certificate of the file to a root.

    No other list has a say in what is found: verdicts do not name them. Entries with the same
    subject and key are one authority (RFC 5280 6.3.3): the list may be of one that is on no way.
    """

    authority: str
    """The entry of the trust list under which it was known."""
    number: Whole
    sha256: Digest
    this_update: Instant
    next_update: Instant | None


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one file."""

    outcome: Outcome
    indication: Indication
    sub_indication: SubIndication | None
    rule: str | None
    reason: Code | None
    detail: str
    signatures: tuple[Signature, ...]
    lists: tuple[ListUsed, ...]
    policy: str
    policy_sha256: Digest
    checked_at: Certain
    """The moment that was judged (ISO 8601)."""
    size: Count
    libraries: dict[str, str]
    """The software that judged, by name: this one, Python and what parses; its versions."""
    answers: tuple[Digest, ...] = ()
    """SHA-256 of the OCSP responses that told of a certificate on such a way, as for `lists`; those
    that the file itself brings are not among them."""
