"""The tour of a registrar: agencies, connected systems and their keys, certificates."""

import json
import secrets
from collections import Counter
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infra.contracts.tour.guide import NOT_YET, Guide, Json
from infra.pki import registry
from infra.pki.authority import pem, root_of

BY = "registrar"
SECOND = "operator"
"""Decides on what the registrar proposes."""


def new_code() -> str:
    """Return a code that no agency of the seeds has."""
    return ".".join(["H99", *(f"{secrets.randbelow(100):02}" for _ in range(3))])


def new_key() -> dict[str, Json]:
    """Return the public half of a new key as a JWK."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    jwk: dict[str, Json] = json.loads(ECAlgorithm.to_jwk(public))
    return {**jwk, "kid": f"key-{uuid4()}", "alg": "ES256", "use": "sig"}


def new_agency(**changes: Json) -> dict[str, Json]:
    """Return what registers an agency."""
    return {
        "code": new_code(),
        "name": "Ủy ban nhân dân xã Thử Nghiệm",
        "level": "commune",
        **changes,
    }


def new_system(agency: str) -> dict[str, Json]:
    """Return what registers a system of an agency."""
    return {
        "client_id": f"qlvb-{secrets.token_hex(6)}",
        "agencies": [agency],
        "scopes": ["directory", "documents.send", "documents.receive"],
        "jwks": {"keys": [new_key()]},
    }


async def agencies(guide: Guide) -> None:
    """Register two agencies; suspend one, name the other its successor, close it."""
    await guide.go("GET /v1/agencies", BY, query={"q": "thach an", "limit": "2"})
    await guide.go("GET /v1/agencies/{code}", BY, code="H14")
    await guide.go("GET /v1/directory-changes", BY, query={"limit": "2"})
    first, heir = [
        (await guide.go("POST /v1/agencies", BY, body=new_agency())).json()["code"]
        for _ in range(2)
    ]
    guide.ids["agency"] = first
    for body in (
        {"state": "suspended"},
        {"state": "active"},
    ):
        await guide.go("POST /v1/agencies/{code}/state-changes", BY, body=body, code=first)
    body = {"successors": [heir]}
    await guide.go("POST /v1/agencies/{code}/successions", BY, body=body, code=first)


async def systems(guide: Guide) -> None:
    """Register a system, change its rights and keys; another one is revoked."""
    # Of an agency at rest, which the gateway has long heard of.
    agency = [row.agency for row in registry.read(guide.run / "pki") if row.agency][-1]
    body = new_system(agency)
    await guide.go("POST /v1/clients", BY, body=body)
    client = guide.ids["client_id"] = body["client_id"]
    await guide.go("GET /v1/clients", BY, query={"limit": "2"})
    seen = await guide.go("GET /v1/clients/{client_id}", BY)
    narrow = {"scopes": ["directory", "documents.receive"]}
    etag = {"If-Match": seen.headers["ETag"]}
    await guide.go("PATCH /v1/clients/{client_id}", BY, body=narrow, headers=etag)
    key = new_key()
    guide.ids["kid"] = key["kid"]
    await guide.go("POST /v1/clients/{client_id}/keys", BY, body=key)
    await guide.go("DELETE /v1/clients/{client_id}/keys/{kid}", BY)
    gone = new_system(agency)
    await guide.go("POST /v1/clients", BY, body=gone)
    await guide.go("DELETE /v1/clients/{client_id}", BY, client_id=gone["client_id"])
    guide.ids["client_id"] = client


async def certificates(guide: Guide) -> None:
    """Suspend a certificate of somebody at rest, and restore it."""
    await guide.go("GET /pki/{ca}/ca.crt", ca="issuing")
    await guide.go("GET /pki/{ca}/crl", ca="issuing")
    leaders = [row for row in registry.read(guide.run / "pki") if row.kind == "leader"]
    # Whoever was given a second one may have it revoked: those of one alone are at rest.
    of_agency = Counter(row.agency for row in leaders)
    guide.ids["sha256"] = [row.sha256 for row in leaders if of_agency[row.agency] == 1][-1]
    for reason in ("certificateHold", "removeFromCRL"):
        body = {"reason": reason}
        await guide.go("POST /v1/certificates/{sha256}/revocations", BY, body=body, again=NOT_YET)
    await guide.go("DELETE /v1/certificates/{sha256}/lock", BY)


async def trust(guide: Guide) -> None:
    """List an authority by two clients, export the list, and end the trust again."""
    changes = "/v1/trust-list/changes"
    one = f"{changes}/{{change_id}}"
    added = _new_authority()
    await _propose(guide, added)
    await guide.go(f"DELETE {one}", BY)
    await _propose(guide, added)
    await guide.go(f"POST {one}/refusal", SECOND)
    await _propose(guide, added)
    await guide.go(f"POST {one}/approval", BY, expect=403)
    await guide.go(f"POST {one}/approval", SECOND)
    await guide.go(f"GET {one}", BY)
    await guide.go(f"GET {changes}", BY, query={"limit": "2"})
    await guide.go("GET /v1/trust-list", BY)
    exported = await guide.go("GET /v1/trust-list/export", BY)
    taken = {"reason": "Đồng bộ với hệ thống dự phòng", "export": exported.body.decode()}
    await guide.go("POST /v1/trust-list/imports", BY, body=taken)
    await _propose(guide, {"action": "end", "name": added["name"]})
    await guide.go(f"POST {one}/approval", SECOND)


async def _propose(guide: Guide, change: dict[str, Json]) -> None:
    body = {"reason": "Quyết định số 12/QĐ-CĐS", "change": change}
    made = await guide.go("POST /v1/trust-list/changes", BY, body=body)
    guide.ids["change_id"] = made.json()["id"]


def _new_authority() -> dict[str, Json]:
    name = f"ca-thu-nghiem-{secrets.token_hex(4)}"
    return {
        "action": "add",
        "name": name,
        "certificate": pem(root_of(name).certificate).decode(),
        "anchor": True,
        "trusted_from": "2026-11-01T00:00:00+07:00",
        "purposes": ["leader", "seal"],
        "crl": [f"http://{name}.example/crl"],
    }
