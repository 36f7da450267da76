"""Step 3, sign: a draft is frozen while signing works, and takes the signed file over."""

import asyncio
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from services.docs.document import Attachment, Document, DocumentState
from services.docs.kinds import PDF
from services.docs.store import documents
from services.docs.store import signatures as store
from services.docs.store.signatures import Kind, New, Signature
from shared import outbox
from shared.blobs import BLOCK, BlobStore
from shared.consumer import On
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.events import SignatureFailed, SignatureMade, SignatureRequested
from shared.failpoint import reach
from shared.identity import ActingAgency
from shared.ids import AttachmentId, DocumentId, SignatureId, uuid7
from shared.kafka import Record
from shared.telemetry import AGENCY_FROM, CERTIFICATE, DOCUMENT_CODE, DOCUMENT_ID, span

_Trouble = Literal["altered", "missing"]
CHANGED = "SIG-4096"
"""Reason of a signature that was made for a file which the draft no longer holds."""
LOST = "SIG-5002"
"""Reason of a signature that was made and whose file is lost: the draft keeps what it had."""
UNREAD = "SIG-5032"
"""What is said of it while it is still tried."""
_MOST_TRIES: Mapping[_Trouble, int] = {"altered": 6, "missing": 70}
"""About half a minute for bytes that are others, an hour for a store that is away."""
_LONGEST_PAUSE = 60.0
_log = structlog.get_logger()


async def request(
    conn: Connection,
    document_id: DocumentId,
    attachment_id: AttachmentId,
    *,
    kind: Kind,
    certificate: str,
    sender: ActingAgency,
    client_id: str,
) -> SignatureId:
    """Freeze a draft and ask signing for a signature on one of its files.

    Whether the certificate is the sender's is signing's to know. Raises Problem REQ-4041,
    DOC-4091 (dispatched), DOC-4095 (frozen already), REQ-4221 (no such file), DOC-4093.
    """
    document = await documents.lock(conn, document_id, sender=sender.id)
    if document is None:
        raise Problem("REQ-4041")
    if document.state is not DocumentState.DRAFT:
        raise Problem("DOC-4091")
    await refuse_frozen(conn, document_id)
    file = _file(document, attachment_id)
    new = New(
        id=SignatureId(uuid7()),
        document_id=document_id,
        attachment_id=file.id,
        kind=kind,
        certificate=certificate,
        source_sha256=file.announced.sha256,
        source_size=file.announced.size,
    )
    code, by = document.draft.code, sender.code
    said = {DOCUMENT_ID: str(document_id), DOCUMENT_CODE: code, AGENCY_FROM: by}
    with span("request signature", attributes={**said, CERTIFICATE: certificate}):
        await store.insert(conn, new, sender=sender.id, client_id=client_id)
        await outbox.put(conn, _told(new, document, file))
    return new.id


def _file(document: Document, attachment_id: AttachmentId) -> Attachment:
    for attachment in document.attachments:
        if attachment.id == attachment_id:
            if not attachment.stored:
                raise Problem("DOC-4093")
            if attachment.announced.media_type != PDF.media_type:
                vi = "Chỉ tệp PDF được ký tại đây; tệp khác mang chữ ký số rời khi được khai báo."
                en = "PDFs alone are signed here; others bring a detached seal when announced."
                raise Problem("REQ-4221", faults=[Fault("/attachment_id", vi, en)])
            return attachment
    vi, en = "Văn bản không có tệp này.", "The draft has no such file."
    raise Problem("REQ-4221", faults=[Fault("/attachment_id", vi, en)])


def _told(new: New, document: Document, file: Attachment) -> SignatureRequested:
    return SignatureRequested(
        signature_id=new.id,
        document_id=new.document_id,
        document_code=document.draft.code,
        agency_id=document.sender_id,
        attachment_id=new.attachment_id,
        certificate=new.certificate,
        source_sha256=new.source_sha256,
        source_size=new.source_size,
        kind=new.kind,
        role=file.announced.role,
    )


async def refuse_frozen(conn: Connection, document_id: DocumentId) -> None:
    """Raise Problem DOC-4095 while a signature is open for a locked document."""
    waiting = await store.open_of(conn, document_id)
    if waiting is not None:
        soon = 1 if waiting.state == "made" else None
        raise Problem("DOC-4095", retry_after=soon, signature_id=str(waiting.id))


async def made(conn: Connection, event: SignatureMade, _record: Record) -> None:
    """Note a released signature; its file is hashed and applied outside of this transaction."""
    await store.keep_made(conn, event)


async def failed(conn: Connection, event: SignatureFailed, _record: Record) -> None:
    """Let a draft thaw whose signature will not come."""
    await store.keep_failed(conn, event)


async def take_over(db: Database, blobs: BlobStore) -> bool:
    """Apply one released signature: hash its file first, then change the draft; False if none.

    A file that is not there, or not intact, is tried again at its own times, while others go on.
    At last its request fails (SIG-5002) and the draft thaws with the file that it had: what heals
    later changes nothing. Until then `lienthong_signatures_pending` shows it.
    """
    signature = await db.look(store.next_made)
    if signature is None or signature.signed_sha256 is None:
        return False
    path = blobs.path(signature.signed_sha256)
    read = await asyncio.to_thread(_blocks, path, signature.signed_sha256)
    if isinstance(read, str):
        if read == "altered":
            blobs.report(signature.signed_sha256)
        await db.as_worker(partial(put_off, signature=signature, trouble=read))
        return True
    reach("docs.sign.file_hashed")
    await db.as_worker(partial(apply, signature=signature, blocks=read))
    reach("docs.sign.applied")
    return True


async def apply(conn: Connection, *, signature: Signature, blocks: bytes) -> None:
    """Put a signed file, hashed before, into its draft, unless the request has ended."""
    await store.lock_document(conn, signature.document_id)
    done = await store.apply(conn, signature, blocks=blocks)
    await store.end(conn, signature.id, reason=None if done else CHANGED)


async def put_off(conn: Connection, *, signature: Signature, trouble: _Trouble) -> None:
    """Count a failed try, the last one for good; the lock keeps it apart from an `apply`."""
    await store.lock_document(conn, signature.document_id)
    if not await store.put_off(conn, signature, trouble=UNREAD, longest=_LONGEST_PAUSE):
        return
    tries, lost = signature.tries + 1, signature.tries + 1 >= _MOST_TRIES[trouble]
    said = {"sha256": signature.signed_sha256, "tries": tries, "given_up": lost}
    _log.error("signed file is " + trouble, signature=str(signature.id), **said)
    if lost:
        await store.end(conn, signature.id, reason=LOST)


def _blocks(path: Path, sha256: str) -> bytes | _Trouble:
    """Return the digest of each block of a file whose whole has this digest."""
    whole, blocks = hashlib.sha256(), bytearray()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                whole.update(block)
                blocks += hashlib.sha256(block).digest()
    except OSError:
        return "missing"
    return bytes(blocks) if whole.hexdigest() == sha256 else "altered"


HANDLERS = (On(SignatureMade, made), On(SignatureFailed, failed))
