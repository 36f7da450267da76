"""A signature by a kept key: what was asked for, whose certificate may make it, on what (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.signing.certificate import Registered
from services.signing.finding import (
    EXPIRED,
    LEADER_MISSING,
    OTHER_AGENCY,
    REVOKED,
    UNREGISTERED,
    UNSIGNED,
    WRONG_ORDER,
    WRONG_USE,
    Finding,
)
from shared.ids import AgencyId, SignatureId

Kind = Literal["leader", "seal"]
Role = Literal["MAIN", "ANNEX"]
State = Literal["requested", "intended", "made", "failed"]

ENDED = "SIG-4092"
CANCELLED = "SIG-4093"
LOCKED = "SIG-4094"
NO_KEY = "SIG-4095"
OVERDUE = "SIG-4101"
WRONG_PIN = "SIG-4033"
OTHER_KIND = "SIG-4097"

MOST_TRIES = 5
"""Wrong PINs in a row that lock a key."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A request for a signature, and what came of it."""

    id: SignatureId
    document_id: UUID
    document_code: str
    attachment_id: UUID
    agency_id: AgencyId
    kind: Kind
    role: Role
    certificate: str
    source_sha256: str
    source_size: int
    state: State
    reason: str | None
    signed_sha256: str | None
    signed_size: int | None
    signed_at: datetime | None
    requested_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate that is to sign, as it is registered, and whose it is."""

    registered: Registered
    der: bytes
    person: str | None
    not_before: datetime
    not_after: datetime
    binds: bool
    """Whether its key usage has nonRepudiation: a signature that binds its signer."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a key is about to sign: written down before the key is used."""

    prepared_sha256: str
    gap_start: int
    gap_end: int
    """The gap for the signature in hexadecimal, its angle brackets included."""
    attributes: bytes
    signing_time: datetime


def unfit(asked: Signature, holder: Holder | None, *, now: datetime) -> str | None:
    """Return why a certificate may not make a signature, as a code; None when it may.

    The stored row decides whose it is. Another agency's certificate and one that nobody knows
    are one and the same to whoever asks.
    """
    if holder is None or holder.registered.agency_id != asked.agency_id:
        return UNREGISTERED
    if holder.registered.kind not in ("leader", "seal") or not holder.binds:
        return WRONG_USE
    if holder.registered.kind != asked.kind:
        return OTHER_KIND
    if holder.registered.state != "good":
        return REVOKED
    if not holder.not_before <= now <= holder.not_after:
        return EXPIRED
    return None


def objection(
    asked: Signature, finding: Finding, registered: Mapping[str, Registered]
) -> str | None:
    """Return why a file must not be signed, by what it bears already; None when it may be.

    Decree 30/2020 art. 33: the organisation signs only what a leader has signed. Signatures that
    stand in the file must be sound: what is broken would only be refused later.
    """
    if finding.reason == UNSIGNED:
        alone = asked.kind == "leader" or asked.role == "ANNEX"
        return None if alone else LEADER_MISSING
    if finding.outcome != "sound":
        return finding.reason
    reason = _stranger(asked, finding, registered)
    if reason:
        return reason
    kinds = {registered[one.certificate].kind for one in finding.signatures}
    if asked.kind == "leader":
        return WRONG_ORDER if "seal" in kinds else None
    return None if asked.role == "ANNEX" or "leader" in kinds else LEADER_MISSING


def _stranger(
    asked: Signature, finding: Finding, registered: Mapping[str, Registered]
) -> str | None:
    for one in finding.signatures:
        row = registered.get(one.certificate)
        if row is None:
            return UNREGISTERED
        if row.agency_id != asked.agency_id:
            return OTHER_AGENCY
        if row.state != "good":
            return REVOKED
    return None
