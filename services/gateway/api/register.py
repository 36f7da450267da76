"""Connected systems as registrars see them: registered, changed, given keys, revoked."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.gateway import clients, store
from services.gateway.store import StoredClient
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.tokens import MAX_AGENCIES, usable

MOST_KEYS = 10
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')
_FIRST = ""

router = APIRouter()

Registrar = Annotated[Caller, Depends(Scoped("registrar"))]
# Operators and registrars are named by the bootstrap file only: none of them makes another.
Scope = Literal["directory", "documents.send", "documents.receive", "documents.sign"]
Codes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=35)]], Field(max_length=MAX_AGENCIES)
]


class Keys(BaseModel):
    """A JWK set with public keys only."""

    keys: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_KEYS)


class NewClient(BaseModel):
    """A system to register."""

    client_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")
    agencies: Codes
    scopes: list[Scope] = Field(min_length=1)
    jwks: Keys


class Edit(BaseModel):
    """What may be changed of a system (merge patch)."""

    model_config = ConfigDict(extra="forbid")

    agencies: Codes | None = None
    scopes: list[Scope] | None = Field(default=None, min_length=1)


@router.get("/v1/clients")
async def get_clients(
    request: Request,
    _caller: Registrar,
    cursor: Annotated[str, Query(max_length=100)] = _FIRST,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """Return the registered systems, by id."""
    db: Database = request.app.state.db
    found = await db.as_worker(lambda conn: store.list_clients(conn, after=cursor, limit=limit))
    more = found[-1].client_id if len(found) == limit else None
    return {"items": [_rendered(client) for client in found], "next_cursor": more}


@router.post("/v1/clients", status_code=201)
async def post_client(request: Request, body: NewClient, caller: Registrar) -> Response:
    """Register a system."""
    _check_keys(body.jwks.keys)
    client = StoredClient(
        client_id=body.client_id,
        state="active",
        agencies=tuple(dict.fromkeys(body.agencies)),
        scopes=tuple(dict.fromkeys(body.scopes)),
        jwks=body.jwks.model_dump(),
        secret_sha256=None,
        version=0,
    )

    async def work(conn: Connection) -> Response:
        return _answer(await clients.register(conn, client), 201)

    return await _once(request, caller, body, work)


@router.get("/v1/clients/{client_id}")
async def get_client(request: Request, client_id: str, _caller: Registrar) -> Response:
    """Return one system."""
    db: Database = request.app.state.db
    return _answer(await db.as_worker(lambda conn: clients.find(conn, client_id)))


@router.patch("/v1/clients/{client_id}")
async def patch_client(
    request: Request, client_id: str, body: Edit, _caller: Registrar
) -> Response:
    """Change what a system may do; its tokens are worth only that within seconds."""

    def edit(client: StoredClient) -> StoredClient:
        return replace(
            client,
            agencies=client.agencies if body.agencies is None else tuple(body.agencies),
            scopes=client.scopes if body.scopes is None else tuple(body.scopes),
        )

    return _answer(await _change(request, client_id, edit))


@router.delete("/v1/clients/{client_id}", status_code=204)
async def delete_client(request: Request, client_id: str, _caller: Registrar) -> Response:
    """Revoke a system: it gets no token any more, and its tokens are refused within seconds."""
    await _change(
        request, client_id, lambda client: replace(client, state="revoked"), ends_tokens=True
    )
    return Response(status_code=204)


@router.post("/v1/clients/{client_id}/keys", status_code=201)
async def post_key(
    request: Request, client_id: str, body: dict[str, Any], caller: Registrar
) -> Response:
    """Give a system another key."""

    def edit(client: StoredClient) -> StoredClient:
        keys = [*client.jwks.get("keys", []), body]
        _check_keys(keys)
        return replace(client, jwks={"keys": keys})

    async def work(conn: Connection) -> Response:
        return _answer(await clients.change(conn, client_id, edit), 201)

    return await _once(request, caller, body, work)


@router.delete("/v1/clients/{client_id}/keys/{kid}", status_code=204)
async def delete_key(request: Request, client_id: str, kid: str, _caller: Registrar) -> Response:
    """Take a key from a system; tokens that it may have got with it are refused too."""

    def edit(client: StoredClient) -> StoredClient:
        keys = client.jwks.get("keys", [])
        left = [key for key in keys if key.get("kid") != kid]
        if len(left) == len(keys):
            raise Problem("REQ-4041")
        return replace(client, jwks={"keys": left})

    await _change(request, client_id, edit, ends_tokens=True)
    return Response(status_code=204)


async def _change(
    request: Request,
    client_id: str,
    edit: Callable[[StoredClient], StoredClient],
    *,
    ends_tokens: bool = False,
) -> StoredClient:
    db: Database = request.app.state.db
    expected = _expected(request)
    return await db.as_worker(
        lambda conn: clients.change(
            conn, client_id, edit, expected=expected, ends_tokens=ends_tokens
        )
    )


async def _once(
    request: Request,
    caller: Caller,
    body: BaseModel | dict[str, Any],
    work: Callable[[Connection], Awaitable[Response]],
) -> Response:
    asked = body.model_dump() if isinstance(body, BaseModel) else body
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
    db: Database = request.app.state.db
    return await db.as_worker(
        lambda conn: once(conn, request, caller, digest=digest, work=lambda: work(conn))
    )


def _expected(request: Request) -> int | None:
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    found = _VERSION.fullmatch(wanted.strip())
    if found is None:
        raise Problem("REQ-4121")
    return int(found[1])


def _check_keys(keys: list[dict[str, Any]]) -> None:
    faults = [
        Fault(
            f"/jwks/keys/{number}",
            "Phải là khóa công khai ES256, EdDSA hoặc RS256, có kid riêng.",
            "Must be a public key for ES256, EdDSA or RS256, with a kid of its own.",
        )
        for number, key in enumerate(keys)
        if "d" in key
        or usable(key) is None
        or [other.get("kid") for other in keys].count(key.get("kid")) > 1
    ]
    if faults or len(keys) > MOST_KEYS:
        raise Problem("REQ-4221", faults=faults)


def _answer(client: StoredClient, status: int = 200) -> Response:
    headers = {"ETag": f'"{client.version}"'}
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"/v1/clients/{client.client_id}"
    return Response(orjson.dumps(_rendered(client)), status, headers, "application/json")


def _rendered(client: StoredClient) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "state": client.state,
        "agencies": client.agencies,
        "scopes": client.scopes,
        "keys": [key.get("kid") for key in client.jwks.get("keys", [])],
        "has_secret": client.secret_sha256 is not None,
        "version": client.version,
    }
