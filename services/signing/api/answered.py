"""Shapes of signing's answers, for the OpenAPI document; routes write them as plain JSON.

`tests/contracts` holds every answer of the running stack against them.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.signing import certificate, signature


class Reason(BaseModel):
    """A code of `/v1/problems`, and what it means."""

    code: str
    title: str
    title_en: str


class Holder(BaseModel):
    """The agency that a certificate is for, by its present code."""

    id: UUID
    code: str


class CertificateItem(BaseModel):
    """A certificate with which an agency signs."""

    sha256: str = Field(description="Of its DER; its name in every route.")
    kind: signature.Kind
    agency: Holder
    person: str | None = Field(description="Whose it is; a seal is no person's.")
    not_before: datetime
    not_after: datetime
    state: certificate.State
    reason: str | None = Field(description="Why its state last changed (RFC 5280 5.3.1).")
    remote: bool = Field(description="Signing keeps its key, so a signature can be asked for.")
    locked: bool = Field(description="Its PIN was wrong too often; the registrar unlocks it.")
    tries_left: int


class CertificatePage(BaseModel):
    """Certificates in order of their digests."""

    items: list[CertificateItem]
    next_cursor: str | None


class SignedFile(BaseModel):
    """A file with the signature in it."""

    sha256: str
    size: int
    at: datetime


class SourceFile(BaseModel):
    """The file as it was when the signature was asked for."""

    sha256: str
    size: int


class RequestedSignature(BaseModel):
    """A request for a signature, as signing keeps it."""

    id: UUID
    document_id: UUID
    attachment_id: UUID
    kind: signature.Kind
    certificate: str = Field(description="SHA-256 of the certificate that is to sign.")
    state: signature.State
    reason: Reason | None = Field(description="Why it has failed.")
    source: SourceFile
    signed: SignedFile | None
    requested_at: datetime
    expires_at: datetime = Field(description="Without its PIN until then, it fails.")
    ended_at: datetime | None
