"""Connected systems as registrars see them: registered, changed, given keys, revoked."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.gateway import clients, store
from services.gateway.api.lists import Cursor, Limit, next_page, position
from services.gateway.api.token_first import TokenFirst
from services.gateway.store import StoredClient
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.idempotency import digest_of, once
from shared.identity import Caller, Scoped
from shared.openapi import told
from shared.restored import refuse_meanwhile
from shared.tokens import MAX_AGENCIES, usable

MOST_KEYS = 10
_KID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~:+=-]{1,100}")
"""One segment of a path, as it stands: by it the key is taken away."""
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')

router = APIRouter(dependencies=[Depends(refuse_meanwhile)], route_class=TokenFirst)

Registrar = Annotated[Caller, Depends(Scoped("registrar"))]
# Operators and registrars are named by the bootstrap file only: none of them makes another, nor
# gives another one a key or anything else (`clients.change`).
Scope = Literal["directory", "documents.send", "documents.receive", "documents.sign"]
Codes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=35)]], Field(max_length=MAX_AGENCIES)
]


class Keys(BaseModel):
    """A JWK set with public keys only."""

    keys: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_KEYS)


class NewClient(BaseModel):
    """A system to register."""

    client_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$", examples=["sys-h14-03"])
    agencies: Codes = Field(description="Codes of the agencies it acts for.", examples=[["H14.03"]])
    scopes: list[Scope] = Field(min_length=1)
    jwks: Keys = Field(description="Its public keys; the private ones never leave the system.")


class Edit(BaseModel):
    """What may be changed of a system (merge patch)."""

    model_config = ConfigDict(extra="forbid")

    agencies: Codes = []
    scopes: list[Scope] = Field(default_factory=list[Scope], min_length=1)


class Client(BaseModel):
    """A registered system."""

    client_id: str
    state: str = Field(description="`active` or `revoked`.")
    agencies: list[str]
    scopes: list[str]
    keys: list[str | None] = Field(description="Ids (kid) of its public keys.")
    has_secret: bool
    version: int = Field(description="Also its ETag.")


class ClientPage(BaseModel):
    """Registered systems, by id."""

    items: list[Client]
    next_cursor: str | None


@router.get(
    "/v1/clients",
    response_model=ClientPage,
    **told("List the registered systems", "Liệt kê các hệ thống đã đăng ký"),
)
async def get_clients(
    request: Request, _caller: Registrar, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """Return the registered systems, by id."""
    db: Database = request.app.state.db
    after = position(cursor)
    found = await db.as_worker(lambda conn: store.list_clients(conn, after=after, limit=limit + 1))
    page = found[:limit]
    following, headers = next_page(request, page[-1].client_id if len(found) > limit else None)
    body = {"items": [_rendered(client) for client in page], "next_cursor": following}
    return Response(orjson.dumps(body), headers=headers, media_type="application/json")


@router.post(
    "/v1/clients",
    status_code=201,
    response_model=Client,
    **told("Register a system", "Đăng ký một hệ thống", refuses=(409, 422)),
)
async def post_client(request: Request, body: NewClient, caller: Registrar) -> Response:
    """Register a system; it gets tokens at once, and every service knows it within seconds."""
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

    db: Database = request.app.state.db
    return await db.as_worker(once(request, caller, digest=digest_of(body), work=work))


@router.get(
    "/v1/clients/{client_id}",
    response_model=Client,
    **told("See one system", "Xem một hệ thống", refuses=(404,)),
)
async def get_client(request: Request, client_id: str, _caller: Registrar) -> Response:
    """Return one system; its ETag is what `If-Match` takes."""
    db: Database = request.app.state.db
    return _answer(await db.as_worker(lambda conn: clients.find(conn, client_id)))


@router.patch(
    "/v1/clients/{client_id}",
    response_model=Client,
    **told(
        "Change what a system may do",
        "Thay đổi quyền của một hệ thống",
        refuses=(404, 409, 412, 422),
    ),
)
async def patch_client(request: Request, client_id: str, body: Edit, caller: Registrar) -> Response:
    """Change agencies and scopes (merge patch).

    When something is taken away, tokens issued until now are refused within seconds, and what is
    open with them ends. Another registrar can be given nothing (403).
    """
    given = body.model_fields_set

    def edit(client: StoredClient) -> StoredClient:
        return replace(
            client,
            agencies=tuple(dict.fromkeys(body.agencies))
            if "agencies" in given
            else client.agencies,
            scopes=tuple(dict.fromkeys(body.scopes)) if "scopes" in given else client.scopes,
        )

    return _answer(await _change(request, client_id, edit, caller))


@router.delete(
    "/v1/clients/{client_id}",
    status_code=204,
    **told("Revoke a system", "Thu hồi một hệ thống", refuses=(404, 409, 412)),
)
async def delete_client(request: Request, client_id: str, caller: Registrar) -> Response:
    """Revoke a system for good: no token any more, and what is open ends within seconds.

    An operator is not revoked here (403).
    """

    def edit(client: StoredClient) -> StoredClient:
        return client if client.state == "revoked" else replace(client, state="revoked")

    await _change(request, client_id, edit, caller)
    return Response(status_code=204)


@router.post(
    "/v1/clients/{client_id}/keys",
    status_code=201,
    response_model=Client,
    **told("Give a system another key", "Thêm khóa cho một hệ thống", refuses=(404, 409, 422)),
)
async def post_key(
    request: Request, client_id: str, body: dict[str, Any], caller: Registrar
) -> Response:
    """Add a public key (a JWK). To rotate: add the new one, let the system use it, delete the old.

    A system may hold 10 keys. Operators and other registrars get none here (403): who gives a
    system a key can act as that system.
    """

    def edit(client: StoredClient) -> StoredClient:
        keys = [*client.jwks.get("keys", []), body]
        _check_keys(keys, alone=True)
        return replace(client, jwks={"keys": keys})

    async def work(conn: Connection) -> Response:
        return _answer(await clients.change(conn, client_id, edit, by=caller.client_id), 201)

    db: Database = request.app.state.db
    return await db.as_worker(once(request, caller, digest=digest_of(body), work=work))


@router.delete(
    # Some were registered before their ids were held to a form: with slashes, or empty.
    "/v1/clients/{client_id}/keys/{kid:path}",
    status_code=204,
    **told("Take a key from a system", "Gỡ một khóa của hệ thống", refuses=(404, 409, 412)),
)
async def delete_key(request: Request, client_id: str, kid: str, caller: Registrar) -> Response:
    """Take a key away; tokens issued until now are refused too, by whichever key they came."""

    def edit(client: StoredClient) -> StoredClient:
        keys = client.jwks.get("keys", [])
        left = [key for key in keys if key.get("kid") != kid]
        if len(left) == len(keys):
            raise Problem("REQ-4041")
        return replace(client, jwks={"keys": left})

    await _change(request, client_id, edit, caller)
    return Response(status_code=204)


async def _change(
    request: Request,
    client_id: str,
    edit: Callable[[StoredClient], StoredClient],
    caller: Caller,
) -> StoredClient:
    db: Database = request.app.state.db
    by, expected = caller.client_id, _expected(request)
    return await db.as_worker(
        lambda conn: clients.change(conn, client_id, edit, by=by, expected=expected)
    )


def _expected(request: Request) -> frozenset[int] | None:
    """Return the versions of which `If-Match` demands one; None when any will do."""
    wanted = ",".join(request.headers.getlist("if-match"))
    if wanted.strip() in ("", "*"):
        return None
    tags = (_VERSION.fullmatch(one.strip()) for one in wanted.split(","))
    return frozenset(int(found[1]) for found in tags if found is not None)


def _check_keys(keys: list[dict[str, Any]], *, alone: bool = False) -> None:
    """Raise Problem REQ-4221 for a key that proves nothing; `alone`: the last one is the body."""
    faults: list[Fault] = []
    for number, key in enumerate(keys):
        if alone and number < len(keys) - 1:
            continue
        place = "" if alone else f"/jwks/keys/{number}"
        if not _proves(key, keys):
            vi = "Phải là khóa công khai ES256, EdDSA hoặc RS256, có kid riêng."
            en = "Must be a public key for ES256, EdDSA or RS256, with a kid of its own."
            faults.append(Fault(place, vi, en))
        elif not _KID.fullmatch(key["kid"]):
            vi = "Từ 1 đến 100 ký tự trong A-Z a-z 0-9 . _ ~ : + = -, không phải . hay .."
            en = "1 to 100 characters of A-Z a-z 0-9 . _ ~ : + = -, but not . or .."
            faults.append(Fault(f"{place}/kid", vi, en))
    if len(keys) > MOST_KEYS:
        vi, en = f"Tối đa {MOST_KEYS} khóa.", f"At most {MOST_KEYS} keys."
        faults.append(Fault("" if alone else "/jwks/keys", vi, en))
    if faults:
        raise Problem("REQ-4221", faults=faults)


def _proves(key: dict[str, Any], keys: list[dict[str, Any]]) -> bool:
    once = [other.get("kid") for other in keys].count(key.get("kid")) == 1
    return once and "d" not in key and usable(key) is not None


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
