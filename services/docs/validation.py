"""How a document's files were judged: what docs keeps, and the evidence that signing keeps."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson
import structlog
from prometheus_client import Counter

from services.docs.document import Attachment, Document
from services.docs.progress import decisive
from services.docs.store import deliveries, dispatches, documents, verdicts
from services.docs.store.verdicts import Judgement
from shared.blobs import BlobStore
from shared.db import Connection
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId, AttachmentId, DispatchId, DocumentId
from shared.internal import Internal, Refused

PASSED, FAILED, UNKNOWN = "TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"
EVIDENCE_BYTES = 4 << 20
"""Of the evidence of one file."""
BUNDLE_BYTES = 257 << 20
"""Of one report: with all that a verdict rests on, of which signing packs 256 MiB at most."""
PATIENCE_SECONDS = 10.0
"""For all evidence of one document together; what has not come by then is unavailable."""

_MISMATCH = "SIG-5001"
_TOO_LARGE = "REQ-4061"
"""Signing's word for a bundle that it does not make: its evidence is as it was judged."""
_OTHER_FORM = "SIG-4061"
"""Signing's word for evidence that was written by other software and is not read by this one."""
_log = structlog.get_logger()
_mismatches = Counter(
    "lienthong_evidence_mismatches_total", "Evidence of verdicts that is not what was judged."
)


@dataclass(frozen=True, slots=True)
class Report:
    """How the files of a document were judged in its last dispatch."""

    dispatch_id: DispatchId | None
    files: tuple[tuple[Attachment, Judgement | None], ...]
    withdrawn: str | None
    """Why the verdict was withdrawn."""

    @property
    def indication(self) -> str | None:
        """Return what is judged of all files together; None before the first judgement."""
        found = [None if one is None else one.indication for _, one in self.files]
        if self.withdrawn is not None or FAILED in found:
            return FAILED
        if not any(found):
            return None
        return PASSED if all(one == PASSED for one in found) else UNKNOWN

    @property
    def reason(self) -> str | None:
        """Return why the whole is not valid, a code of the problem table."""
        if self.withdrawn is not None:
            return self.withdrawn
        judged = [one for _, one in self.files if one is not None]
        named = [one.reason for one in judged if one.indication == self.indication and one.reason]
        return next(iter(named), None)


async def report(
    conn: Connection, document_id: DocumentId, *, readers: Sequence[AgencyId]
) -> Report:
    """Return what docs keeps of a document's verdicts, for its sender or a recipient.

    Raises Problem REQ-4041 for anybody else.
    """
    document = await documents.find(conn, document_id, readers=readers)
    if document is None:
        raise Problem("REQ-4041")
    dispatch_id = await _dispatch(conn, document, readers=readers)
    if dispatch_id is None:
        return Report(None, tuple((one, None) for one in document.attachments), None)
    judged = {one.sha256: one for one in decisive(await verdicts.of(conn, dispatch_id))}
    return Report(
        dispatch_id=dispatch_id,
        files=tuple((one, judged.get(one.announced.sha256)) for one in document.attachments),
        withdrawn=await verdicts.withdrawal(conn, dispatch_id),
    )


async def _dispatch(
    conn: Connection, document: Document, *, readers: Sequence[AgencyId]
) -> DispatchId | None:
    if document.sender_id in readers:
        return await dispatches.latest(conn, document.id, senders=readers)
    return await deliveries.latest(conn, document.id, recipients=readers)


async def evidence(internal: Internal, found: Report) -> Mapping[str, Any]:
    """Return the evidence of each judgement by its digest; those that signing cannot show are out.

    Raises Problem SIG-5001, with an alarm, when signing shows something else than what was judged.
    """
    wanted = {one.evidence_sha256 for _, one in found.files if one is not None}
    shown: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for sha256 in sorted(wanted):
                content = await internal.fetch(
                    "signing", f"/internal/verdicts/{sha256}", most=EVIDENCE_BYTES
                )
                shown[sha256] = _checked(content, sha256)
    except (Unavailable, TimeoutError) as error:
        _log.info("evidence unavailable", cause=str(error))
    return shown


async def rendered(
    internal: Internal,
    blobs: BlobStore,
    found: Report,
    form: str,
    *,
    attachment_id: AttachmentId | None,
) -> BinaryIO:
    """Return the report on one file in a form that signing makes of the evidence, to be closed.

    It lies on disk, without a name: however many are asked for, and however slowly they are read,
    memory holds a block of each, and signing has sent it already.

    Raises Problem REQ-4041 for a file that is not there or not judged yet; REQ-4061 for a bundle
    that would be too large, SIG-4061 for evidence of another form; SIG-5001, with an alarm, when
    signing finds that its evidence is not what was judged; SYS-5071 when the disk is full;
    Unavailable.
    """
    judged = _judged(found, attachment_id)
    path = f"/internal/verdicts/{judged.evidence_sha256}/{form}"
    if found.withdrawn is not None:
        path = f"{path}?withdrawn={found.withdrawn}"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _lent(internal, blobs, path)
    except TimeoutError as error:
        raise Unavailable("signing") from error
    except Refused as why:
        if why.answered == _TOO_LARGE:
            vi = "Bằng chứng lớn hơn mức một gói được chứa: hãy lấy dạng khác (form)."
            en = "There is more evidence than a bundle may hold: ask for another form."
            raise Problem(_TOO_LARGE, vi=vi, en=en) from None
        if why.answered == _OTHER_FORM:
            raise Problem(_OTHER_FORM) from None
        if why.answered != _MISMATCH:
            raise
        raise _alarm(kept=judged.evidence_sha256) from None


def _judged(found: Report, attachment_id: AttachmentId | None) -> Judgement:
    """Return what was judged of one file, of the main one where none is named."""
    judged = next(
        (
            one
            for attachment, one in found.files
            if attachment_id in (None, attachment.id)
            and (attachment_id is not None or attachment.announced.role == "MAIN")
        ),
        None,
    )
    if judged is None:
        vi, en = "Chưa có kết luận cho tệp này.", "There is no verdict on this file yet."
        raise Problem("REQ-4041", vi=vi, en=en)
    return judged


async def _lent(internal: Internal, blobs: BlobStore, path: str) -> BinaryIO:
    async with aclosing(internal.chunks("signing", path, most=BUNDLE_BYTES)) as chunks:
        _, file = await blobs.lent(chunks, limit=BUNDLE_BYTES)
        return file


def _checked(content: bytes, sha256: str) -> Any:  # noqa: ANN401 (any JSON)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise _alarm(kept=sha256, found=found)
    return orjson.loads(content)


def _alarm(*, kept: str, found: str | None = None) -> Problem:
    """Raise the alarm; return the problem to be raised. Without `found`, signing's log says why."""
    _mismatches.inc()
    _log.error("evidence is not what was judged", kept=kept, found=found)
    return Problem(_MISMATCH, kept=kept, found=found)
