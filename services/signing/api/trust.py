"""`/v1/trust-list`: whom the exchange trusts; one client proposes a change, another one decides."""

import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, cast
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.signing import entrust, export
from services.signing.api.once import check_once
from services.signing.api.trusted import (
    NewTrustChange,
    TrustChange,
    TrustChangePage,
    TrustImport,
    TrustImported,
    TrustListShown,
    change_shown,
    left_shown,
    list_shown,
)
from services.signing.bench import Bench, Unfit
from services.signing.compare import differences
from services.signing.entrust import Wanted
from services.signing.keys import Authorities
from services.signing.pipe import CertificateFacts, Reading
from services.signing.store import fetches
from services.signing.store import trust as store
from services.signing.store.trust import Proposal, State, TrustList
from services.signing.trustlist import AddAuthority, AnyChange
from shared.db import Connection, Database, clock
from shared.errors import Problem
from shared.idempotency import digest_of, once
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["trust list"])

Trustee = Annotated[Caller, Depends(Scoped("registrar", "operator"))]
_JSON = "application/json"
_CHANGES = "/v1/trust-list/changes"
_UNREADABLE = "Không đọc được chứng thư số; nguyên nhân kỹ thuật bằng tiếng Anh ở `detail_en`."


@router.get(
    "/v1/trust-list",
    **told(
        "Get the trust list in force",
        "Xem danh sách tin cậy hiện hành",
        answers={200: TrustListShown},
    ),
)
async def get_trust_list(request: Request, _caller: Trustee) -> Response:
    """Return the authorities that are trusted, how fresh their revocation data is, and who ended.

    The digest is of what the list says: two exchanges with the same list have the same one.
    """
    db: Database = request.app.state.db

    async def read(conn: Connection) -> TrustListShown:
        return list_shown(await store.current(conn), await fetches.freshness(conn))

    return _answer(await db.as_worker(read))


@router.get(
    _CHANGES,
    **told(
        "List the changes of the trust list, the newest first",
        "Danh sách các thay đổi của danh sách tin cậy, mới nhất trước",
        answers={200: TrustChangePage},
    ),
)
async def get_trust_changes(
    request: Request,
    _caller: Trustee,
    state: Annotated[State | None, Query(description="`proposed`: what waits.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return who proposed what and why, who decided, and to which version it led."""
    db: Database = request.app.state.db
    found = await db.as_worker(
        lambda conn: store.page(conn, state=state, before=cursor, limit=limit + 1)
    )
    following = str(found[limit - 1].id) if len(found) > limit else None
    headers: dict[str, str] = {}
    if following is not None:
        query = urlencode({**request.query_params, "cursor": following})
        headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    page = TrustChangePage(
        items=[change_shown(one) for one in found[:limit]], next_cursor=following
    )
    return _answer(page, headers=headers)


@router.post(
    _CHANGES,
    status_code=201,
    **told(
        "Propose a change of the trust list",
        "Đề nghị thay đổi danh sách tin cậy",
        refuses=(422,),
        answers={201: TrustChange},
    ),
)
async def post_trust_change(request: Request, body: NewTrustChange, caller: Trustee) -> Response:
    """Propose to add, change or end an authority; it takes effect when another client approves.

    The answer shows what was read in the certificate: compare `sha256` with what the authority
    itself has told you, not with where the certificate came from.
    """
    check_once(await request.body())
    facts = await _facts(request.app.state.bench, body.change)
    wanted = Wanted(body.change, body.reason, facts, caller.client_id)

    async def work(conn: Connection) -> Response:
        return _made(await entrust.propose(conn, wanted))

    db: Database = request.app.state.db
    return await db.as_worker(once(request, caller, digest=digest_of(body), work=work))


@router.get(
    f"{_CHANGES}/{{change_id}}",
    **told(
        "Get a change of the trust list",
        "Xem một thay đổi của danh sách tin cậy",
        answers={200: TrustChange},
    ),
)
async def get_trust_change(request: Request, change_id: UUID, _caller: Trustee) -> Response:
    """Return a change with what became of it."""
    db: Database = request.app.state.db
    found = await db.as_worker(lambda conn: store.find(conn, change_id))
    if found is None:
        raise Problem("REQ-4041")
    return _answer(change_shown(found))


@router.post(
    f"{_CHANGES}/{{change_id}}/approval",
    **told(
        "Approve a change of the trust list that another client proposed",
        "Phê duyệt thay đổi danh sách tin cậy do hệ thống khác đề nghị",
        refuses=(403, 409),
        answers={200: TrustChange},
    ),
)
async def post_trust_approval(request: Request, change_id: UUID, caller: Trustee) -> Response:
    """Put a change into force; approving it again changes nothing.

    Ending the trust in an authority withdraws every verdict that rests on it.
    """
    own: Authorities = request.app.state.authorities
    return await _decided(
        request, lambda conn: entrust.approve(conn, own, change_id, by=_by(caller))
    )


@router.post(
    f"{_CHANGES}/{{change_id}}/refusal",
    **told(
        "Refuse a change of the trust list that another client proposed",
        "Từ chối thay đổi danh sách tin cậy do hệ thống khác đề nghị",
        refuses=(403, 409),
        answers={200: TrustChange},
    ),
)
async def post_trust_refusal(request: Request, change_id: UUID, caller: Trustee) -> Response:
    """Refuse a change for good; refusing it again changes nothing."""
    return await _decided(request, lambda conn: entrust.refuse(conn, change_id, by=_by(caller)))


@router.delete(
    f"{_CHANGES}/{{change_id}}",
    status_code=204,
    **told(
        "Take back a change of the trust list that one has proposed",
        "Rút lại thay đổi danh sách tin cậy do chính mình đề nghị",
        refuses=(403, 404, 409),
    ),
)
async def delete_trust_change(request: Request, change_id: UUID, caller: Trustee) -> Response:
    """Take one's own proposal back; it stays in the list of changes."""
    db: Database = request.app.state.db
    await db.as_worker(lambda conn: entrust.withdraw(conn, change_id, by=_by(caller)))
    return Response(status_code=204)


@router.get(
    "/v1/trust-list/export",
    response_class=Response,
    **told(
        "Export the trust list, signed by the issuing CA",
        "Xuất danh sách tin cậy, có chữ ký của CA cấp",
        extra={
            "responses": {
                "200": {
                    "description": "A JWS (compact form)",
                    "content": {"application/jose": {"schema": {"type": "string"}}},
                }
            }
        },
    ),
)
async def get_trust_export(request: Request, _caller: Trustee) -> Response:
    """Return the list in force as a JWS with its certificate chain (`x5c`) in the header."""
    db: Database = request.app.state.db
    authorities: Authorities = request.app.state.authorities

    async def read(conn: Connection) -> tuple[TrustList, datetime]:
        return await store.current(conn), await clock(conn)

    listed, now = await db.as_worker(read)
    return Response(export.signed(authorities, listed, now), media_type="application/jose")


@router.post(
    "/v1/trust-list/imports",
    status_code=201,
    **told(
        "Propose what an exported trust list has otherwise",
        "Đề nghị các thay đổi theo một bản xuất danh sách tin cậy",
        refuses=(422,),
        answers={201: TrustImported},
    ),
)
async def post_trust_import(request: Request, body: TrustImport, caller: Trustee) -> Response:
    """Verify an export and make one proposal for each difference; each is decided by itself.

    An authority that is listed here and trusted for `protocol` has to have signed it, and must be
    good itself. An older export than one of its that was imported is refused. Who signed it, its
    version and when it was made stand in the reason of each proposal.
    """
    db: Database = request.app.state.db
    bench: Bench = request.app.state.bench
    check_once(await request.body())
    theirs, own = await db.look(lambda conn: export.accepted(conn, body.export))
    found = [
        (one, await _facts(bench, one.change) if one.change else None)
        for one in differences(own, theirs.authorities, end_missing=body.end_missing)
    ]

    async def work(conn: Connection) -> Response:
        await export.note(conn, theirs)
        made, left = await entrust.propose_differences(
            conn, found, reason=f"{body.reason} {theirs.said}", by=caller.client_id
        )
        shown = TrustImported(
            signer=theirs.signer,
            version=theirs.version,
            made_at=theirs.made_at,
            digest=theirs.digest,
            proposed=[change_shown(one) for one in made],
            left=[left_shown(one) for one in left],
        )
        return _answer(shown, 201, headers={"Location": f"{_CHANGES}?state=proposed"})

    return await db.as_worker(once(request, caller, digest=digest_of(body), work=work))


def _by(caller: Caller) -> str:
    return caller.client_id


async def _facts(bench: Bench, change: AnyChange) -> CertificateFacts | None:
    """Have a worker read the certificate of an authority to be added. Raises Problem TRU-4221."""
    if not isinstance(change, AddAuthority):
        return None
    der = ssl.PEM_cert_to_DER_cert(change.certificate)
    try:
        return cast("CertificateFacts", await bench.read(Reading("certificate", der)))
    except Unfit as why:
        raise Problem("TRU-4221", vi=_UNREADABLE, en=f"{why}.") from None


async def _decided(request: Request, step: Callable[[Connection], Awaitable[Proposal]]) -> Response:
    db: Database = request.app.state.db
    return _answer(change_shown(await db.as_worker(step)))


def _made(one: Proposal) -> Response:
    return _answer(change_shown(one), 201, headers={"Location": f"{_CHANGES}/{one.id}"})


def _answer(
    body: BaseModel, status: int = 200, *, headers: dict[str, str] | None = None
) -> Response:
    return Response(body.model_dump_json(), status, headers, media_type=_JSON)
