"""The way in and who am I; the documents of the API; and what services ask of clients."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway import store
from services.gateway.api.fixed import fixed
from services.gateway.limits import Limits
from services.gateway.store import StoredClient
from shared import agencies, events
from shared.agencies import KnownAgency
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import INTERNAL, Caller, Scoped
from shared.openapi import told

OPENAPI = Path(__file__).parents[1] / "openapi.json"
"""Made from the services' own documents by `python -m infra.contracts.openapi`."""
ASYNCAPI = OPENAPI.with_name("asyncapi.json")
"""Made from the list of topics by `python -m infra.contracts.asyncapi`."""
SCHEMAS = Path(events.__file__).with_name("schema")
_MAX_AGE = {"Cache-Control": "public, max-age=300"}

LINKS = {
    "me": "/v1/me",
    "agencies": "/v1/agencies",
    "directory_changes": "/v1/directory-changes",
    "documents": "/v1/documents",
    "deliveries": "/v1/deliveries",
    "inbox": "/v1/inbox",
    "events": "/v1/events",
    "event_stream": "/v1/events/stream",
    "subscriptions": "/v1/subscriptions",
    "problems": "/v1/problems",
    "status_codes": "/v1/status-codes",
    "token_endpoint": "/oauth/token",
    "issuer_metadata": "/.well-known/oauth-authorization-server",
    "jwks": "/.well-known/jwks.json",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "docs": "/docs",
}

router = APIRouter()

Anyone = Annotated[Caller, Depends(Scoped())]


class Entry(BaseModel):
    """Where to go from here."""

    client_id: str
    links: dict[str, str]


class OwnAgency(BaseModel):
    """An agency for which this request acts."""

    id: UUID
    code: str
    level: str


class RestingAgency(BaseModel):
    """An agency that the system is registered for and that cannot act now."""

    code: str
    state: str | None = Field(description="`suspended` or `closed`; null: not in the directory.")


class OwnKey(BaseModel):
    """A public key with which the system proves who it is."""

    kid: str | None
    kind: str = Field(description="Its type and curve or algorithm.", examples=["EC P-256"])


class Me(BaseModel):
    """Who the caller is, what it may do, and how much of it."""

    client_id: str
    scopes: list[str]
    token_issued_at: datetime
    token_expires_at: datetime
    agencies: list[OwnAgency] = Field(description="Active ones; with On-Behalf-Of that one alone.")
    resting: list[RestingAgency]
    keys: list[OwnKey]
    has_secret: bool
    limits: dict[str, Any] = Field(
        description="Rates of this client, and what is done at once for one agency (429 beyond),"
        " sizes in bytes (413, 431), items a page."
    )


@router.get("/v1", **told("Find the way", "Điểm vào và các liên kết"))
async def get_entry(caller: Anyone) -> Entry:
    """Return where to go from here."""
    return Entry(client_id=caller.client_id, links=LINKS)


@router.get("/v1/me", **told("See who you are and what you may do", "Xem mình là ai, được làm gì"))
async def get_me(request: Request, caller: Anyone) -> Me:
    """Return the caller's system, agencies, scopes, keys and limits."""
    db: Database = request.app.state.db
    limits: Limits = request.app.state.limits

    async def read(conn: Connection) -> tuple[StoredClient | None, dict[str, KnownAgency]]:
        client = await store.find_client(conn, caller.client_id)
        return client, await agencies.find(conn, () if client is None else client.agencies)

    client, known = await db.as_worker(read)
    return Me(
        client_id=caller.client_id,
        scopes=sorted(caller.scopes),
        token_issued_at=caller.issued_at,
        token_expires_at=caller.expires_at,
        agencies=[
            OwnAgency(id=agency.id, code=agency.code, level=agency.level)
            for agency in caller.agencies
        ],
        resting=_resting(client, known),
        keys=[] if client is None else [_key(key) for key in client.jwks.get("keys", [])],
        has_secret=client is not None and client.secret_sha256 is not None,
        limits=limits.shown(),
    )


def _resting(client: StoredClient | None, known: dict[str, KnownAgency]) -> list[RestingAgency]:
    codes = () if client is None else client.agencies
    states = {code: known[code].state if code in known else None for code in codes}
    return [
        RestingAgency(code=code, state=state) for code, state in states.items() if state != "active"
    ]


def _key(jwk: dict[str, Any]) -> OwnKey:
    kind = " ".join(str(jwk[name]) for name in ("kty", "crv") if name in jwk)
    return OwnKey(kid=jwk.get("kid"), kind=kind)


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request) -> Response:
    """Return the document of everything that passes here."""
    return await fixed(request, OPENAPI, media_type="application/json", headers=_MAX_AGE)


@router.get("/asyncapi.json", include_in_schema=False)
async def get_asyncapi(request: Request) -> Response:
    """Return the document of everything that travels on Kafka."""
    return await fixed(request, ASYNCAPI, media_type="application/json", headers=_MAX_AGE)


@router.get("/schemas/{name}", include_in_schema=False)
async def get_schema(request: Request, name: str) -> Response:
    """Return the JSON Schema of an event, such as `mailbox.arrived.v1.json`."""
    known = {file.name: file for file in SCHEMAS.glob("*.json")}
    if name not in known:
        raise Problem("REQ-4041")
    file = known[name]
    return await fixed(request, file, media_type="application/schema+json", headers=_MAX_AGE)


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
