"""What a worker finds in a file: facts only, no registers and no agencies."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["sound", "bad", "unknown"]
"""Sound so far; certainly bad; cannot tell (only: revocation not known)."""

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


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a file, in the order in which they were made."""

    field: str
    certificate: str
    """SHA-256 of the signer's certificate (DER), lower-case hex."""
    chain: tuple[str, ...]
    """SHA-256 of the certificates from the root to the signer, when there is a path."""
    algorithm: str
    digest: str
    key: str
    """Kind and size, such as `rsa 2048` or `ec secp256r1`."""
    claimed_at: str | None
    """When the signer says it signed (ISO 8601): self-declared, decides nothing."""
    coverage: str
    changed_after: str
    """What was changed after it, by pyHanko's difference analysis."""
    problem: str | None
    """A code of the problem table, none when sound."""
    detail: str
    """What exactly was found, in English, without names."""


@dataclass(frozen=True, slots=True)
class ListUsed:
    """A revocation list that stood at the worker's disposal."""

    authority: str
    number: int
    this_update: str
    next_update: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one file."""

    outcome: Outcome
    reason: str | None
    detail: str
    signatures: tuple[Signature, ...]
    lists: tuple[ListUsed, ...]
    checked_at: str
    size: int
    libraries: dict[str, str]
