"""How each operation is asked so that only the caller's rights decide: paths, bodies, headers."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.proof.access.bundles import PIN

Ids = Mapping[str, str]
_NO_CHANGE = "00000000-0000-7000-8000-000000000000"
_PDF = b"%PDF-1.7\nnothing of worth\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is sent besides the token."""

    body: object = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the merged document."""

    method: str
    path: str
    service: str

    @property
    def name(self) -> str:
        """Return method and path, as the table names it."""
        return f"{self.method} {self.path}"

    def address(self, ids: Ids) -> str:
        """Return its path with these ids."""
        values = {
            **ids,
            "sha256": ids["certificate"],
            "ca": "issuing",
            "kid": "1",
            "item_id": "0",
            "change_id": _NO_CHANGE,
            "lane": "normal",
            "agency_code": "Z00",
        }
        return self.path.format_map(values)

    def ask(self, ids: Ids) -> Ask:
        """Return a request that is good but for who sends it, or does nothing if it is let in."""
        made = _ASKS.get(self.name)
        return Ask() if made is None else made(ids)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return all operations of the gateway's document."""
    return [
        Operation(method.upper(), path, str(operation["x-service"]))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _json(body: object, **headers: str) -> Callable[[Ids], Ask]:
    return lambda _: Ask(body, headers={name.replace("_", "-"): v for name, v in headers.items()})


def _announced(_: Ids) -> Ask:
    digest = hashlib.sha256(_PDF).hexdigest()
    file = {"name": "a.pdf", "media_type": "application/pdf", "size": len(_PDF)}
    return Ask({**file, "sha256": digest, "role": "ANNEX"})


def _content(_: Ids) -> Ask:
    return Ask(raw=_PDF, headers={"Content-Type": "application/pdf"})


def _cached(ids: Ids) -> Ask:
    """Ask whether a file that one knows by its digest has changed: no 304 for a stranger."""
    digests = json.loads(ids["digests"])
    digest = digests.get(ids["attachment_id"]) or next(iter(digests.values()))
    return Ask(headers={"If-None-Match": f'"{digest}"', "Range": "bytes=0-9"})


def _signature(ids: Ids) -> Ask:
    wanted = {"attachment_id": ids["attachment_id"], "kind": "leader"}
    return Ask({**wanted, "certificate": ids["own_certificate"]})


_ANY_VERSION = {"If-Match": '"1"'}
_STALE = {"If-Match": '"0"'}
_ASKS: dict[str, Callable[[Ids], Ask]] = {
    "PATCH /v1/documents/{document_id}": lambda _: Ask(
        {"subject": "x"}, headers={"Content-Type": "application/merge-patch+json", **_ANY_VERSION}
    ),
    "DELETE /v1/documents/{document_id}": lambda _: Ask(headers=_ANY_VERSION),
    "POST /v1/documents/{document_id}/attachments": _announced,
    "PUT /v1/documents/{document_id}/attachments/{attachment_id}/content": _content,
    "GET /v1/documents/{document_id}/attachments/{attachment_id}/content": _cached,
    "POST /v1/documents/{document_id}/dispatches": _json({}),
    "POST /v1/documents/{document_id}/signatures": _signature,
    "POST /v1/deliveries/{delivery_id}/acknowledgement": lambda ids: Ask(
        {"digests": json.loads(ids["digests"])}
    ),
    "POST /v1/deliveries/{delivery_id}/statuses": _json({"code": "03"}),
    "PATCH /v1/inbox/leases/{lease_id}": _json({"visibility": "PT1H"}),
    "POST /v1/signatures/{signature_id}/activation": _json({"pin": PIN}),
    "POST /v1/validations": _json({}),
    "DELETE /v1/subscriptions/{subscription_id}": lambda _: Ask(headers=_STALE),
    "PATCH /v1/clients/{client_id}": lambda _: Ask({"scopes": ["directory"]}, headers=_STALE),
    "DELETE /v1/clients/{client_id}": lambda _: Ask(headers=_STALE),
    "DELETE /v1/clients/{client_id}/keys/{kid}": lambda _: Ask(headers=_STALE),
    "GET /v1/deliveries": lambda _: Ask(query="?direction=in&limit=500&expand=document"),
    "GET /v1/inbox": lambda _: Ask(query="?limit=500"),
    "POST /v1/inbox/leases": _json({"max": 0}),
    "POST /oauth/token": lambda _: Ask(
        raw=b"grant_type=password", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
}
"""Where nothing stands here, an empty body: it is refused as such by whoever may ask."""

LAST = (
    "DELETE /v1/inbox/leases/{lease_id}",
    "POST /v1/signatures/{signature_id}/activation",
    "DELETE /v1/signatures/{signature_id}",
)
"""What changes an object of the caller's own: asked after everything else."""


def sent_headers(ask: Ask) -> dict[str, str]:
    """Return the headers of a request; every POST has a key of its own."""
    return {"Idempotency-Key": str(uuid4()), **ask.headers}


def sent_body(operation: Operation, ask: Ask) -> bytes | None:
    """Return the bytes of a request's body."""
    if ask.raw is not None:
        return ask.raw
    if operation.method in {"GET", "HEAD", "DELETE"}:
        return None
    return json.dumps({} if ask.body is None else ask.body).encode()
