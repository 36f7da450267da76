"""Step 2, accept: documents, their files, each file hashed while its sender itself sends it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from services.docs.attachment import check_arrived, check_room, check_twins
from services.docs.document import Announcement, Attachment, Document, DocumentState, Draft
from services.docs.sign import refuse_frozen
from services.docs.store import documents as store
from shared.blobs import Blob
from shared.db import Connection
from shared.errors import Problem
from shared.failpoint import reach
from shared.identity import ActingAgency
from shared.ids import AttachmentId, DocumentId, uuid7
from shared.telemetry import AGENCY_FROM, DOCUMENT_CODE, DOCUMENT_ID, URGENCY, span


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file whose bytes came with its announcement."""

    announced: Announcement
    blob: Blob


async def accept(
    conn: Connection,
    draft: Draft,
    *,
    files: Sequence[Arrived] = (),
    sender: ActingAgency,
    client_id: str,
) -> DocumentId:
    """Insert a document as a draft, with the files that came with it. Returns its id."""
    document_id = DocumentId(uuid7())
    attributes = {
        DOCUMENT_ID: str(document_id),
        DOCUMENT_CODE: draft.code,
        AGENCY_FROM: sender.code,
        URGENCY: draft.urgency.value,
    }
    with span("accept document", attributes=attributes):
        await store.insert(conn, document_id, draft, sender=sender.id, client_id=client_id)
        reach("docs.accept.document_inserted")
        for file in files:
            attachment = _attachment(document_id, file.announced, blocks=file.blob.blocks)
            await store.announce(conn, attachment, sender=sender.id)
    return document_id


async def change(
    conn: Connection,
    document_id: DocumentId,
    revise: Callable[[Draft], Draft],
    *,
    sender: ActingAgency,
    expected: Collection[int] | None,
) -> None:
    """Write a draft anew as `revise` makes it from what stands.

    Raises Problem REQ-4041, DOC-4091 (dispatched), DOC-4095 (being signed), REQ-4121 (not the
    `expected` version).
    """
    document = await _locked_draft(conn, document_id, sender, expected=expected)
    await store.change(conn, document_id, revise(document.draft))


async def discard(
    conn: Connection,
    document_id: DocumentId,
    *,
    sender: ActingAgency,
    expected: Collection[int] | None,
) -> None:
    """Delete a draft with its files. Raises as `change` does."""
    await _locked_draft(conn, document_id, sender, expected=expected)
    await store.delete(conn, document_id)


async def announce(
    conn: Connection, document_id: DocumentId, announced: Announcement, *, sender: ActingAgency
) -> Attachment:
    """Add a file to a draft; its bytes are to follow.

    Raises Problem REQ-4041, DOC-4091, DOC-4092 (a second MAIN), DOC-4094 (too many),
    DOC-4131 (too large together), REQ-4221 (the same bytes under another seal).
    """
    document = await _locked_draft(conn, document_id, sender)
    held = [one.announced for one in document.attachments]
    check_room(held, announced)
    check_twins(held, announced)
    roles = [attachment.announced.role for attachment in document.attachments]
    if announced.role == "MAIN" and "MAIN" in roles:
        raise Problem("DOC-4092")
    attachment = _attachment(document_id, announced, blocks=None)
    await store.announce(conn, attachment, sender=sender.id)
    return attachment


async def expect(
    conn: Connection,
    document_id: DocumentId,
    attachment_id: AttachmentId,
    *,
    sender: ActingAgency,
) -> Attachment:
    """Return the announced file whose bytes are about to come. Raises REQ-4041, DOC-4091."""
    document = await _locked_draft(conn, document_id, sender)
    return _of(document, attachment_id)


async def attach(
    conn: Connection,
    document_id: DocumentId,
    attachment_id: AttachmentId,
    blob: Blob,
    *,
    sender: ActingAgency,
    repr_digest: str | None,
) -> None:
    """Attach a blob to the file it was sent for: only now are these bytes the sender's.

    Raises Problem DOC-4222 for other bytes than announced, REQ-4041, DOC-4091, DOC-4095.
    """
    document = await _locked_draft(conn, document_id, sender)
    # Not what was expected when they began to come: a signature may have been put in since.
    attachment = _of(document, attachment_id)
    check_arrived(blob, attachment.announced, repr_digest=repr_digest)
    await store.attach(conn, attachment.id, blocks=blob.blocks)
    reach("docs.accept.file_attached")


async def detach(
    conn: Connection,
    document_id: DocumentId,
    attachment_id: AttachmentId,
    *,
    sender: ActingAgency,
) -> None:
    """Take a file out of a draft. Raises Problem REQ-4041, DOC-4091."""
    document = await _locked_draft(conn, document_id, sender)
    await store.detach(conn, _of(document, attachment_id).id)


def _attachment(
    document_id: DocumentId, announced: Announcement, *, blocks: bytes | None
) -> Attachment:
    return Attachment(AttachmentId(uuid7()), document_id, announced, blocks)


def _of(document: Document, attachment_id: AttachmentId) -> Attachment:
    for attachment in document.attachments:
        if attachment.id == attachment_id:
            return attachment
    raise Problem("REQ-4041")


async def _locked_draft(
    conn: Connection,
    document_id: DocumentId,
    sender: ActingAgency,
    *,
    expected: Collection[int] | None = None,
) -> Document:
    document = await store.lock(conn, document_id, sender=sender.id)
    if document is None:
        raise Problem("REQ-4041")
    if document.state is not DocumentState.DRAFT:
        raise Problem("DOC-4091")
    await refuse_frozen(conn, document_id)
    if expected is not None and document.version not in expected:
        raise Problem("REQ-4121", version=document.version)
    return document
