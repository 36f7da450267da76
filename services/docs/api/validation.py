"""`/v1/documents/{id}/validation`: how each file was judged, with the evidence of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.docs.api.answered import Reason
from services.docs.api.answers import Lent, answer
from services.docs.api.matrix import reason
from services.docs.document import Attachment, Role
from services.docs.store.verdicts import Judgement
from services.docs.validation import FAILED, Report, evidence, rendered, report
from services.docs.wording import INDICATIONS, WITHDRAWN
from shared.blobs import BlobStore
from shared.db import Database
from shared.identity import Caller, Scoped
from shared.ids import AttachmentId, DocumentId
from shared.internal import Internal
from shared.openapi import told

router = APIRouter(tags=["documents"])

Form = Literal["full", "summary", "etsi", "html", "pdf", "bundle"]
MEDIA: dict[Form, str] = {
    "etsi": "application/json",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "bundle": "application/zip",
}
"""Forms that signing makes of one file's evidence."""
_FORM_WORDS = (
    "`full`: with the evidence; `summary`: without it; of one file: `etsi` (TS 119 102-2), `html`"
    " and `pdf` for people, `bundle`: a ZIP with which `lienthong verify` repeats the verdict."
)
_FORMS = {
    "responses": {
        "200": {
            "content": {
                kind.split(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                for kind in MEDIA.values()
                if not kind.startswith("application/json")
            }
        }
    }
}
_SHOWN = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A report is read, it does nothing: no script, no picture from elsewhere, no form."""
Party = Annotated[Caller, Depends(Scoped("documents.send", "documents.receive"))]


class EvidenceItem(BaseModel):
    """What a verdict rests on; shown only with the digest that was kept when it was judged."""

    sha256: str
    state: Literal["verified", "unavailable", "not_asked"] = Field(
        description="`unavailable`: signing does not show it now; `not_asked`: in a summary."
    )
    content: dict[str, Any] | None = Field(description="Of what is `verified`, else none.")


class ValidatedFile(BaseModel):
    """How a file was judged (ETSI EN 319 102-1)."""

    attachment_id: UUID
    name: str
    role: Role
    sha256: str
    indication: str | None = Field(
        description="None before it was examined; TOTAL-FAILED once the verdict was withdrawn."
    )
    text: str
    text_en: str
    reason: Reason | None
    judged_at: datetime | None
    evidence: EvidenceItem | None = Field(description="What was judged, also if it is withdrawn.")


class ValidationReport(BaseModel):
    """How a document's files were judged in its last dispatch, and all of them together."""

    document_id: UUID
    dispatch_id: UUID | None
    indication: str | None
    text: str
    text_en: str
    reason: Reason | None
    withdrawn: bool = Field(description="The verdict was withdrawn after it had been good.")
    files: list[ValidatedFile]


@router.get(
    "/v1/documents/{document_id}/validation",
    **told(
        "How a document's signatures were judged, with the evidence",
        "Kết luận kiểm tra chữ ký số của một văn bản, kèm bằng chứng",
        refuses=(406, 500, 503, 507),
        answers={200: ValidationReport},
        extra=_FORMS,
    ),
)
async def get_validation(
    request: Request,
    document_id: UUID,
    caller: Party,
    form: Annotated[Form, Query(description=_FORM_WORDS)] = "full",
    attachment_id: Annotated[
        UUID | None,
        Query(description="Whose report, for the last four forms; else the main file's."),
    ] = None,
) -> Response:
    """Return the verdict on each file (ETSI EN 319 102-1) to the sender and to recipients.

    The evidence is shown only if it has the digest that was kept when it was judged; while signing
    does not answer it is marked as unavailable, and the verdicts stand without it, as they do in a
    summary, for which it is not asked.
    """
    db: Database = request.app.state.db
    internal: Internal = request.app.state.internal
    found = await db.as_caller(
        caller.visible,
        lambda conn: report(conn, DocumentId(document_id), readers=caller.visible),
    )
    if form in MEDIA:
        wanted = None if attachment_id is None else AttachmentId(attachment_id)
        blobs: BlobStore = request.app.state.blobs
        file = await rendered(internal, blobs, found, form, attachment_id=wanted)
        return Lent(file, media_type=MEDIA[form], headers=_SHOWN)
    shown = await evidence(internal, found) if form == "full" else None
    return answer(_as_json(document_id, found, shown))


def _as_json(document_id: UUID, found: Report, shown: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the answer; `shown` is the evidence by its digest, None if nobody was asked for it."""
    return {
        "document_id": document_id,
        "dispatch_id": found.dispatch_id,
        "indication": found.indication,
        **_text(found.indication),
        "reason": reason(found.reason),
        "withdrawn": found.withdrawn is not None,
        "files": [
            _file(attachment, one, found.withdrawn, shown) for attachment, one in found.files
        ],
    }


def _file(
    attachment: Attachment,
    one: Judgement | None,
    withdrawn: str | None,
    shown: Mapping[str, Any] | None,
) -> dict[str, Any]:
    announced = attachment.announced
    described: dict[str, Any] = {
        "attachment_id": attachment.id,
        "name": announced.name,
        "role": announced.role,
        "sha256": announced.sha256,
        **_standing(one, withdrawn),
        "judged_at": None if one is None else one.judged_at,
        "evidence": None,
    }
    if one is not None:
        described["evidence"] = _evidence(one.evidence_sha256, shown)
    return described


def _evidence(sha256: str, shown: Mapping[str, Any] | None) -> dict[str, Any]:
    if shown is None:
        return {"sha256": sha256, "state": "not_asked", "content": None}
    content = shown.get(sha256)
    state = "unavailable" if content is None else "verified"
    return {"sha256": sha256, "state": state, "content": content}


def _standing(one: Judgement | None, withdrawn: str | None) -> dict[str, Any]:
    """Return what one file's verdict is worth now: a withdrawal is of the dispatch, for good."""
    if one is None:
        return {"indication": None, **_text(None), "reason": None}
    if withdrawn is None or one.indication == FAILED:
        return {
            "indication": one.indication,
            **_text(one.indication),
            "reason": reason(one.reason),
        }
    vi, en = WITHDRAWN
    return {"indication": FAILED, "text": vi, "text_en": en, "reason": reason(withdrawn)}


def _text(indication: str | None) -> dict[str, str]:
    vi, en = INDICATIONS.get(indication or "", ("Chưa kiểm tra", "Not examined yet"))
    return {"text": vi, "text_en": en}
