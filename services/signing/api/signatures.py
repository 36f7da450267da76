"""`/v1/signatures/{id}`: where a request stands, its activation by PIN, its cancellation."""

import time
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, SecretStr
from starlette.responses import Response

from services.signing import ask, sign
from services.signing.api.answered import RequestedSignature
from services.signing.bench import Bench
from services.signing.signature import Signature
from services.signing.store import signatures as store
from shared.db import Database
from shared.errors import Fault, Problem, problem_types
from shared.identity import Caller, Scoped
from shared.ids import SignatureId
from shared.openapi import told

router = APIRouter(tags=["signatures"])

Signer = Annotated[Caller, Depends(Scoped("documents.sign"))]
_PLACE = "/v1/signatures/{signature_id}"
_YOUNG_SECONDS = 60.0


class Activation(BaseModel):
    """What opens the key. It goes to signing only and is kept nowhere."""

    pin: Annotated[
        SecretStr,
        Field(min_length=4, max_length=64, description="The key's PIN.", examples=["development"]),
    ]


def as_json(one: Signature) -> dict[str, Any]:
    """Return a request for a signature in the shape of the API."""
    signed = None
    if one.signed_sha256 is not None:
        signed = {"sha256": one.signed_sha256, "size": one.signed_size, "at": one.signed_at}
    reason = None
    if one.reason is not None:
        row = problem_types()[one.reason]
        reason = {"code": row.code, "title": row.title, "title_en": row.title_en}
    return {
        "id": one.id,
        "document_id": one.document_id,
        "attachment_id": one.attachment_id,
        "kind": one.kind,
        "certificate": one.certificate,
        "state": one.state,
        "reason": reason,
        "source": {"sha256": one.source_sha256, "size": one.source_size},
        "signed": signed,
        "requested_at": one.requested_at,
        "expires_at": one.expires_at,
        "ended_at": one.ended_at,
    }


def _answer(one: Signature) -> Response:
    return Response(orjson.dumps(as_json(one), default=str), media_type="application/json")


def _missing(signature_id: UUID) -> Problem:
    """Return one answer for an unknown request and a foreign one; a young one may be on its way.

    The id says when it was made (RFC 9562 5.7), whoever made it.
    """
    age = time.time() - (signature_id.int >> 80) / 1000
    soon = 1 if signature_id.version == 7 and abs(age) < _YOUNG_SECONDS else None  # noqa: PLR2004
    return Problem("SIG-4041", retry_after=soon)


@router.get(
    _PLACE,
    **told(
        "Get a request for a signature",
        "Xem một yêu cầu ký số",
        refuses=(404,),
        answers={200: RequestedSignature},
    ),
)
async def get_signature(request: Request, signature_id: UUID, caller: Signer) -> Response:
    """Return where a request of the own agency stands.

    `requested` waits for its PIN; `intended` was begun, and wants its PIN once more; `made` and
    `failed` are final.
    """
    db: Database = request.app.state.db
    found = await db.as_caller(
        caller.visible,
        lambda conn: store.find(conn, SignatureId(signature_id), agencies=caller.visible),
    )
    if found is None:
        raise _missing(signature_id)
    return _answer(found)


def refuse_query(request: Request, _caller: Signer) -> None:
    """Raise Problem REQ-4003 for any query: a PIN there would stand in logs of proxies.

    Who calls is asked first: nobody without a token learns what a route takes.
    """
    if request.url.query:
        vi = "Không nhận tham số trên địa chỉ: mã PIN chỉ gửi trong nội dung JSON. Nên đổi mã PIN."
        en = "Takes no query: a PIN goes into the JSON body only. Change one that you sent here."
        raise Problem("REQ-4003", faults=[Fault("", vi, en, "query")])


@router.post(
    _PLACE + "/activation",
    dependencies=[Depends(refuse_query)],
    **told(
        "Open the key with its PIN and make the signature",
        "Nhập mã PIN để mở khóa ký và ký",
        refuses=(404, 409, 410, 413, 415, 422),
        answers={200: RequestedSignature},
    ),
)
async def post_activation(
    request: Request, signature_id: UUID, body: Activation, caller: Signer
) -> Response:
    """Make the signature and answer with it; repeated with the right PIN, with the same one.

    Five wrong PINs in a row lock the key, whatever request they come with. Needs no
    `Idempotency-Key`: a request has one signature, and no PIN is ever stored. Agencies are
    served in turn; a file that takes too long fails as SIG-4131. Takes no query.
    """
    bench: Bench = request.app.state.bench
    agency = caller.agency()
    try:
        made = await sign.activate(
            bench,
            SignatureId(signature_id),
            pin=body.pin.get_secret_value(),
            agency=agency.id,
            client_id=caller.client_id,
        )
    except Problem as problem:
        if problem.code == "SIG-4041":
            raise _missing(signature_id) from None
        raise
    return _answer(made)


@router.delete(
    _PLACE,
    status_code=204,
    **told(
        "Cancel a request: its draft can be changed again",
        "Hủy yêu cầu ký số: văn bản được mở khóa",
        refuses=(404, 409),
    ),
)
async def delete_signature(
    request: Request,
    signature_id: UUID,
    caller: Annotated[Caller, Depends(Scoped("documents.sign", "documents.send"))],
) -> Response:
    """Cancel a request that was not fulfilled; repeating it is no error."""
    db: Database = request.app.state.db
    agency = caller.agency()
    try:
        await db.as_worker(
            lambda conn: ask.cancel(conn, SignatureId(signature_id), agency=agency.id)
        )
    except Problem as problem:
        if problem.code == "SIG-4041":
            raise _missing(signature_id) from None
        raise
    return Response(status_code=204)
