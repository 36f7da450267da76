"""What tests hand to docs as if it had come from elsewhere: files, statuses."""

import hashlib
from datetime import UTC, datetime

from services.docs.document import Announcement, Attachment, Role
from shared.events import DeliveryCleared, DeliveryStatusReported
from shared.ids import AttachmentId, DocumentId, uuid7


def status_of(entry: DeliveryCleared, code: str, *, step: int) -> DeliveryStatusReported:
    """Return the event of a status that a recipient reported."""
    return DeliveryStatusReported(
        delivery_id=entry.delivery_id,
        dispatch_id=entry.dispatch_id,
        document_id=entry.document_id,
        agency_id=entry.agency_id,
        acting_agency_id=entry.agency_id,
        step=step,
        code=code,
        reported_at=datetime.now(UTC),
    )


def attachment_of(document_id: DocumentId, n: int, *, role: Role, stored: bool) -> Attachment:
    """Return a file whose bytes are said to be stored, or only announced."""
    content = f"{document_id} {n}".encode()
    announced = Announcement(
        name=f"tệp {n}.pdf",
        media_type="application/pdf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        role=role,
    )
    blocks = hashlib.sha256(content).digest() if stored else None
    return Attachment(AttachmentId(uuid7()), document_id, announced, blocks)
