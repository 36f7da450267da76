"""A token issuer on a real socket: tokens in the gateway's form, with metadata and key set."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

AUDIENCE = "https://lienthong.vn/api"
INTERNAL_AUDIENCE = "https://lienthong.vn/internal/notify"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs tokens with one key."""

    url: str
    key: ec.EllipticCurvePrivateKey
    asked: list[dict[str, str]]
    """What was sent to the token endpoint, with the `Authorization` header beside the form."""

    @property
    def metadata(self) -> str:
        """Return the address of its metadata."""
        return f"{self.url}/.well-known/oauth-authorization-server"

    def token(
        self,
        client_id: str,
        agencies: Sequence[str],
        *,
        scope: str = "documents.send documents.receive",
        audience: str = AUDIENCE,
        seconds: int = 600,
    ) -> str:
        """Return an access token (RFC 9068)."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": client_id,
            "client_id": client_id,
            "iat": now,
            "exp": now + seconds,
            "jti": str(uuid4()),
            "agencies": list(agencies),
            "scope": scope,
        }
        headers = {"typ": "at+jwt", "kid": "test"}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=headers)


@asynccontextmanager
async def serve_issuer() -> AsyncGenerator[Issuer]:
    """Serve an issuer for the length of a `with`."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    app = web.Application()
    runner = web.AppRunner(app)

    async def metadata(request: web.Request) -> web.Response:
        base = f"http://{request.host}"
        urls = {"jwks_uri": f"{base}/jwks", "token_endpoint": f"{base}/token"}
        return web.json_response({"issuer": base, **urls})

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [{**jwk, "kid": "test", "alg": "ES256", "use": "sig"}]})

    asked: list[dict[str, str]] = []

    async def token(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked.append({**form, "authorization": request.headers.get("Authorization", "")})
        return web.json_response({"access_token": "of the test", "expires_in": 600})

    app.router.add_get("/.well-known/oauth-authorization-server", metadata)
    app.router.add_get("/jwks", keys)
    app.router.add_post("/token", token)
    app.router.add_post("/oauth/token", token)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield Issuer(f"http://{host}:{port}", key, asked)
    finally:
        await runner.cleanup()
