"""A small client of the exchange's REST API, as an agency's software would have: demo and tests."""

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import aiohttp
import jwt

from infra.stack.folder import Folder

Json: TypeAlias = dict[str, Any]

AGAIN = frozenset({429, 502, 503, 504})
"""Answers that ask for another try of the same request."""

STILL_HANDLED = "REQ-4091"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMES = aiohttp.ClientTimeout(total=60, sock_connect=5)


def run_folder() -> Path:
    """Return the folder of the stack to talk to."""
    return Folder.here().path


def ports(run: Path) -> Json:
    """Return the addresses of a running stack. Raises FileNotFoundError when there is none."""
    return json.loads((run / "ports.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Access:
    """How one connected system logs in (a row of `clients.json`)."""

    client_id: str
    agencies: tuple[str, ...]
    scope: str
    private_key: Path
    token_endpoint: str


def accesses(run: Path) -> dict[str, Access]:
    """Return the seeded systems of a stack by client id."""
    rows = json.loads((run / "clients.json").read_text(encoding="utf-8"))
    return {
        row["client_id"]: Access(
            client_id=row["client_id"],
            agencies=tuple(row["agencies"]),
            scope=row["scope"],
            private_key=Path(row["private_key"]),
            token_endpoint=row["token_endpoint"],
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (the caller knows the shape)
        """Return the body as JSON."""
        return json.loads(self.body)


class Refused(Exception):  # noqa: N818 (the exchange said no, and why)
    """The exchange refused a request for good."""

    def __init__(self, request: str, answer: Answer) -> None:
        """Keep the answer; say code, detail and hint of its problem."""
        self.answer = answer
        super().__init__(f"{request}: {answer.status} {answer.body.decode(errors='replace')}")


class Unreachable(Exception):  # noqa: N818
    """The exchange did not answer within the client's patience."""


@dataclass(slots=True)
class _Token:
    value: str = ""
    expires: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Client:
    """One system's connection. Every request is repeated, with the same key, until it is answered.

    Connection errors, 429, 502-504 and a twin that is still being handled are waited out for
    `patience` seconds; then Unreachable is raised. Other answers outside 2xx raise Refused.
    """

    def __init__(
        self, session: aiohttp.ClientSession, gateway: str, access: Access, *, patience: float
    ) -> None:
        """Use a session that others may share."""
        self.access = access
        self._session = session
        self._gateway = gateway.rstrip("/")
        self._patience = patience
        self._token = _Token()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        raw: bytes | None = None,
        acting: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request until it is answered; `acting` is the code for `On-Behalf-Of`.

        A POST carries an `Idempotency-Key` that stays the same in all its tries.
        """
        sent = dict(headers or {})
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid4()))
        if acting is not None:
            sent["On-Behalf-Of"] = acting
        content = raw
        if body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")

        async def one_try() -> Answer:
            sent["Authorization"] = f"Bearer {await self.token()}"
            # A stream: aiohttp warns of large bytes, which it would write at once.
            data = form() if form else content and BytesIO(content)
            url = self._gateway + path
            async with self._session.request(method, url, headers=sent, data=data) as response:
                return Answer(response.status, response.headers, await response.read())

        return await self._until_answered(f"{method} {path}", one_try)

    async def download(
        self, path: str, *, acting: str | None = None, take: Callable[[bytes], None]
    ) -> None:
        """Stream a file to `take`, going on by `Range` where a cut connection ended."""
        got = 0

        async def one_try() -> Answer:
            nonlocal got
            sent = {"Authorization": f"Bearer {await self.token()}"}
            if acting is not None:
                sent["On-Behalf-Of"] = acting
            if got:
                sent["Range"] = f"bytes={got}-"
            async with self._session.get(self._gateway + path, headers=sent) as response:
                if response.status not in {200, 206}:
                    return Answer(response.status, response.headers, await response.read())
                async for chunk in response.content.iter_any():
                    take(chunk)
                    got += len(chunk)
                return Answer(response.status, response.headers, b"")

        await self._until_answered(f"GET {path}", one_try)

    async def token(self) -> str:
        """Return an access token that is good for another minute (`private_key_jwt`, RFC 7523)."""
        async with self._token.lock:
            if time.monotonic() < self._token.expires:
                return self._token.value
            form = {
                "grant_type": "client_credentials",
                "scope": self.access.scope,
                "client_assertion_type": ASSERTION,
                "client_assertion": assertion(self.access),
            }
            async with self._session.post(self.access.token_endpoint, data=form) as response:
                answer = Answer(response.status, response.headers, await response.read())
            if answer.status in AGAIN:
                raise aiohttp.ClientConnectionError(f"token endpoint: {answer.status}")
            if answer.status != 200:  # noqa: PLR2004
                raise Refused("POST token endpoint", answer)
            granted = answer.json()
            self._token.value = granted["access_token"]
            self._token.expires = time.monotonic() + max(1, granted["expires_in"] - 60)
            return self._token.value

    async def _until_answered(
        self, request: str, one_try: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        deadline = time.monotonic() + self._patience
        pause, renewed, last = 0.1, False, ""
        while True:
            try:
                answer = await one_try()
            except (aiohttp.ClientError, TimeoutError) as error:
                answer, last = None, str(error) or type(error).__name__
            if answer is not None:
                if answer.status < 300:  # noqa: PLR2004
                    return answer
                if answer.status == 401 and not renewed:  # noqa: PLR2004
                    renewed, self._token.expires = True, 0.0
                    continue
                if not _may_try_again(answer):
                    raise Refused(request, answer)
                last = f"{answer.status} {answer.body[:200].decode(errors='replace')}"
            if time.monotonic() > deadline:
                raise Unreachable(f"{request}: {last}")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads tries)
            pause = min(2.0, pause * 2)


def _may_try_again(answer: Answer) -> bool:
    if answer.status in AGAIN:
        return True
    return answer.status == 409 and STILL_HANDLED.encode() in answer.body  # noqa: PLR2004


def assertion(access: Access, **claims: object) -> str:
    """Return a signed client assertion; `claims` replace or add to the right ones."""
    now = int(time.time())
    content = {
        "iss": access.client_id,
        "sub": access.client_id,
        "aud": access.token_endpoint,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid4()),
    } | claims
    return jwt.encode(content, access.private_key.read_bytes(), algorithm="ES256")


@asynccontextmanager
async def connect(
    run: Path, client_ids: Iterable[str] | None = None, *, patience: float = 120
) -> AsyncGenerator[dict[str, Client]]:
    """Open clients for these systems of a stack (none named: all) over one session."""
    known, gateway = accesses(run), str(ports(run)["gateway"])
    connector = aiohttp.TCPConnector(limit=32)
    async with aiohttp.ClientSession(connector=connector, timeout=TIMES) as session:
        yield {
            name: Client(session, gateway, known[name], patience=patience)
            for name in (known if client_ids is None else client_ids)
        }
