"""Systems that the tests of the whole stack register for themselves, and their subscriptions."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infra.client import Access, Client, connect, ports
from shared.tokens import KAFKA_CLAIM
from tests.fixtures.eventually import eventually

SCOPES = ["directory", "documents.receive"]


@dataclass(frozen=True, slots=True)
class System:
    """A connected system with a key of its own, and the registrar who looks after it."""

    client: Client
    registrar: Client
    run: Path
    session: aiohttp.ClientSession

    @property
    def id(self) -> str:
        """Return its client id."""
        return self.client.access.client_id

    @property
    def bootstrap(self) -> str:
        """Return where it reaches Kafka."""
        return str(ports(self.run)["kafka_oauth"])

    def anew(self, *, scope: str = "") -> Client:
        """Return a client that has no token yet, for some of its scopes."""
        access = replace(self.client.access, scope=scope or self.client.access.scope)
        return Client(self.session, str(ports(self.run)["gateway"]), access, patience=60)

    async def user(self) -> str:
        """Return who the bearer of its token is at Kafka."""
        token = await self.client.token()
        return str(jwt.decode(token, options={"verify_signature": False})[KAFKA_CLAIM])

    async def change_key(self) -> None:
        """Give it a second key, with which it goes on, and take the first away: it was lost."""
        jwk = new_key(self.client.access.private_key, "2")
        keys = f"/v1/clients/{self.id}/keys"
        etag = (await self.registrar.ask("POST", keys, body=jwk)).headers["ETag"]
        await self.registrar.ask("DELETE", f"{keys}/1", headers={"If-Match": etag})

    async def subscribe(self) -> str:
        """Ask for a Kafka mailbox; return the subscription's path."""
        asked = await self.client.ask("POST", "/v1/subscriptions", body={"kind": "kafka"})
        assert asked.status == 202
        return f"/v1/subscriptions/{asked.json()['id']}"

    async def shown(self, path: str) -> dict[str, Any]:
        """Return its subscription as it stands now."""
        return (await self.client.ask("GET", path)).json()

    async def ready(self, path: str) -> dict[str, Any]:
        """Wait until its subscription is ready; return everything to connect."""

        async def ready() -> dict[str, Any] | None:
            found = await self.shown(path)
            return found["kafka"] if found["state"] == "ready" else None

        return await eventually(ready, f"the mailbox of {self.id} is ready", timeout=60)

    async def change(self, method: str, *, body: object = None) -> None:
        """Have the registrar change or revoke it."""
        path = f"/v1/clients/{self.id}"
        etag = (await self.registrar.ask("GET", path)).headers["ETag"]
        await self.registrar.ask(method, path, body=body, headers={"If-Match": etag})


def new_key(file: Path, kid: str) -> dict[str, Any]:
    """Write a new private key; return its public one."""
    private = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return json.loads(ECAlgorithm.to_jwk(private.public_key())) | {"kid": kid, "alg": "ES256"}


@asynccontextmanager
async def registered(run: Path, folder: Path, *agencies: str) -> AsyncGenerator[System]:
    """Register a new system that receives for these agencies, and lend it."""
    key = folder / "key.pem"
    jwk = new_key(key, "1")
    name = f"sys-kafka-{uuid4().hex[:8]}"
    async with connect(run, ["registrar"]) as clients, aiohttp.ClientSession() as session:
        registrar = clients["registrar"]
        new = {"client_id": name, "agencies": list(agencies), "scopes": SCOPES}
        await registrar.ask("POST", "/v1/clients", body=new | {"jwks": {"keys": [jwk]}})
        endpoint = registrar.access.token_endpoint
        access = Access(name, agencies, " ".join(SCOPES), key, endpoint)
        gateway = str(ports(run)["gateway"])
        yield System(Client(session, gateway, access, patience=60), registrar, run, session)
