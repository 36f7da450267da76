"""An issuer on a real socket whose keys, failures and tokens a test decides."""

import base64
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PUBLIC = "https://lienthong.vn/api"

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(slots=True)
class Issuer:
    """Publishes `keys`; counts how often it is asked."""

    url: str
    keys: dict[str, Private] = field(default_factory=dict[str, Private])
    extra: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: int = 0
    broken: bool = False
    names_itself: str | None = None

    @property
    def metadata(self) -> str:
        """Return the address of its metadata."""
        return f"{self.url}/.well-known/oauth-authorization-server"

    def claims(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
        """Return good claims with these changes; None takes one away."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": PUBLIC,
            "sub": "sys-a",
            "client_id": "sys-a",
            "iat": now,
            "exp": now + 600,
            "jti": str(uuid4()),
            "agencies": ["H14"],
            "scope": "documents.send documents.receive",
            "client_version": 1,
            "directory_version": 1,
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:  # noqa: ANN401
        """Return a token that is good but for these changes of claims."""
        return sign(self.keys["es"], self.claims(**changes), {"kid": "es"})


def sign(key: Private, claims: object, header: dict[str, Any]) -> str:
    """Return a compact JWS over any claims with any header; the key decides how it is signed."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    algorithm, signer = _signer(key)
    signed = f"{b64({'alg': algorithm, 'typ': 'at+jwt', **header})}.{b64(payload)}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def _signer(key: Private) -> tuple[str, Callable[[bytes], bytes]]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256", lambda data: ECAlgorithm(ECAlgorithm.SHA256).sign(data, key)
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, key)
    return "EdDSA", key.sign


def b64(raw: bytes | dict[str, Any]) -> str:
    """Return base64url without padding, of bytes or of JSON."""
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def public_jwk(kid: str, key: Private) -> dict[str, Any]:
    """Return the public JWK of a key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
    return {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


@asynccontextmanager
async def issuing() -> AsyncGenerator[Issuer]:
    """Serve an issuer for the length of a `with`."""
    issuer = Issuer("")
    issuer.keys["es"] = ec.generate_private_key(ec.SECP256R1())

    async def metadata(_request: web.Request) -> web.Response:
        if issuer.broken:
            return web.Response(status=500)
        names = issuer.names_itself or issuer.url
        return web.json_response({"issuer": names, "jwks_uri": f"{issuer.url}/jwks"})

    async def keys(_request: web.Request) -> web.Response:
        issuer.asked += 1
        rows = [public_jwk(kid, key) for kid, key in issuer.keys.items()]
        return web.json_response({"keys": rows + issuer.extra})

    app = web.Application()
    app.router.add_get("/.well-known/oauth-authorization-server", metadata)
    app.router.add_get("/jwks", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    issuer.url = f"http://{host}:{port}"
    try:
        yield issuer
    finally:
        await runner.cleanup()
