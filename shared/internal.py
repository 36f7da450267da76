"""Asking another service under `/internal/`, with a service token of our own."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp
import jwt
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from opentelemetry import propagate
from pydantic import BaseModel, ValidationError

from shared.errors import Unavailable
from shared.events.topics import Service
from shared.failpoint import reach
from shared.settings import ServiceSettings

DEADLINE = aiohttp.ClientTimeout(total=20, connect=2)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_EARLY = 60.0
_OK = 200
_CHUNK = 1 << 16
M = TypeVar("M", bound=BaseModel)
_log = structlog.get_logger()


class _Metadata(BaseModel):
    token_endpoint: str


class _Issued(BaseModel):
    access_token: str
    expires_in: float


class _Denied(BaseModel):
    error: str | None = None


def internal_audience(service: Service) -> str:
    """Return the `aud` of tokens for one service's `/internal` routes."""
    return f"https://lienthong.vn/internal/{service}"


def assertion(*, client_id: str, key: Any, audience: str, kid: str | None = None) -> str:  # noqa: ANN401
    """Return a client assertion (RFC 7523): this client holds its private key, now, once."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid4()),
    }
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims, key, algorithm="ES256", headers=headers)


class Refused(Unavailable):
    """Another service has answered, and not with what was asked for."""

    def __init__(self, what: str, code: str | None) -> None:
        """Name what is missing; `code` is of the problem that it answered with, if it named one."""
        super().__init__(what)
        self.answered = code


def shaped(shape: type[M], body: object, *, what: str) -> M:
    """Return parsed JSON of `what` in its shape. Raises Unavailable (logged) when it has another.

    A proxy on the way may answer anything: that is to be waited out as if nobody had answered.
    """
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        _log.warning("an answer of another shape", what=what, faults=faults)
        raise Unavailable(f"{what} (an answer of another shape)") from error


class Internal:
    """An HTTP client to the other services; tokens are fetched and kept until they near expiry."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: ServiceSettings,
        addresses: Mapping[Service, str],
    ) -> None:
        """Use an open session; `open` makes one."""
        self._session, self._settings, self._addresses = session, settings, addresses
        self._tokens: dict[Service, tuple[str, float]] = {}
        self._endpoint: str | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: ServiceSettings, addresses: Mapping[Service, str]
    ) -> "AsyncGenerator[Internal]":
        """Open the client for the length of a `with`; `addresses` are base URLs."""
        async with aiohttp.ClientSession(timeout=DEADLINE) as session:
            yield cls(session, settings, addresses)

    async def get(self, service: Service, path: str, **query: str | int) -> Any:  # noqa: ANN401
        """GET `path` (under `/internal/`) and return its JSON (`shaped` by the caller).

        Raises Unavailable when the service, or the token endpoint, does not answer with 200.
        """
        headers = {"Authorization": f"Bearer {await self._token(service)}"}
        propagate.inject(headers)
        url = self._addresses[service].rstrip("/") + path
        status, body = await self._ask("GET", url, what=service, params=query, headers=headers)
        if status != _OK:
            self._tokens.pop(service, None)
            raise Unavailable(f"{service} ({path}: {status})")
        return body

    async def fetch(self, service: Service, path: str, *, most: int) -> bytes:
        """GET `path` (under `/internal/`) and return its bytes as they were sent, `most` of them.

        Raises as `chunks` does.
        """
        async with aclosing(self.chunks(service, path, most=most)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def chunks(self, service: Service, path: str, *, most: int) -> AsyncGenerator[bytes]:
        """GET `path` (under `/internal/`) and yield its bytes as they come, `most` of them.

        Whoever does not take them all closes it (`aclosing`). Raises Refused when the service
        answers with another status than 200, Unavailable when it, or the token endpoint, does not
        answer at all, or with more.
        """
        headers = {"Authorization": f"Bearer {await self._token(service)}"}
        propagate.inject(headers)
        url = self._addresses[service].rstrip("/") + path
        size = 0
        try:
            async with self._answer("GET", url, headers=headers) as answer:
                if answer.status != _OK:
                    self._tokens.pop(service, None)
                    raise Refused(f"{service} ({path}: {answer.status})", await _code(answer))
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise Unavailable(f"{service} ({path}: over {most} bytes)")
                    yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(service) from error

    async def _token(self, service: Service) -> str:
        token, until = self._tokens.get(service, ("", 0.0))
        if time.monotonic() < until:
            return token
        endpoint = await self._token_endpoint()
        name = f"service-{self._settings.service}"
        key = load_pem_private_key(_read(self._settings.client_key), None)
        form = {
            "grant_type": "client_credentials",
            "scope": "internal",
            "resource": internal_audience(service),
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(client_id=name, key=key, audience=endpoint),
        }
        status, body = await self._ask("POST", endpoint, what="gateway", data=form)
        if status != _OK:
            denied = shaped(_Denied, body, what=f"the token endpoint ({status})")
            raise Unavailable(f"the token endpoint ({status} {denied.error})")
        issued = shaped(_Issued, body, what="the token endpoint")
        life = max(issued.expires_in - _EARLY, 0.0)
        self._tokens[service] = (issued.access_token, time.monotonic() + life)
        return issued.access_token

    async def _token_endpoint(self) -> str:
        if self._endpoint is None:
            url = self._settings.issuer_metadata
            status, metadata = await self._ask("GET", url, what="gateway")
            if status != _OK:
                raise Unavailable(f"the issuer's metadata ({status})")
            found = shaped(_Metadata, metadata, what="the issuer's metadata")
            self._endpoint = found.token_endpoint
        return self._endpoint

    async def _ask(self, method: str, url: str, *, what: str, **options: Any) -> tuple[int, Any]:  # noqa: ANN401
        try:
            async with self._answer(method, url, **options) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise Unavailable(what) from error

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        async with self._session.request(method, url, **options) as answer:
            reach("internal.answered")
            yield answer


async def _code(answer: aiohttp.ClientResponse) -> str | None:
    """Return the code of the problem that an answer is (RFC 9457); None: it names none."""
    try:
        said: Any = await answer.json(content_type=None)
        return str(said["code"])
    except (ValueError, TypeError, LookupError):
        return None


def _read(file: Path) -> bytes:
    return file.read_bytes()
