"""The stack that is asked: its addresses, operations, systems with their tokens, living objects."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt

from tests.proof.fuzz.wire import Address, Line, Reply, request

Json = Any

SERVICES = ("gateway", "docs", "signing", "notify")
SENDER, RECIPIENT = "sys-g22", "sys-h14"
HUB = "hub-h14-communes"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RENEW_S = 300
_OK = 200
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the OpenAPI document."""

    method: str
    path: str
    scopes: tuple[str, ...]
    """One of them is needed; empty: any token, or none."""
    public: bool
    bodies: tuple[str, ...]
    """Media types it takes."""
    query: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return `GET /v1/…`."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Doors:
    """A running stack, from outside."""

    run: Path
    addresses: Mapping[str, Address]
    clients: Mapping[str, Mapping[str, Json]]
    document: Mapping[str, Json] = field(default_factory=dict[str, Json])
    operations: Sequence[Operation] = ()
    places: dict[str, str] = field(default_factory=dict[str, str])
    """Living objects by the names of the parameters of paths."""
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])

    @classmethod
    def of(cls, run: Path) -> "Doors":
        """Read `ports.json` and `clients.json` of a stack."""
        ports: dict[str, Json] = json.loads((run / "ports.json").read_text(encoding="utf-8"))
        rows: list[dict[str, Json]] = json.loads((run / "clients.json").read_text(encoding="utf-8"))
        addresses = {name: Address.of(ports[name]) for name in SERVICES}
        addresses["kafka_oauth"] = Address.of(ports["kafka_oauth"])
        return cls(run, addresses, {row["client_id"]: row for row in rows})

    @property
    def gateway(self) -> str:
        """Return the gateway's URL."""
        address = self.addresses["gateway"]
        return f"http://{address.host}:{address.port}"

    async def learn(self) -> None:
        """Read the OpenAPI document."""
        reply = await Line(self.addresses["gateway"]).ask(request("GET", "/openapi.json", {}))
        self.document = json.loads(reply.body)
        self.operations = list(operations(self.document))

    async def renew(self, client_ids: Sequence[str]) -> None:
        """Get a token for each of these systems, unless it has a fresh one."""
        now = time.monotonic()
        for client_id in client_ids:
            if self._tokens.get(client_id, ("", 0.0))[1] < now:
                self._tokens[client_id] = (await self._granted(client_id), now + _RENEW_S)

    async def keep_renewing(self, client_ids: Sequence[str]) -> None:
        """Renew for ever (a task)."""
        while True:
            await asyncio.sleep(_RENEW_S / 10)
            await self.renew(client_ids)

    def bearer(self, client_id: str) -> dict[str, str]:
        """Return the header with a system's token; none for nobody."""
        return {"Authorization": f"Bearer {self._tokens[client_id][0]}"} if client_id else {}

    async def _granted(self, client_id: str) -> str:
        form = urlencode(self.token_form(client_id)).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        line = Line(self.addresses["gateway"])
        for _ in range(_TRIES):
            reply = await line.ask(request("POST", "/oauth/token", kind, form))
            if reply.status == _OK:
                line.close()
                return json.loads(reply.body)["access_token"]
            await asyncio.sleep(0.5)
        raise RuntimeError(f"no token for {client_id}")

    def token_form(self, client_id: str) -> dict[str, str]:
        """Return a good token request (RFC 7523), each time a new one."""
        row, now = self.clients[client_id], int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": row["token_endpoint"]}
        claims |= {"jti": str(uuid4())}
        times = {"iat": now, "exp": now + 60}
        key = Path(row["private_key"]).read_bytes()
        return {
            "grant_type": "client_credentials",
            "scope": row["scope"],
            "client_assertion_type": _ASSERTION,
            "client_assertion": jwt.encode({**claims, **times}, key, algorithm="ES256"),
        }

    def caller(self, operation: Operation) -> str:
        """Return which system asks an operation, so that its scope is there."""
        if operation.public:
            return ""
        for scope, client_id in (("operator", "operator"), ("registrar", "registrar")):
            if set(operation.scopes) == {scope}:
                return client_id
        receives = "documents.receive" in operation.scopes
        return RECIPIENT if receives and "documents.send" not in operation.scopes else SENDER


def operations(document: Mapping[str, Json]) -> list[Operation]:
    """Return the operations of an OpenAPI document."""
    found: list[Operation] = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            security: list[dict[str, list[str]]] = told.get("security", [])
            parameters = [_resolved(document, one) for one in told.get("parameters", [])]
            body = _resolved(document, told.get("requestBody", {}))
            found.append(
                Operation(
                    method=method.upper(),
                    path=path,
                    scopes=tuple(
                        scope for row in security for one in row.values() for scope in one
                    ),
                    public=not security,
                    bodies=tuple(body.get("content", {})),
                    query=tuple(one["name"] for one in parameters if one["in"] == "query"),
                    places=tuple(one["name"] for one in parameters if one["in"] == "path"),
                )
            )
    return found


def _resolved(document: Mapping[str, Json], part: dict[str, Json]) -> dict[str, Json]:
    node: Json = part
    if "$ref" in part:
        node = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            node = node[name]
    return node


async def ask_json(
    doors: Doors,
    by: str,
    label: str,
    body: Json = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Ask as a good client does, on a connection of its own."""
    method, target = label.split(" ", 1)
    sent = {**doors.bearer(by), **(headers or {})}
    if method == "POST":
        sent.setdefault("Idempotency-Key", str(uuid4()))
    raw = None
    if isinstance(body, bytes):
        raw = body
    elif body is not None:
        raw = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    line = Line(doors.addresses["gateway"])
    try:
        return await line.ask(request(method, target, sent, raw))
    finally:
        line.close()
