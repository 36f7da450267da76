"""An agency's software as it should be: it repeats a request, with its key, till it is answered."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import jwt

from tests.proof.harness import Harness, Json

AGAIN = frozenset({429, 500, 502, 503, 504, 507})
"""Answers after which the same request is sent again. A 500 is none that ends a document."""
STILL_HANDLED = b"REQ-4091"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TIMES = aiohttp.ClientTimeout(total=20, sock_connect=5)
_LONG = aiohttp.ClientTimeout(total=120, sock_connect=5, sock_read=20)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_TOKEN_MARGIN = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (the caller knows the shape)
        """Return the body as JSON."""
        return json.loads(self.body)


class Refused(Exception):  # noqa: N818 (the exchange said no, for good)
    """A final answer outside 2xx."""

    def __init__(self, request: str, answer: Answer) -> None:
        """Keep the answer."""
        self.answer = answer
        text = answer.body[:300].decode(errors="replace")
        super().__init__(f"{request}: {answer.status} {text}")

    @property
    def code(self) -> str:
        """Return the code of the problem, or the status where there is none."""
        try:
            return str(self.answer.json()["code"])
        except (ValueError, LookupError, TypeError):
            return str(self.answer.status)


class Unreachable(Exception):  # noqa: N818 (patience ended)
    """No final answer came in time: nothing is known of what was asked."""


@dataclass(slots=True)
class Try:
    """One try of a request, as its sender met it."""

    request: str
    """Method and path."""
    begun: float
    """Seconds of the monotonic clock."""
    status: int = 0
    """Of its answer; 0: there is none."""
    waits: bool = False
    """Whether the answer said when to try again."""
    handled: bool = False
    """Whether the answer was that the same request, sent before, is being handled."""
    trouble: str = ""
    """The kind of error that it ended in without an answer."""

    @property
    def over(self) -> bool:
        """Say whether it has ended."""
        return bool(self.status or self.trouble)

    def answered(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Note its answer."""
        self.status, self.waits = status, "Retry-After" in headers
        self.handled = status == 409 and STILL_HANDLED in body


@dataclass(slots=True)
class Door:
    """One HTTP session for all systems of an observer, and what it met."""

    session: aiohttp.ClientSession
    harness: Harness
    troubles: Counter[str] = field(default_factory=Counter[str])
    """Answers and errors that were followed by another try."""
    _watching: list[list[Try]] = field(default_factory=list[list[Try]])

    def tried(self, request: str) -> Try:
        """Note that a try begins."""
        one = Try(request, time.monotonic())
        for kept in self._watching:
            kept.append(one)
        return one

    @contextmanager
    def watched(self) -> Generator[list[Try]]:
        """Lend the list of all tries that begin meanwhile; each tells how it ends."""
        kept: list[Try] = []
        self._watching.append(kept)
        try:
            yield kept
        finally:
            self._watching = [one for one in self._watching if one is not kept]


@asynccontextmanager
async def opened(harness: Harness) -> AsyncGenerator[Door]:
    """Open the session that all systems share."""
    connector = aiohttp.TCPConnector(limit=128)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMES) as session:
        yield Door(session, harness)


class System:
    """One connected system: its token, and requests in its name."""

    def __init__(self, door: Door, row: Json, *, patience: float) -> None:
        """Use a row of `clients.json`; requests are repeated for `patience` seconds."""
        self.client_id = str(row["client_id"])
        self.agencies: tuple[str, ...] = tuple(row["agencies"])
        self.patience = patience
        self._door, self._row = door, row
        self._token, self._expires, self._lock = "", 0.0, asyncio.Lock()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        acting: str | None = None,
        headers: Mapping[str, str] | None = None,
        long: bool = False,
        patience: float | None = None,
    ) -> Answer:
        """Send a request until it is answered for good; a POST keeps its Idempotency-Key.

        Raises Refused, Unreachable.
        """
        sent = dict(headers or {})
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid4()))
        if acting is not None:
            sent["On-Behalf-Of"] = acting
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
            sent.setdefault("Content-Type", "application/json")
        times = _LONG if long else _TIMES
        return await self._until_answered(
            f"{method} {path}",
            lambda: self._once(method, path, sent, raw, times),
            self.patience if patience is None else patience,
        )

    async def _until_answered(
        self, request: str, one_try: Callable[[], Awaitable[Answer]], patience: float
    ) -> Answer:
        end, pause = time.monotonic() + patience, _FIRST_PAUSE
        while True:
            tried = self._door.tried(request)
            try:
                answer = await one_try()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                trouble = tried.trouble = type(error).__name__
            else:
                tried.answered(answer.status, answer.headers, answer.body)
                if answer.status < 300:
                    return answer
                if not self._again(answer):
                    raise Refused(request, answer)
                trouble = str(answer.status)
            self._door.troubles[trouble] += 1
            if time.monotonic() > end:
                raise Unreachable(f"{request}: {trouble}")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads tries)
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _again(self, answer: Answer) -> bool:
        if answer.status == 401:
            self.renew()
            return True
        return answer.status in AGAIN or (answer.status == 409 and STILL_HANDLED in answer.body)

    async def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        raw: bytes | None,
        times: aiohttp.ClientTimeout,
    ) -> Answer:
        sent = {**headers, "Authorization": f"Bearer {await self.token()}"}
        url = self.gateway + path
        async with self._door.session.request(
            method, url, headers=sent, data=raw, timeout=times
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    def renew(self) -> None:
        """Ask for a new token at the next request."""
        self._expires = 0.0

    @property
    def gateway(self) -> str:
        """Return where the gateway listens."""
        return str(self._row["token_endpoint"]).removesuffix("/oauth/token")

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the session, for streams."""
        return self._door.session

    async def token(self) -> str:
        """Return a token that is good for another minute. Raises what a try raises."""
        async with self._lock:
            if time.monotonic() < self._expires:
                return self._token
            form = {
                "grant_type": "client_credentials",
                "scope": self._row["scope"],
                "client_assertion_type": _ASSERTION,
                "client_assertion": self._assertion(),
            }
            endpoint = str(self._row["token_endpoint"])
            tried = self._door.tried("POST /oauth/token")
            async with self._door.session.post(endpoint, data=form, timeout=_TIMES) as answer:
                tried.answered(answer.status, answer.headers)
                if answer.status != 200:
                    raise aiohttp.ClientConnectionError(f"token endpoint: {answer.status}")
                granted = await answer.json()
            self._token = str(granted["access_token"])
            margin = max(1, int(granted["expires_in"]) - _TOKEN_MARGIN)
            self._expires = time.monotonic() + margin
            return self._token

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self._row["token_endpoint"],
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        }
        key = (self._door.harness.run / str(self._row["private_key"])).read_bytes()
        return jwt.encode(claims, key, algorithm="ES256")


def systems(door: Door, *, patience: float) -> dict[str, System]:
    """Return all connected systems of the stack by client id."""
    rows = door.harness.clients()
    return {str(row["client_id"]): System(door, row, patience=patience) for row in rows}
