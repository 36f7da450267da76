"""`POST /v1/validations`: what the signatures of any file are worth at this moment."""

import base64
import binascii
from dataclasses import asdict
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from services.signing import shown
from services.signing.api.answered import Reason
from services.signing.api.once import check_once
from services.signing.bench import Bench
from services.signing.certificate import Registered
from services.signing.shown import Shown
from shared.errors import Fault, Problem, problem_types
from shared.faults import from_model
from shared.identity import Caller, Scoped
from shared.intake import is_json, lift, strict_json
from shared.openapi import told
from shared.sizes import SIGNATURE_BYTES, VALIDATED_BYTES, VALIDATED_JSON_BYTES

router = APIRouter(tags=["validations"])

Anybody = Annotated[
    Caller, Depends(Scoped("documents.send", "documents.receive", "documents.sign"))
]
_PDF, _JSON = "application/pdf", "application/json"
_TOO_LARGE = "SIG-4132"
_COMMAS = 100
"""In a body with a detached signature, which takes one: base64 has none."""


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except binascii.Error:
        raise PydanticCustomError("base64", "it is not base64 (RFC 4648 4)") from None


_Base64 = Annotated[bytes, BeforeValidator(_decoded, json_schema_input_type=str)]


class DetachedSignature(BaseModel):
    """A file of any kind with the signature that stands beside it (CAdES, DER)."""

    content: Annotated[_Base64, Field(description="The file, base64.")]
    signature: Annotated[_Base64, Field(description="The CMS (to 64 KiB), base64.")]


class Signer(BaseModel):
    """Whose a signer's certificate is by the register, which decides; not by names in it."""

    kind: str
    agency_id: str | None
    state: str


class JudgedSignature(BaseModel):
    """One signature (ETSI EN 319 102-1)."""

    field: str
    certificate: str
    chain: list[str]
    algorithm: str
    digest: str
    key: str
    claimed_at: str | None = Field(description="By the signer's own word: it decides nothing.")
    stamps: list[dict[str, Any]]
    coverage: str
    changed_after: str
    trusted_for: list[str]
    fits: list[str]
    indication: str
    sub_indication: str | None
    rule: str | None
    problem: str | None
    detail: str
    checked: list[dict[str, Any]]
    registered: Signer | None


class Validation(BaseModel):
    """What a file's signatures are worth: nothing of it is kept."""

    sha256: str
    indication: Literal["TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"]
    sub_indication: str | None
    rule: str | None = Field(description="The rule of the policy that is not met.")
    reason: Reason | None
    detail: str
    checked_at: str | None
    policy: str | None
    policy_sha256: str | None
    signatures: list[JudgedSignature]


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _PDF: {"schema": {"type": "string", "format": "binary"}},
            _JSON: {"schema": DetachedSignature.model_json_schema()},
        },
    }
}


@router.post(
    "/v1/validations",
    **told(
        "Validate the signatures of any file",
        "Kiểm tra chữ ký số của một tệp bất kỳ",
        refuses=(408, 413, 415, 422),
        answers={200: Validation},
        extra=_BODY,
    ),
)
async def post_validation(request: Request, caller: Anybody) -> Response:
    """Judge a PDF, or a file of any kind with a detached signature, at this moment.

    A PDF may have 64 MiB; the JSON with another file and its signature 12 MiB, which is a file of
    8 MiB.

    The answer is 200 whatever the signatures are worth, within 30 s: a file that takes longer, or
    more than one may use, is INDETERMINATE with `SIG-4131`, and `detail` says whether to try again;
    429 says that its turn has not come. The file is not kept. Whether the signers
    may sign for the sender, and in which order, is judged when a document is dispatched.
    """
    bench: Bench = request.app.state.bench
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    agency = caller.agency().id
    if kind == _PDF:
        lift(request, VALIDATED_BYTES, beyond=_TOO_LARGE)
        found = await shown.judge(bench, agency, request.stream())
    elif is_json(kind):
        lift(request, VALIDATED_JSON_BYTES, beyond=_TOO_LARGE)
        found = await shown.judge(bench, agency, request.stream(), parts=_parts)
    else:
        vi, en = f"Nhận {_PDF} hoặc {_JSON}.", f"{_PDF} or {_JSON} is accepted."
        raise Problem("REQ-4151", vi=vi, en=en)
    content = orjson.dumps(_as_json(found), default=str)
    return Response(content, media_type=_JSON)


def _parts(body: bytes) -> tuple[bytes, bytes]:
    """Return a file and its signature. Raises Problem REQ-4001, REQ-4221."""
    # Millions of empty lists would take more than twenty times their bytes in memory.
    if body.count(b",") > _COMMAS:
        vi, en = "Chỉ gồm content và signature.", "It consists of content and signature."
        raise Problem("REQ-4221", faults=[Fault("", vi, en)])
    value = strict_json(body)
    check_once(body)
    try:
        given = DetachedSignature.model_validate(value)
    except ValidationError as error:
        raise from_model(error, value) from None
    if len(given.signature) > SIGNATURE_BYTES:  # as docs takes none in that is longer
        vi, en = f"Tối đa {SIGNATURE_BYTES} byte.", f"At most {SIGNATURE_BYTES} bytes."
        raise Problem("REQ-4221", faults=[Fault("/signature", vi, en)])
    return given.content, given.signature


def _as_json(found: Shown) -> dict[str, Any]:
    verdict, finding = found.verdict, found.finding
    reason = None
    if verdict.reason is not None:
        row = problem_types()[verdict.reason]
        reason = {"code": row.code, "title": row.title, "title_en": row.title_en}
    signatures = finding.signatures if finding else ()
    return {
        "sha256": found.sha256,
        "indication": verdict.validation,
        "sub_indication": verdict.sub_indication,
        "rule": verdict.rule,
        "reason": reason,
        "detail": verdict.detail,
        "checked_at": finding.checked_at if finding else None,
        "policy": finding.policy if finding else None,
        "policy_sha256": finding.policy_sha256 if finding else None,
        "signatures": [
            {**asdict(one), "registered": _signer(found.registered.get(one.certificate))}
            for one in signatures
        ],
    }


def _signer(row: Registered | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"kind": row.kind, "agency_id": row.agency_id, "state": row.state}
