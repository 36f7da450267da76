"""The token endpoint (RFC 6749 4.4, RFC 7523, RFC 8707, RFC 9068), metadata and published keys."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from starlette.responses import JSONResponse

from services.gateway import keys as ring
from services.gateway import store
from services.gateway.assertion import (
    JWT_BEARER,
    Assertion,
    NotProved,
    Secret,
    Use,
    by_assertion,
    check_assertion,
    check_secret,
    claimed,
)
from services.gateway.form import NO_STORE, OAuthError, parse_form
from services.gateway.keys import Published, SigningKey
from services.gateway.settings import GatewaySettings
from services.gateway.store import StoredClient, lives
from shared import agencies
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events.topics import SERVICES
from shared.identity import INTERNAL
from shared.internal import internal_audience
from shared.process import Task
from shared.restored import Recovery
from shared.tokens import ALGORITHMS, KAFKA_CLAIM, KAFKA_SCOPE, LEEWAY, kafka_principal

LIFETIME_SECONDS = 600
KEYS_SECONDS = 5.0
"""How often the folder of token keys is read again."""
_START_SECONDS = 0.2
_AT_ONCE, _TURN_SECONDS = 4, 3.0
"""Token requests at the database at a time (the pool is of all routes), and for how long others
wait for their turn."""
Admit = Callable[[str], Awaitable[None]]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token will say."""

    client: StoredClient
    scopes: tuple[str, ...]
    audience: str
    directory_version: int
    now: datetime
    """PostgreSQL's time under the lock of the client's tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a token request, and which client it claimed to come from."""

    response: JSONResponse
    claimed: str


class Issuer:
    """Issues tokens with the keys of a folder; on `app.state.issuer`."""

    def __init__(self, settings: GatewaySettings, db: Database, recovery: Recovery) -> None:
        """Read the keys; they are known to others after the first `refresh`."""
        self._settings, self._db, self._recovery = settings, db, recovery
        self._restored_at: datetime | None = None
        self._folder: dict[str, SigningKey] = {}
        self._published: list[Published] = []
        self._signing: SigningKey | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def refresh(self) -> None:
        """Read the folder again, publish what is in it, choose the key that signs."""
        self._folder = ring.read_folder(self._settings.token_keys)
        present = list(self._folder.values())

        async def publish(conn: Connection) -> None:
            await store.publish_keys(conn, present)
            self._restored_at = await lives.restored_at(conn)
            now, self._published = await store.published_keys(conn, kept=ring.PUBLISHED_AFTER)
            self._signing = ring.choose(self._folder, self._published, now=now)

        await self._db.as_worker(publish)

    async def check(self) -> str | None:
        """Say what is missing for readiness."""
        return None if self._signing is not None else "no token key to sign with"

    def jwks(self) -> dict[str, Any]:
        """Return the published keys (RFC 7517)."""
        if not self._published:
            raise Unavailable("the gateway's key ring")
        return {"keys": [key.jwk for key in self._published]}

    def metadata(self) -> dict[str, Any]:
        """Return what clients must know of this issuer (RFC 8414)."""
        base = self._settings.public_url.rstrip("/")
        methods = ["private_key_jwt", "client_secret_basic"]
        return {
            "issuer": self._settings.issuer,
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials", JWT_BEARER],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        }

    async def answer(self, body: bytes, authorization: str | None, *, admit: Admit) -> Answer:
        """Answer a token request. Raises Unavailable; errors of the protocol are answers.

        `admit` is told who has proved itself, before anything is written; it may raise a Problem.
        """
        proof: Assertion | Secret | None = None
        try:
            form = by_assertion(parse_form(body))
            _require_grant_type(form.get("grant_type"))
            proof = _claimed(form, authorization)
            response = await self._issue(proof, form, admit)
        except OAuthError as error:
            _log.info("token refused", error=error.error, cause=error.description)
            response = error.response()
        return Answer(response, "" if proof is None else proof.client_id)

    async def _issue(
        self, proof: Assertion | Secret, form: Mapping[str, str], admit: Admit
    ) -> JSONResponse:
        try:
            async with self._turn():
                found = await self._db.as_worker(
                    lambda conn: store.find_client(conn, proof.client_id)
                )
            client, _ = self._proved(found, proof)
            if INTERNAL not in client.scopes:  # its keys and rights may be those of long ago
                await self._recovery.require_over()
            await admit(client.client_id)
            async with self._turn():
                return self._token(await self._db.as_worker(partial(self._grant, proof, form)))
        except NotProved as error:
            raise _not_authenticated(error) from None

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait for one of the places at the database. Raises Unavailable."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("the token endpoint") from None
        try:
            yield
        finally:
            self._turns.release()

    def _proved(
        self, found: StoredClient | None, proof: Assertion | Secret
    ) -> tuple[StoredClient, Use | None]:
        client = _active(found)
        if isinstance(proof, Secret):
            check_secret(client, proof)
            return client, None
        audiences = {self._settings.issuer, self.metadata()["token_endpoint"]}
        return client, check_assertion(client, proof, audiences=audiences)

    async def _grant(
        self, proof: Assertion | Secret, form: Mapping[str, str], conn: Connection
    ) -> Grant:
        # Once more: until the token's moment is known, its client may be changed. From here on not.
        found, now = await store.find_unchanging(conn, proof.client_id)
        client, use = self._proved(found, proof)
        if use is not None:
            await self._use(conn, client, use)
        scopes = granted_scopes(client, form.get("scope"))
        audience = granted_audience(scopes, form.get("resource"), self._settings.audience)
        return Grant(client, scopes, audience, await agencies.directory_version(conn), now)

    async def _use(self, conn: Connection, client: StoredClient, use: Use) -> None:
        if self._restored_at is not None and use.earliest < self._restored_at:
            raise Unavailable("the memory of used assertions (make a new one)")
        fresh = await store.use_assertion(
            conn, client_id=client.client_id, jti=use.jti, expires_at=use.expires_at
        )
        if not fresh:
            raise NotProved("jti was used before")

    def _token(self, grant: Grant) -> JSONResponse:
        if self._signing is None:
            raise Unavailable("the gateway's key ring")
        now, client = int(grant.now.timestamp()), grant.client
        if client.not_before is not None:
            # A change holds from the second after it on, or from a later one behind others; this
            # token comes after it. Verifiers take one of a moment to come that is not far.
            now = max(now, min(now + LEEWAY - 1, int(client.not_before.timestamp())))
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "sub": client.client_id,
            "aud": grant.audience,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": str(uuid4()),
            "client_id": client.client_id,
            "agencies": [] if INTERNAL in grant.scopes else list(client.agencies),
            "scope": " ".join(grant.scopes),
            "client_version": client.version,
            "directory_version": grant.directory_version,
        }
        if KAFKA_SCOPE in grant.scopes and client.not_before is not None:
            claims[KAFKA_CLAIM] = kafka_principal(client.client_id, client.not_before)
        body = {
            "access_token": self._signing.sign(claims),
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": claims["scope"],
        }
        return JSONResponse(body, headers=NO_STORE)


def refreshing(issuer: Issuer) -> Task:
    """Return the task that reads the folder of keys again and again, at a start without delay."""

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause = KEYS_SECONDS
            try:
                await issuer.refresh()
            except Unavailable as error:
                _log.info("token keys not read", cause=error.en)
                pause = _START_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()

    return task


def _require_grant_type(given: str | None) -> None:
    if given != "client_credentials":
        error = "invalid_request" if given is None else "unsupported_grant_type"
        raise OAuthError(error, "grant_type must be client_credentials")


def _claimed(form: Mapping[str, str], authorization: str | None) -> Assertion | Secret:
    try:
        return claimed(form, authorization)
    except NotProved as error:
        raise _not_authenticated(error) from None


def _not_authenticated(cause: NotProved) -> OAuthError:
    _log.info("client not authenticated", cause=str(cause))
    return OAuthError("invalid_client", "client authentication failed", status=401)


def _active(client: StoredClient | None) -> StoredClient:
    if client is None or client.state != "active":
        raise NotProved("client")
    return client


def granted_scopes(client: StoredClient, asked: str | None) -> tuple[str, ...]:
    """Return the scopes asked for, or all of the client's. Raises OAuthError."""
    if asked is None:
        return client.scopes
    wanted = tuple(dict.fromkeys(asked.split()))
    if not wanted or not set(wanted) <= set(client.scopes):
        raise OAuthError("invalid_scope", "the client does not have every scope it asks for")
    return wanted


def granted_audience(scopes: tuple[str, ...], resource: str | None, public: str) -> str:
    """Return whom the token is for: our API, or one service for the services' own tokens."""
    inside = {internal_audience(service) for service in SERVICES}
    if INTERNAL in scopes:
        if resource not in inside or len(scopes) > 1:
            raise OAuthError("invalid_target", "scope internal takes the resource of one service")
        return resource
    if resource not in (None, public):
        raise OAuthError("invalid_target", "no such resource")
    return public
