"""Tokens, the way in, who am I, what a problem means: what the gateway answers itself."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, JSONResponse, Response

from services.gateway import store
from services.gateway.issue import Issuer
from shared.db import Database
from shared.errors import Problem, problem_types
from shared.identity import INTERNAL, Caller, Scoped
from shared.intake import LIMIT, MULTIPART_LIMIT
from shared.tokens import MAX_AGENCIES

OPENAPI = Path(__file__).parents[1] / "openapi.json"
"""Made from the services' own documents by `python -m infra.contracts.openapi`."""
ASYNCAPI = OPENAPI.with_name("asyncapi.json")
"""Made from the list of topics by `python -m infra.contracts.asyncapi`."""
FORM = "application/x-www-form-urlencoded"
_MAX_AGE = {"Cache-Control": "public, max-age=300"}

STATUS_CODES = (
    (
        "01",
        "Đã đến: phần mềm quản lý văn bản đã nhận nhưng văn thư chưa xử lý",
        "Arrived: the software has it, the clerk has not handled it yet",
    ),
    ("02", "Từ chối không tiếp nhận", "Refused"),
    ("03", "Tiếp nhận, vào sổ văn bản đến", "Taken in and entered in the register"),
    ("04", "Lãnh đạo phân công xử lý", "Assigned by the leadership"),
    ("05", "Đang xử lý", "Being handled"),
    ("06", "Hoàn thành xử lý", "Handled to the end"),
    ("13", "Yêu cầu lấy lại kèm lý do", "Recall requested, with the reason"),
    ("15", "Đồng ý yêu cầu cập nhật, lấy lại", "Update or recall accepted"),
    ("16", "Từ chối yêu cầu cập nhật, lấy lại", "Update or recall refused"),
)

router = APIRouter()

Anyone = Annotated[Caller, Depends(Scoped())]


@router.post("/oauth/token")
async def post_token(request: Request) -> Response:
    """Give an access token for client credentials (RFC 6749 4.4, RFC 7523, RFC 8707)."""
    issuer = _issuer(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem("REQ-4151", en=f"Send {FORM}.", vi=f"Gửi {FORM}.")
    return await issuer.answer(await request.body(), request.headers.get("authorization"))


@router.get("/.well-known/oauth-authorization-server")
async def get_metadata(request: Request) -> Response:
    """Return the issuer's metadata (RFC 8414)."""
    return JSONResponse(_issuer(request).metadata(), headers=_MAX_AGE)


@router.get("/.well-known/jwks.json")
async def get_jwks(request: Request) -> Response:
    """Return the public keys of tokens, those that will sign and have signed included."""
    return JSONResponse(_issuer(request).jwks(), headers=_MAX_AGE)


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi() -> Response:
    """Return the document of everything that passes here."""
    return FileResponse(OPENAPI, media_type="application/json", headers=_MAX_AGE)


@router.get("/asyncapi.json", include_in_schema=False)
async def get_asyncapi() -> Response:
    """Return the document of everything that travels on Kafka."""
    return FileResponse(ASYNCAPI, media_type="application/json", headers=_MAX_AGE)


@router.get("/v1")
async def get_entry(caller: Anyone) -> dict[str, Any]:
    """Return where to go from here."""
    return {
        "client_id": caller.client_id,
        "links": {
            "me": "/v1/me",
            "agencies": "/v1/agencies",
            "documents": "/v1/documents",
            "deliveries": "/v1/deliveries",
            "inbox": "/v1/inbox",
            "events": "/v1/events",
            "problems": "/v1/problems",
        },
    }


@router.get("/v1/me")
async def get_me(caller: Anyone) -> dict[str, Any]:
    """Return who the caller is: system, agencies, scopes, limits."""
    return {
        "client_id": caller.client_id,
        "scopes": sorted(caller.scopes),
        "token_issued_at": caller.issued_at,
        "agencies": [
            {"id": agency.id, "code": agency.code, "level": agency.level}
            for agency in caller.agencies
        ],
        "limits": {
            "agencies": MAX_AGENCIES,
            "json_bytes": LIMIT,
            "multipart_bytes": MULTIPART_LIMIT,
        },
    }


@router.get("/v1/problems")
async def get_problems(_caller: Anyone) -> dict[str, Any]:
    """Return every problem that the exchange can name."""
    return {"items": [_problem(code) for code in problem_types()]}


@router.get("/v1/problems/{code}")
async def get_problem(code: str, _caller: Anyone) -> dict[str, Any]:
    """Return what a problem means and the way out of it."""
    if code not in problem_types():
        raise Problem("REQ-4041")
    return _problem(code)


@router.get("/v1/status-codes")
async def get_status_codes(_caller: Anyone) -> dict[str, Any]:
    """Return the status codes that agencies report to each other (QCVN 102)."""
    return {
        "items": [
            {"code": code, "title": title, "title_en": title_en}
            for code, title, title_en in STATUS_CODES
        ]
    }


@router.get("/internal/clients")
async def get_clients(
    request: Request,
    _caller: Annotated[Caller, Depends(Scoped(INTERNAL))],
    after: Annotated[int, Query(ge=0, lt=1 << 62)] = 0,
) -> dict[str, Any]:
    """Return the clients that changed after a version, in their present state."""
    db: Database = request.app.state.db
    version = await db.as_worker(store.clients_version)
    items = await db.as_worker(lambda conn: store.clients_after(conn, after))
    return {"version": version, "items": items}


def _issuer(request: Request) -> Issuer:
    issuer: Issuer | None = request.app.state.issuer
    if issuer is None:  # tokens come from an issuer outside
        raise Problem("REQ-4041")
    return issuer


def _problem(code: str) -> dict[str, Any]:
    row = problem_types()[code]
    return {
        "type": f"/v1/problems/{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "title_en": row.title_en,
        "hint": row.hint,
        "hint_en": row.hint_en,
    }
