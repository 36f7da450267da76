"""The HTTP face of signing: certificates of the CAs and their lists, revocations, verdicts."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.signing.certificate import State
from services.signing.keys import Authorities
from services.signing.revoke import revoke
from services.signing.store import examinations, lists
from shared import operating
from shared.db import Database
from shared.errors import Problem
from shared.http import create_app
from shared.identity import Caller, Scoped

router = APIRouter()

Authority = Literal["root", "issuing"]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Reason = Literal[
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
    "certificateHold",
    "removeFromCRL",
]


class RevocationRequest(BaseModel):
    """Why a certificate is to be revoked (RFC 5280 5.3.1).

    `certificateHold` suspends it, `removeFromCRL` ends a suspension, all others are for good.
    """

    reason: Reason


class Revocation(BaseModel):
    """A certificate's state, and the number of the revocation list that says so."""

    sha256: str
    state: State
    reason: str
    list_number: int


def create() -> FastAPI:
    """Return the application. At run time `app.state` holds `db`, `guard` and `authorities`."""
    return create_app(title="Liên thông: signing", routers=[router, operating.router("signing")])


@router.get("/pki/{ca}/ca.crt", tags=["pki"], response_class=Response)
async def get_certificate(request: Request, ca: Authority) -> Response:
    """Return an authority's certificate (DER), as certificates' AIA extension says."""
    authorities: Authorities = request.app.state.authorities
    return Response(authorities.der(ca), media_type="application/pkix-cert")


@router.get("/pki/{ca}/crl", tags=["pki"], response_class=Response)
async def get_revocation_list(request: Request, ca: Authority) -> Response:
    """Return an authority's newest revocation list (DER)."""
    db: Database = request.app.state.db
    newest = {known.authority: known for known in await db.as_worker(lists.latest)}
    if ca not in newest:
        raise Problem("REQ-4041")
    headers = {"Cache-Control": "max-age=30", "ETag": f'"{ca}-{newest[ca].number}"'}
    return Response(newest[ca].der, media_type="application/pkix-crl", headers=headers)


@router.post("/v1/certificates/{sha256}/revocations", tags=["certificates"])
async def post_revocation(
    request: Request,
    sha256: Digest,
    body: RevocationRequest,
    _caller: Annotated[Caller, Depends(Scoped("registrar"))],
) -> Revocation:
    """Revoke, suspend or restore a certificate; public in the next list, which exists already."""
    db: Database = request.app.state.db
    authorities: Authorities = request.app.state.authorities
    change = await db.as_worker(
        lambda conn: revoke(conn, authorities, sha256=sha256, reason=body.reason)
    )
    return Revocation(
        sha256=change.sha256,
        state=change.state,
        reason=change.reason,
        list_number=change.list_number,
    )


@router.get("/internal/verdicts/{sha256}", tags=["internal"], response_class=Response)
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
