"""How the systems of a stack log in, and how one is registered only to be revoked again."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from tests.proof.forge import jose
from tests.proof.forge.shapes import Material
from tests.proof.harness import Harness

BY_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OK, _NOT_VALID = 200, 422
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """A client and the key that proves it."""

    client_id: str
    key: jose.Key
    endpoint: str

    def proof(self, **changes: object) -> Material:
        """Return a client assertion that is good once; with other claims if any are named."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.endpoint,
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid4()),
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return Material(jose.compact({"alg": "ES256", "typ": "JWT"}, kept, self.key), self.key)

    def form(self, assertion: str, **more: str) -> dict[str, str]:
        """Return a request for a token by an assertion."""
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": BY_ASSERTION,
            "client_assertion": assertion,
            **more,
        }


class NoToken(Exception):  # noqa: N818 (a control that must be good was refused)
    """A good assertion got no token: says what the endpoint answered."""


async def token(session: aiohttp.ClientSession, system: System, **form: str) -> str:
    """Return an access token. Raises NoToken."""
    sent = system.form(system.proof().good, **form)
    async with session.post(system.endpoint, data=sent) as answer:
        granted = await answer.json()
        if answer.status != _OK:
            raise NoToken(f"{system.client_id}: {answer.status} {granted}")
    return str(granted["access_token"])


def systems(harness: Harness) -> Mapping[str, System]:
    """Return the systems of the seed, and of the services, by client id."""
    found = {
        row["client_id"]: System(
            row["client_id"],
            jose.load(Path(row["private_key"]).read_bytes()),
            row["token_endpoint"],
        )
        for row in harness.clients()
    }
    endpoint = next(iter(found.values())).endpoint
    for path in (harness.run / "pki").glob("service-*.key.pem"):
        name = path.name.removesuffix(".key.pem")
        found[name] = System(name, jose.load(path.read_bytes()), endpoint)
    return found


def token_key(harness: Harness, good: str) -> jose.Key:
    """Return the gateway's key that has signed a token."""
    kid = jose.members(good.partition(".")[0])["kid"]
    return jose.load((harness.run / "pki" / "gateway" / f"{kid}.pem").read_bytes())


def _new(
    client_id: str, agency: str, scopes: Sequence[str], jwk: Mapping[str, object]
) -> dict[str, object]:
    return {
        "client_id": client_id,
        "agencies": [agency],
        "scopes": list(scopes),
        "jwks": {"keys": [jwk]},
    }


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers systems, and takes their rights away."""

    session: aiohttp.ClientSession
    gateway: str
    token: str

    async def add(self, endpoint: str, agency: str, *scopes: str) -> System:
        """Register a system of an agency."""
        system = System(f"qlvb-{uuid4().hex[:12]}", jose.new_key(), endpoint)
        jwk = jose.jwk(system.key, kid="1", alg="ES256", use="sig")
        await self._ask("POST", "/v1/clients", body=_new(system.client_id, agency, scopes, jwk))
        return system

    async def refuses(self, agency: str, jwk: Mapping[str, object]) -> bool:
        """Say whether a system with this key is refused because of its key."""
        body = _new(f"qlvb-{uuid4().hex[:12]}", agency, ["directory"], jwk)
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(uuid4())}
        url = f"{self.gateway}/v1/clients"
        async with self.session.post(url, headers=headers, json=body) as answer:
            if answer.status != _NOT_VALID:
                return False
            errors = (await answer.json())["errors"]
            return [one["pointer"] for one in errors] == ["/jwks/keys/0"]

    async def revoke(self, system: System) -> None:
        """Revoke it for good."""
        path = f"/v1/clients/{system.client_id}"
        await self._ask("DELETE", path, etag=await self._ask("GET", path))

    async def change_key(self, system: System) -> System:
        """Take a system's key away, as if it had been lost; return it with its new key."""
        renewed = System(system.client_id, jose.new_key(), system.endpoint)
        path = f"/v1/clients/{system.client_id}/keys"
        jwk = jose.jwk(renewed.key, kid="2", alg="ES256", use="sig")
        etag = await self._ask("POST", path, body=jwk)
        await self._ask("DELETE", f"{path}/1", etag=etag)
        return renewed

    async def _ask(
        self, method: str, path: str, *, body: Json | None = None, etag: str = ""
    ) -> str:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(uuid4())}
        if etag:
            headers["If-Match"] = etag
        url = self.gateway + path
        async with self.session.request(method, url, headers=headers, json=body) as answer:
            said = await answer.text()
            if not answer.ok:
                raise NoToken(f"{method} {path}: {answer.status} {json.dumps(said)[:300]}")
            return answer.headers.get("ETag", "")
