"""What stands in an entry: the JSON that docs made once, read here and never written again."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Party(BaseModel):
    """An agency as the entry names it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    code: str


class EntryFile(BaseModel):
    """One file of the document, by digest."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    role: Literal["MAIN", "ANNEX"]
    media_type: str
    size: int
    sha256: str
    signature_sha256: str | None = None
    """Of the detached seal of a file that is no PDF."""


class EntryContent(BaseModel):
    """The content of an entry; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delivery_id: UUID
    dispatch_id: UUID
    document_id: UUID
    code: str
    urgency: str
    sender: Party = Field(alias="from")
    recipient: Party = Field(alias="to")
    files: tuple[EntryFile, ...]
    cleared_at: datetime
