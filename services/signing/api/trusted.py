"""Shapes of the trust list's answers, and how its rows become them."""

import ssl
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field

from services.signing.compare import Difference
from services.signing.pipe import CertificateFacts
from services.signing.store.fetches import Freshness
from services.signing.store.trust import Proposal, State, TrustList
from services.signing.trustlist import (
    AuthorityTerms,
    Change,
    Entry,
    Pem,
    digest,
    in_force,
)


class RevocationData(BaseModel):
    """How fresh an authority's revocation list is."""

    number: int | None
    this_update: datetime | None
    next_update: datetime | None
    age_seconds: float | None
    fetched_at: datetime | None = Field(description="Of those that are fetched.")
    due_at: datetime | None = Field(description="When it is fetched next.")
    failures: int = Field(description="Tries in a row that went wrong.")
    failure: str | None = Field(
        description="How the last one did: the text of the operators' log, in English."
    )


class TrustedAuthority(AuthorityTerms):
    """An authority of the list in force."""

    name: str
    sha256: str
    subject: str
    certificate: Pem
    anchor: bool
    since: int = Field(description="The version in which it was last changed.")
    revocation: RevocationData


class EndedAuthority(BaseModel):
    """An authority that is no longer trusted."""

    name: str
    sha256: str
    since: int


class TrustListShown(BaseModel):
    """The list in force."""

    version: int
    digest: str = Field(description="SHA-256 of what it says: equal lists have equal ones.")
    authorities: list[TrustedAuthority]
    ended: list[EndedAuthority]


class CertificateRead(BaseModel):
    """What a worker read in a certificate that is to be listed."""

    sha256: str
    subject: str
    issuer: str
    serial: str = Field(description="In hexadecimal.")
    not_before: datetime
    not_after: datetime
    key: str
    signature: str
    path_length: int | None
    self_signed: bool
    issued_by: str | None = Field(description="The listed authority that has issued it.")


class TrustChange(BaseModel):
    """A change of the trust list, from its proposal to its decision."""

    id: UUID
    reason: str
    change: Change
    certificate: CertificateRead | None
    proposed_by: str | None = Field(description="A client; none: the PKI folder.")
    proposed_at: datetime
    state: State
    decided_by: str | None
    decided_at: datetime | None
    version: int | None = Field(description="The version of the list that it led to.")


class TrustChangePage(BaseModel):
    """Changes, the newest first."""

    items: list[TrustChange]
    next_cursor: str | None


class NewTrustChange(BaseModel):
    """A change that is wanted, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["Quyết định 12/QĐ-BTTTT"])
    change: Change


class TrustImport(BaseModel):
    """An export of another exchange's list, to be proposed here."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["Đồng bộ từ trục quốc gia"])
    export: str = Field(min_length=1, max_length=400_000, description="As exported: a JWS.")
    end_missing: bool = Field(
        default=False,
        description="Also propose to end those that the export does not have: that is for good.",
    )


class NotProposed(BaseModel):
    """A difference that is not proposed, and why."""

    name: str
    detail: str
    detail_en: str


class TrustImported(BaseModel):
    """What an import led to."""

    signer: str = Field(description="The listed authority that has signed it.")
    version: int = Field(description="Of the list that was imported.")
    made_at: datetime = Field(description="By the signer's own word.")
    digest: str
    proposed: list[TrustChange]
    left: list[NotProposed]


def list_shown(listed: TrustList, fresh: list[Freshness]) -> TrustListShown:
    """Return the list as it is answered."""
    by_name = {one.name: one for one in fresh}
    entries = sorted(listed.entries.items())
    return TrustListShown(
        version=listed.version,
        digest=digest(listed.entries),
        authorities=[
            _authority(one, by_name[name]) for name, one in sorted(in_force(listed.entries).items())
        ],
        ended=[
            EndedAuthority(name=name, sha256=one.sha256, since=one.since)
            for name, one in entries
            if one.ended
        ],
    )


def _authority(one: Entry, fresh: Freshness) -> TrustedAuthority:
    # Two clients have agreed on it: it is no longer a stranger's bytes.
    subject = x509.load_der_x509_certificate(one.der).subject
    return TrustedAuthority(
        name=one.name,
        sha256=one.sha256,
        subject=subject.rfc4514_string(),
        certificate=ssl.DER_cert_to_PEM_cert(one.der),
        anchor=one.anchor,
        since=one.since,
        revocation=RevocationData(
            number=fresh.number,
            this_update=fresh.this_update,
            next_update=fresh.next_update,
            age_seconds=fresh.age,
            fetched_at=fresh.fetched_at,
            due_at=fresh.due_at,
            failures=fresh.failures,
            failure=fresh.failure,
        ),
        **one.terms.model_dump(),
    )


def change_shown(one: Proposal) -> TrustChange:
    """Return a change as it is answered."""
    return TrustChange(
        id=one.id,
        reason=one.reason,
        change=one.change,
        certificate=_read(one.certificate),
        proposed_by=one.proposed_by,
        proposed_at=one.proposed_at,
        state=one.state,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
        version=one.version,
    )


def _read(facts: CertificateFacts | None) -> CertificateRead | None:
    if facts is None:
        return None
    names: dict[str, Any] = {name: getattr(facts, name) for name in CertificateRead.model_fields}
    return CertificateRead(**names)


def left_shown(one: Difference) -> NotProposed:
    """Return a difference that is not proposed as it is answered."""
    return NotProposed(name=one.name, detail=one.vi, detail_en=one.en)
