"""A stored verdict in other forms: for software, for people, and for whoever repeats it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.signing import withdrawal
from services.signing.api.pki import Digest
from services.signing.bundle import TooLarge, pack
from services.signing.evidence import Incomplete, OtherForm, material, named, opened
from services.signing.report import etsi, page, printed
from services.signing.store import examinations, materials, withdrawals
from services.signing.validation.material import digest
from services.signing.validation.policy import NEWEST, Policy, load
from services.signing.withdrawal import Withdrawal
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["internal"])
_log = structlog.get_logger()

Form = Literal["etsi", "html", "pdf", "bundle"]
_RENDERED = {
    "html": (page.render, "text/html; charset=utf-8"),
    "pdf": (printed.render, "application/pdf"),
}


@dataclass(frozen=True, slots=True)
class _Stored:
    """A verdict as it is stored, and what became of it."""

    evidence: bytes
    kept: Mapping[str, bytes]
    """The pieces that its form needs."""
    withdrawn: Withdrawal | None


@router.get(
    "/internal/verdicts/{sha256}/{form}",
    response_class=Response,
    **told(
        "Get a stored verdict as a report or with all it rests on",
        "Lấy báo cáo kiểm tra hoặc toàn bộ chứng cứ của một kết luận",
        refuses=(404, 406, 500),
    ),
)
async def get_report(
    request: Request,
    sha256: Digest,
    form: Form,
    _caller: Annotated[Caller, Depends(Scoped("internal"))],
    withdrawn: Annotated[str | None, Query(pattern="^[A-Z]{3}-[0-9]{4}$")] = None,
) -> Response:
    """Return the report on the verdict whose evidence has this SHA-256.

    `withdrawn`: why it no longer holds, as docs knows, which may know of more than signing.
    What is not offered is a 406: a bundle that would be too large (the other forms are), and any
    report on evidence of an older or newer form (SIG-4061): its bytes are shown as they are.
    """
    db: Database = request.app.state.db
    try:
        stored = await db.as_worker(lambda conn: _stored(conn, sha256, form, withdrawn))
        content, media_type = await asyncio.to_thread(_made, form, stored)
    except TooLarge as error:
        raise Problem("REQ-4061", en=f"The bundle cannot be made: {error}.") from None
    except OtherForm as error:
        _log.warning("evidence of another form", evidence=sha256, cause=str(error))
        raise Problem("SIG-4061", en=f"It cannot be reported on: {error}.") from None
    except Incomplete as error:
        _log.error("evidence is not what was kept", evidence=sha256, cause=str(error))
        raise Problem("SIG-5001", en=f"The evidence cannot be used: {error}.") from None
    return Response(content, media_type=media_type)


async def _stored(conn: Connection, sha256: str, form: Form, withdrawn: str | None) -> _Stored:
    """Return a verdict's evidence, the pieces that a form of it needs, and its withdrawal.

    Raises Problem REQ-4041, Incomplete, OtherForm.
    """
    evidence = await examinations.evidence(conn, sha256)
    if evidence is None:
        raise Problem("REQ-4041")
    if digest(evidence) != sha256:
        raise Incomplete(f"the evidence has the digest {digest(evidence)}")
    said = opened(evidence)
    gone = await _withdrawal(conn, UUID(said["subject"]["dispatch_id"]), withdrawn)
    if said.get("material") is None:
        return _Stored(evidence, {}, gone)
    names = named(said)
    wanted = names.digests() if form == "bundle" else {names.policy}  # lists are of megabytes
    return _Stored(evidence, await materials.find(conn, wanted), gone)


async def _withdrawal(conn: Connection, dispatch_id: UUID, told: str | None) -> Withdrawal | None:
    known = await withdrawals.of(conn, dispatch_id)
    if known is None and told is not None:
        return Withdrawal(dispatch_id, told, None, None)
    return known


def _made(form: Form, stored: _Stored) -> tuple[bytes, str]:
    evidence, kept, gone = stored.evidence, stored.kept, stored.withdrawn
    said: dict[str, Any] = orjson.loads(evidence)
    if form == "bundle":
        if said["material"] is not None:
            material(named(said), kept)  # each piece is there, and is what it was
        member = withdrawal.written(gone, evidence_sha256=digest(evidence)) if gone else None
        return pack(evidence, kept, member), "application/zip"
    policy, withdrawn = _policy(said, kept), gone.reason if gone else None
    if form == "etsi":
        report = etsi.report(said, policy, withdrawn=withdrawn)
        return orjson.dumps(report), "application/json"
    render, kind = _RENDERED[form]
    return render(said, policy, sha256=digest(evidence), withdrawn=withdrawn), kind


def _policy(said: Mapping[str, Any], kept: Mapping[str, bytes]) -> Policy:
    """Return the policy that was applied; today's, where no file was judged."""
    if said["material"] is None:
        return load(NEWEST.read_bytes())
    sha256 = said["material"]["policy"]
    if sha256 not in kept:
        raise Incomplete(f"{sha256} is missing")
    if digest(kept[sha256]) != sha256:
        raise Incomplete(f"{sha256} is not what was kept")
    return load(kept[sha256])
