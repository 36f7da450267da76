"""Certificates of the CAs and their lists for everybody; stored verdicts for docs."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from services.signing.keys import Authorities
from services.signing.store import examinations, lists
from shared.db import Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter()

Authority = Annotated[
    Literal["root", "issuing"], Path(description="`root`, or `issuing`: the CA below it.")
]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hex.")]


def _answers(what: str, media_type: str) -> dict[str, Any]:
    """Return `extra` of a route whose answer is bytes."""
    return {"responses": {"200": {"description": what, "content": {media_type: {}}}}}


@router.get(
    "/pki/{ca}/ca.crt",
    tags=["pki"],
    response_class=Response,
    **told(
        "Get a CA's certificate (DER)",
        "Lấy chứng thư số của CA (DER)",
        extra=_answers("The certificate", "application/pkix-cert"),
    ),
)
async def get_certificate(request: Request, ca: Authority) -> Response:
    """Return an authority's certificate (DER), as certificates' AIA extension says."""
    authorities: Authorities = request.app.state.authorities
    return Response(authorities.der(ca), media_type="application/pkix-cert")


@router.get(
    "/pki/{ca}/crl",
    tags=["pki"],
    response_class=Response,
    **told(
        "Get a CA's newest revocation list (DER)",
        "Lấy danh sách thu hồi mới nhất của CA (DER)",
        refuses=(404,),
        extra=_answers("The list", "application/pkix-crl"),
    ),
)
async def get_revocation_list(request: Request, ca: Authority) -> Response:
    """Return an authority's newest revocation list (DER)."""
    db: Database = request.app.state.db
    newest = await db.as_worker(lambda conn: lists.newest(conn, ca))
    if newest is None:
        raise Problem("REQ-4041")
    headers = {"Cache-Control": "max-age=30", "ETag": f'"{ca}-{newest.number}"'}
    return Response(newest.der, media_type="application/pkix-crl", headers=headers)


@router.get(
    "/internal/verdicts/{sha256}",
    tags=["internal"],
    response_class=Response,
    **told(
        "Get a stored verdict with its evidence",
        "Lấy kết luận kiểm tra đã lưu cùng chứng cứ",
        refuses=(404,),
    ),
)
async def get_verdict(
    request: Request,
    sha256: Digest,
    _caller: Annotated[Caller, Depends(Scoped("internal"))],
) -> Response:
    """Return a stored verdict with its evidence: the bytes that have this SHA-256."""
    db: Database = request.app.state.db
    content = await db.as_worker(lambda conn: examinations.evidence(conn, sha256))
    if content is None:
        raise Problem("REQ-4041")
    return Response(content, media_type="application/json")
