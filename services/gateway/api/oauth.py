"""Access tokens: the token endpoint, the issuer's metadata, and the keys that verify them."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from services.gateway.form import FORM_BYTES
from services.gateway.issue import Issuer
from services.gateway.limits import Limits
from shared.errors import Problem
from shared.intake import lift
from shared.openapi import told

FORM = "application/x-www-form-urlencoded"
_MAX_AGE = {"Cache-Control": "public, max-age=300"}
_TEXT = {"type": "string"}
_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_assertion_type": {
                            "type": "string",
                            "enum": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
                        },
                        "client_assertion": {
                            **_TEXT,
                            "description": "A JWT signed with the system's key (RFC 7523): iss and"
                            " sub are its client_id, aud the token endpoint, exp at most 5 minutes"
                            " away, jti new each time. Or HTTP Basic with a secret instead.",
                        },
                        "scope": {**_TEXT, "description": "Fewer scopes than the system has."},
                        "resource": {**_TEXT, "description": "Whom the token is for (RFC 8707)."},
                    },
                }
            }
        },
    }
}

router = APIRouter()

_IN_ADDRESS = JSONResponse(
    {"error": "invalid_request", "error_description": "parameters go into the body, not the URI"},
    400,
    {"Cache-Control": "no-store"},
)


class AccessToken(BaseModel):
    """RFC 6749 5.1; the token is a JWT (RFC 9068)."""

    access_token: str
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds.", examples=[600])
    scope: str = Field(examples=["directory documents.send documents.receive"])


class Refusal(BaseModel):
    """RFC 6749 5.2."""

    error: str = Field(examples=["invalid_client"])
    error_description: str


class Metadata(BaseModel):
    """RFC 8414."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]


class KeySet(BaseModel):
    """RFC 7517."""

    keys: list[dict[str, Any]]


@router.post(
    "/oauth/token",
    response_model=AccessToken,
    **told(
        "Get an access token",
        "Lấy mã truy cập",
        refuses=(404, 408, 413, 415),
        keyed=False,
        answers={400: Refusal, 401: Refusal},
        extra=_REQUEST,
    ),
)
async def post_token(request: Request) -> Response:
    """Give a token for client credentials (RFC 6749 4.4): a signed assertion, or a secret."""
    issuer = _issuer(request)
    limits: Limits = request.app.state.limits
    if request.url.query:  # addresses are written down on the way; secrets may not be in them
        return _IN_ADDRESS
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem("REQ-4151", en=f"Send {FORM}.", vi=f"Gửi {FORM}.")
    lift(request, FORM_BYTES)
    body = await request.body()
    authorization = request.headers.get("authorization")
    answer = await issuer.answer(body, authorization, admit=limits.take_token)
    if answer.response.status_code == 401:  # noqa: PLR2004 (invalid_client)
        await _count_failure(request, limits, answer.claimed)
    return answer.response


async def _count_failure(request: Request, limits: Limits, claimed: str) -> None:
    address = "" if request.client is None else request.client.host
    await limits.failed(address, claimed)


@router.get(
    "/.well-known/oauth-authorization-server",
    response_model=Metadata,
    **told("Read the issuer's metadata", "Đọc thông tin nơi cấp mã truy cập", refuses=(404,)),
)
async def get_metadata(request: Request) -> Response:
    """Return what clients must know of this issuer (RFC 8414)."""
    return JSONResponse(_issuer(request).metadata(), headers=_MAX_AGE)


@router.get(
    "/.well-known/jwks.json",
    response_model=KeySet,
    **told("Read the public keys of tokens", "Đọc khóa công khai của mã truy cập", refuses=(404,)),
)
async def get_jwks(request: Request) -> Response:
    """Return the public keys of tokens, those that will sign and have signed included."""
    return JSONResponse(_issuer(request).jwks(), headers=_MAX_AGE)


def _issuer(request: Request) -> Issuer:
    issuer: Issuer | None = request.app.state.issuer
    if issuer is None:  # tokens come from an issuer outside
        raise Problem("REQ-4041")
    return issuer
