"""`/v1/certificates`: what an agency may sign with; revoking and unlocking by the registrar."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.signing.api.answered import CertificatePage
from services.signing.api.once import check_once
from services.signing.api.pki import Digest
from services.signing.bench import Bench
from services.signing.certificate import State
from services.signing.keys import Authorities
from services.signing.revoke import revoke_lasting
from services.signing.signature import MOST_TRIES, Kind
from services.signing.store import certificates as store
from services.signing.store import key_uses
from services.signing.store.certificates import Listed
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["certificates"])

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
_log = structlog.get_logger()


class RevocationRequest(BaseModel):
    """Why a certificate is to be revoked (RFC 5280 5.3.1).

    `certificateHold` suspends it, `removeFromCRL` ends a suspension, all others are for good.
    """

    reason: Annotated[Reason, Field(examples=["keyCompromise"])]


class Revocation(BaseModel):
    """A certificate's state, and the number of the revocation list that says so."""

    sha256: str
    state: State
    reason: str
    list_number: int


@router.get(
    "/v1/certificates",
    **told(
        "List the certificates with which the own agencies sign",
        "Danh sách chứng thư số dùng để ký của cơ quan mình",
        answers={200: CertificatePage},
    ),
)
async def get_certificates(
    request: Request,
    caller: Annotated[Caller, Depends(Scoped("documents.sign"))],
    kind: Annotated[Kind | None, Query(description="Leaders' only, or seals' only.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{64}$", description="`next_cursor` of the page before."),
    ] = None,
) -> Response:
    """Return leaders' and seals' certificates, good and not, by digest.

    `remote` says whether signing keeps the key: only with such can `POST …/signatures` be asked.
    """
    db: Database = request.app.state.db
    bench: Bench = request.app.state.bench
    agencies = [one.id for one in caller.agencies]

    async def read(conn: Connection) -> list[Listed]:
        return await store.page(
            conn, agencies=agencies, kind=kind, after=cursor or "", limit=limit + 1
        )

    found = await db.as_caller(caller.visible, read)
    shown = found[:limit]
    following = shown[-1].sha256 if len(found) > limit else None
    headers: dict[str, str] = {}
    if following is not None:
        query = {**request.query_params, "cursor": following}
        headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
    body = {
        "items": [_as_json(one, remote=bench.keys.holds(one.sha256)) for one in shown],
        "next_cursor": following,
    }
    content = orjson.dumps(body, default=str)
    return Response(content, headers=headers, media_type="application/json")


def _as_json(one: Listed, *, remote: bool) -> dict[str, Any]:
    return {
        "sha256": one.sha256,
        "kind": one.kind,
        "agency": {"id": one.agency_id, "code": one.agency_code},
        "person": one.person,
        "not_before": one.not_before,
        "not_after": one.not_after,
        "state": one.state,
        "reason": one.reason,
        "remote": remote,
        "locked": one.failed_tries >= MOST_TRIES,
        "tries_left": MOST_TRIES - one.failed_tries,
    }


@router.post(
    "/v1/certificates/{sha256}/revocations",
    **told(
        "Revoke, suspend or restore a certificate",
        "Thu hồi, tạm dừng hoặc khôi phục chứng thư số",
        refuses=(404, 409, 422),
    ),
)
async def post_revocation(
    request: Request,
    sha256: Digest,
    body: RevocationRequest,
    _caller: Annotated[Caller, Depends(Scoped("registrar"))],
) -> Revocation:
    """Revoke, suspend or restore a certificate; public in the next list, which exists already."""
    db: Database = request.app.state.db
    authorities: Authorities = request.app.state.authorities
    check_once(await request.body())
    change = await revoke_lasting(db, authorities, sha256=sha256, reason=body.reason)
    return Revocation(
        sha256=change.sha256,
        state=change.state,
        reason=change.reason,
        list_number=change.list_number,
    )


@router.delete(
    "/v1/certificates/{sha256}/lock",
    status_code=204,
    **told(
        "Unlock a key whose PIN was wrong too often",
        "Mở khóa ký bị khóa do nhập sai mã PIN",
        refuses=(404,),
    ),
)
async def delete_lock(
    request: Request,
    sha256: Digest,
    caller: Annotated[Caller, Depends(Scoped("registrar"))],
) -> Response:
    """Begin the count of wrong PINs anew, once the holder has been asked in person."""
    db: Database = request.app.state.db

    async def step(conn: Connection) -> bool:
        if await store.lock(conn, sha256) is None:
            raise Problem("REQ-4041")
        return await key_uses.forget_tries(conn, sha256)

    if await db.as_worker(step):
        _log.warning("key unlocked", certificate=sha256, client=caller.client_id)
    return Response(status_code=204)
