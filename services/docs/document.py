"""What a document is: its data, its files, its recipients as named. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from shared.chain import Lane
from shared.errors import Fault, Problem
from shared.ids import AgencyId, AttachmentId, DocumentId

Role = Literal["MAIN", "ANNEX"]


class Urgency(StrEnum):
    """Thường, khẩn, thượng khẩn, hỏa tốc, hỏa tốc hẹn giờ (edXML Priority 0 to 4)."""

    NORMAL = "normal"
    URGENT = "urgent"
    VERY_URGENT = "very_urgent"
    EXPRESS = "express"
    EXPRESS_TIMED = "express_timed"

    @property
    def lane(self) -> Lane:
        """Return the lane of a mailbox that a document of this urgency travels in."""
        return "normal" if self is Urgency.NORMAL else "urgent"


STATE_SECRETS = {
    "confidential": "Mật",
    "secret": "Tối mật",
    "top_secret": "Tuyệt mật",
    "mat": "Mật",
    "toi_mat": "Tối mật",
    "tuyet_mat": "Tuyệt mật",
}
"""Classes of the Law on Protection of State Secrets, by the names callers use for them."""


def refuse_state_secret(classification: object) -> None:
    """Raise Problem DOC-4221, with the law, for a document of a state-secret class."""
    mark = (
        STATE_SECRETS.get(classification.strip().lower())
        if isinstance(classification, str)
        else None
    )
    if mark is None:
        return
    raise Problem(
        "DOC-4221",
        vi=f"Văn bản độ {mark} là bí mật nhà nước (Luật số 29/2018/QH14): khoản 2 Điều 1 Quyết định"
        " số 28/2018/QĐ-TTg không cho gửi, nhận văn bản này qua trục liên thông.",
        en="The document is a state secret (Law 29/2018/QH14): Decision 28/2018/QĐ-TTg art. 1.2"
        " excludes it from electronic exchange.",
        faults=[Fault("/classification", f"Độ {mark}.", "A class of state secret.")],
        law=["Quyết định 28/2018/QĐ-TTg, khoản 2 Điều 1", "Luật 29/2018/QH14"],
    )


class DocumentState(StrEnum):
    """A draft may change; a dispatched document never does."""

    DRAFT = "draft"
    DISPATCHED = "dispatched"


@dataclass(frozen=True, slots=True)
class Named:
    """One recipient, by any of its codes."""

    agency: str


@dataclass(frozen=True, slots=True)
class Selection:
    """All active agencies of a level, below an agency, or both; resolved when dispatched."""

    level: str | None
    under: str | None


RecipientChoice: TypeAlias = Named | Selection


def choices_as_json(choices: Sequence[RecipientChoice]) -> list[dict[str, Any]]:
    """Return recipients in the shape in which callers name them."""
    return [
        {"agency": choice.agency}
        if isinstance(choice, Named)
        else {"select": {"level": choice.level, "under": choice.under}}
        for choice in choices
    ]


def choices_from_json(rows: Sequence[dict[str, Any]]) -> tuple[RecipientChoice, ...]:
    """Return recipients from the shape that `choices_as_json` makes."""
    return tuple(
        Named(row["agency"])
        if "agency" in row
        else Selection(level=row["select"]["level"], under=row["select"]["under"])
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Signer:
    """The person who signs, as printed on the document."""

    name: str
    position: str
    competence: str | None
    """TM., KT., TL., TUQ., Q. (Decree 30/2020 art. 13)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the sender says of a document."""

    number: str
    notation: str
    type: str
    subject: str
    promulgated_on: date
    urgency: Urgency
    due_on: date | None
    signer: Signer | None
    recipients: tuple[RecipientChoice, ...]

    @property
    def code(self) -> str:
        """Return number and notation as on paper, such as `7816/VPCP-TTĐT`."""
        return f"{self.number}/{self.notation}"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A file that the sender is about to send, or has sent with its announcement."""

    name: str
    media_type: str
    size: int
    sha256: str
    role: Role
    signature_sha256: str | None = None
    """Of the detached seal (CMS, DER) that a file which is no PDF comes with."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a document; `blocks` are the SHA-256 of its 1 MiB blocks, None until stored."""

    id: AttachmentId
    document_id: DocumentId
    announced: Announcement
    blocks: bytes | None

    @property
    def stored(self) -> bool:
        """Say whether the sender itself has sent these bytes."""
        return self.blocks is not None


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its files, main file first."""

    id: DocumentId
    sender_id: AgencyId
    state: DocumentState
    draft: Draft
    version: int
    created_at: datetime
    attachments: tuple[Attachment, ...]
