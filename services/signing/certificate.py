"""Certificates as rows: what was registered, and which changes of state are allowed (pure)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.ids import AgencyId

State = Literal["good", "suspended", "revoked"]
Kind = Literal["authority", "leader", "seal", "protocol", "timestamp"]
"""`timestamp`: a time-stamping unit, as a file brought it; nobody has registered it."""

REASONS: dict[str, State] = {
    "unspecified": "revoked",
    "keyCompromise": "revoked",
    "cACompromise": "revoked",
    "affiliationChanged": "revoked",
    "superseded": "revoked",
    "cessationOfOperation": "revoked",
    "privilegeWithdrawn": "revoked",
    "certificateHold": "suspended",
    "removeFromCRL": "good",
}
"""RFC 5280 5.3.1: each reason and the state that it leads to."""

_MOVES: dict[State, frozenset[State]] = {
    "good": frozenset({"suspended", "revoked"}),
    "suspended": frozenset({"good", "revoked"}),
    "revoked": frozenset(),  # for good
}


@dataclass(frozen=True, slots=True)
class Registration:
    """A certificate to be registered: read from its DER, and whom it is for."""

    sha256: str
    der: bytes
    serial: int
    issuer: str
    kind: str
    agency_code: str | None
    person: str | None
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A certificate's row, as far as verdicts and revocations need it."""

    sha256: str
    kind: Kind
    agency_id: AgencyId | None
    """None while the directory's projection does not know the code it was registered under."""
    issuer: str
    state: State
    changed_in: int
    """Number of the revocation list in which its state last changed."""
    revoked_at: datetime | None = None
    """Since when it is revoked or suspended."""
    retired: bool = False
    """A unit, revoked for a reason that leaves the stamps valid that it made before."""


def binds(der: bytes) -> bool:
    """Say whether a certificate is for signatures that bind its signer (RFC 5280 4.2.1.3)."""
    try:
        usage = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
            x509.KeyUsage
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    return usage.value.content_commitment


def authority_key(der: bytes) -> str:
    """Return what a renewed authority's certificates have in common: SHA-256 of name and key.

    Certificates and lists that are of one are of all of them (RFC 5280 5, 6.3.3 f): of an issuer's
    name, signed by its key. Raises ValueError, UnsupportedAlgorithm for what no worker would read.
    """
    one = x509.load_der_x509_certificate(der)
    key = one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(one.subject.public_bytes() + key).hexdigest()


def may_move(before: State, after: State) -> bool:
    """Say whether a certificate may go from one state to another."""
    return after in _MOVES[before]
