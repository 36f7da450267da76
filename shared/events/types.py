"""Events of directory, clients, documents and signatures (protocol.md 2): no names, no content."""

from datetime import date, datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.chain import Lane
from shared.events.base import Event

AGENCIES = "lienthong.agencies.v1"
CLIENTS = "lienthong.clients.v1"
DOCUMENTS = "lienthong.documents.v1"
SIGNATURES = "lienthong.signatures.v1"

Indication = Literal["TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"]
"""ETSI EN 319 102-1: valid, invalid, cannot tell."""


class FileRef(BaseModel):
    """One file of a document, by digest: a claim check, never its content or name."""

    model_config = ConfigDict(frozen=True)

    attachment_id: UUID
    role: Literal["MAIN", "ANNEX"]
    media_type: str
    size: int
    sha256: str
    """SHA-256 of the whole file, lower-case hex."""
    signature_sha256: str | None = None
    """Of the detached seal (CMS, DER) of a file that is no PDF; it is stored beside the file."""


class AgencyChanged(Event):
    """The present state of one agency, by its stable id; codes are attributes and change."""

    NAME: ClassVar[str] = "agency.changed.v1"

    agency_id: UUID
    code: str
    """Decision 20/2020 form, such as `H14.03.05`."""
    code_qcvn102: str | None
    """QCVN 102 form of 13 characters, such as `000.05.03.H14`."""
    old_codes: tuple[str, ...] = ()
    level: str
    parent_id: UUID | None
    state: Literal["active", "suspended", "closed"]
    valid_from: date
    valid_to: date | None
    successors: tuple[UUID, ...] = ()
    version: int
    """The directory's version at this change; grows with every change of any agency."""

    def topic(self) -> str:
        return AGENCIES

    def key(self) -> str:
        return str(self.agency_id)


class ClientChanged(Event):
    """The present state of one connected system (OAuth client)."""

    NAME: ClassVar[str] = "client.changed.v1"

    client_id: str
    state: Literal["active", "revoked"]
    agencies: tuple[str, ...]
    scopes: tuple[str, ...]
    not_before: datetime
    """Tokens issued before this moment are refused."""
    version: int
    jwks: dict[str, Any] | None = None
    """Its public keys (RFC 7517), from which a gateway that came back older has them again."""

    def topic(self) -> str:
        return CLIENTS

    def key(self) -> str:
        return self.client_id


class DocumentDispatched(Event):
    """A document was sent: its files wait for examination."""

    NAME: ClassVar[str] = "document.dispatched.v1"

    dispatch_id: UUID
    document_id: UUID
    document_code: str
    """Number and notation, such as `7816/VPCP-TTĐT`: on paper and public to both sides."""
    sender_id: UUID
    lane: Lane
    files: tuple[FileRef, ...]
    frozen_sha256: str | None = None
    """Of dispatch, document, files and recipients (`services.docs.frozen`), lower-case hex."""

    def topic(self) -> str:
        return DOCUMENTS

    def key(self) -> str:
        return str(self.document_id)


class DispatchChanged(Event):
    """What became of a dispatch, for the sender's event log."""

    NAME: ClassVar[str] = "dispatch.changed.v1"

    dispatch_id: UUID
    document_id: UUID
    sender_id: UUID
    change: Literal["waiting", "held", "refused", "cleared", "recipient_failed", "withdrawn"]
    reason: str | None = None
    """A code of the problem table."""
    recipient_id: UUID | None = None
    successors: tuple[UUID, ...] = ()

    def topic(self) -> str:
        return DOCUMENTS

    def key(self) -> str:
        return str(self.document_id)


class DocumentExamined(Event):
    """A verdict on one file of a dispatch; written when the indication changes."""

    NAME: ClassVar[str] = "document.examined.v1"

    dispatch_id: UUID
    document_id: UUID
    sha256: str
    judgement: int
    """Counts the judgements of (dispatch, file) in this signing database; does not decide order."""
    indication: Indication
    reason: str | None
    """A code of the problem table; none when valid."""
    judged_at: datetime
    evidence_sha256: str
    """SHA-256 of the stored verdict with its evidence (signing, `/internal/verdicts/{id}`)."""

    def topic(self) -> str:
        return SIGNATURES

    def key(self) -> str:
        return str(self.document_id)


class SignatureRequested(Event):
    """A draft waits for a signature by a key that signing keeps; the draft is frozen.

    What activates the key (a PIN) never travels here: it goes from the signer to signing alone.
    """

    NAME: ClassVar[str] = "signature.requested.v1"

    signature_id: UUID
    document_id: UUID
    document_code: str
    agency_id: UUID
    """For which agency the signature is: the sender of the draft."""
    attachment_id: UUID
    certificate: str
    """SHA-256 of the certificate (DER), lower-case hex."""
    source_sha256: str
    """Of the file as it is to be signed, lower-case hex."""
    source_size: int
    kind: Literal["leader", "seal"] | None = None
    """What the sender asked for; the certificate must have been registered for it."""
    role: Literal["MAIN", "ANNEX"] = "MAIN"
    """An annex bears the seal only (Decree 30/2020, appendix I, II.8)."""

    def topic(self) -> str:
        return DOCUMENTS

    def key(self) -> str:
        return str(self.document_id)


class SignatureMade(Event):
    """The one signature that was released for a request; the signed file lies in the blob store."""

    NAME: ClassVar[str] = "signature.made.v1"

    signature_id: UUID
    document_id: UUID
    attachment_id: UUID
    source_sha256: str
    signed_sha256: str
    signed_size: int
    signed_at: datetime

    def topic(self) -> str:
        return SIGNATURES

    def key(self) -> str:
        return str(self.document_id)


class SignatureFailed(Event):
    """A request for a signature ended without one; the draft can be changed again."""

    NAME: ClassVar[str] = "signature.failed.v1"

    signature_id: UUID
    document_id: UUID
    attachment_id: UUID
    reason: str
    """A code of the problem table."""

    def topic(self) -> str:
        return SIGNATURES

    def key(self) -> str:
        return str(self.document_id)


class VerdictWithdrawn(Event):
    """A good verdict no longer holds (a certificate was revoked): for the dispatch, for good."""

    NAME: ClassVar[str] = "verdict.withdrawn.v1"

    dispatch_id: UUID
    document_id: UUID
    judgement: int
    reason: str

    def topic(self) -> str:
        return SIGNATURES

    def key(self) -> str:
        return str(self.document_id)
