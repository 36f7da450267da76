"""Shapes of docs' answers, for the OpenAPI document; routes write them as plain JSON.

`tests/contracts` holds every answer of the running stack against them.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.docs.agency import AgencyState
from services.docs.document import DocumentState, Role, Urgency
from shared.chain import Lane


class Reason(BaseModel):
    """A code of `/v1/problems`, and what it means."""

    code: str
    title: str
    title_en: str


class Remark(Reason):
    """A remark on something that was accepted nevertheless; it may name what it is about."""

    model_config = ConfigDict(extra="allow")


class AgencyItem(BaseModel):
    """An agency of the directory; others are named by their present codes."""

    id: UUID
    code: str
    code_qcvn102: str | None
    old_codes: list[str]
    name: str
    level: str
    parent: str | None
    state: AgencyState
    valid_from: date
    valid_to: date | None = Field(description="The first day on which it no longer exists.")
    successors: list[str]
    synthetic: bool = Field(description="Made up for tests and demonstrations.")
    version: int
    warnings: list[Remark] | None = None


class AgencyPage(BaseModel):
    """Agencies in order of their codes."""

    items: list[AgencyItem]
    next_cursor: str | None


class ChangesPage(BaseModel):
    """Agencies that changed, each in its present state; go on with `after=next`."""

    items: list[AgencyItem]
    next: str


class SenderItem(BaseModel):
    """Whose document it is."""

    id: UUID
    code: str
    name: str


class RecipientItem(SenderItem):
    """Whose copy it is."""

    level: str


class SelectedItem(BaseModel):
    """All active agencies of a level, those below an agency, or both together."""

    level: str | None = None
    under: str | None = None


class ChosenItem(BaseModel):
    """Recipients as the sender named them."""

    agency: str | None = None
    select: SelectedItem | None = None


class SignerItem(BaseModel):
    """Who signs, as printed on the document."""

    name: str
    position: str
    competence: str | None


class SealItem(BaseModel):
    """The detached seal (CMS, DER) of a file that is no PDF."""

    sha256: str
    href: str


class FileItem(BaseModel):
    """A file of a document."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    role: Role
    state: str = Field(description="`announced`, then `stored`.")
    href: str
    signature: SealItem | None = Field(description="Of a file that is no PDF.")


class UploadPlace(BaseModel):
    """Where the bytes go."""

    put: str


class AnnouncedFile(FileItem):
    """A file whose bytes are awaited."""

    upload: UploadPlace


class VerdictItem(BaseModel):
    """What examining a file has shown."""

    attachment_id: UUID
    sha256: str
    indication: str
    reason: Reason | None
    judged_at: datetime


class DispatchItem(BaseModel):
    """One sending: where it stands, and how many copies stand where."""

    id: UUID
    document_id: UUID
    code: str
    lane: Lane
    turn: int = Field(description="Its place among the sender's dispatches of this lane.")
    urgency: Urgency
    state: str
    accepted_at: datetime
    cleared_at: datetime | None
    recipients: int
    counts: dict[str, int]
    by_level: dict[str, dict[str, int]]
    by_status: dict[str, int]
    verdicts: list[VerdictItem]
    reason: Reason | None
    warnings: list[Remark]
    trace_id: str | None


class DocumentItem(BaseModel):
    """A document; whom else it went to is its sender's alone to see."""

    id: UUID
    state: DocumentState
    code: str
    number: str
    notation: str
    type: str
    subject: str
    promulgated_on: date
    urgency: Urgency
    due_on: date | None
    classification: str
    signer: SignerItem | None
    sender: SenderItem
    recipients: list[ChosenItem] | None = None
    attachments: list[FileItem]
    created_at: datetime
    warnings: list[Remark]
    dispatch: DispatchItem | None = None


class DocumentPage(BaseModel):
    """Own documents, the newest first."""

    items: list[DocumentItem]
    next_cursor: str | None


class CopyItem(BaseModel):
    """One recipient's copy: how far it has come, and what the recipient has reported."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    recipient: RecipientItem
    transport: str
    status: str | None = Field(description="Business status, 01 to 06.")
    status_since: datetime | None
    lane: Lane
    sequence: int | None = Field(description="Its number in the recipient's mailbox and lane.")
    hash: str | None
    accepted_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    reason: Reason | None
    successors: list[str]


class CopyPage(BaseModel):
    """Copies of one dispatch, by code."""

    items: list[CopyItem]
    next_cursor: str | None


class DeliveryItem(CopyItem):
    """A copy with its document: in short, or whole (`expand=document`)."""

    dispatch_id: UUID
    document_id: UUID
    document: dict[str, Any] | None


class DeliveryPage(BaseModel):
    """Deliveries sent or received."""

    items: list[DeliveryItem]
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


class SignatureItem(BaseModel):
    """A request for a signature on a file of a draft."""

    id: UUID
    document_id: UUID
    attachment_id: UUID
    kind: str
    certificate: str
    state: str
    reason: Reason | None
    trouble: Reason | None = None
    next_try_at: datetime | None = None
    source: SourceFile
    signed: SignedFile | None
    requested_at: datetime
    ended_at: datetime | None
    activation: str


class SignatureList(BaseModel):
    """All requests on a document, the oldest first."""

    items: list[SignatureItem]


class TimelineItem(BaseModel):
    """One thing that happened to a document."""

    model_config = ConfigDict(extra="allow")

    at: datetime
    what: str
    by: str | None
    recipient: str | None
    code: str | None
    detail: str | None
    text: str
    text_en: str
    subject: UUID
    trace_id: str | None


class Timeline(BaseModel):
    """What happened, oldest first."""

    items: list[TimelineItem]
    next_cursor: str | None
