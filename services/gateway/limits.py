"""What one client may ask of one instance: a rate, open requests, waits; the others do not feel it.

Sizes (of bodies, JSON, pages) are held where they are read; `shown` lists them all.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from services.gateway.settings import GatewaySettings
from shared.connection import HEAD_BYTES
from shared.errors import Problem
from shared.intake import LEVELS, LIMIT, MULTIPART_LIMIT
from shared.sizes import (
    AT_ONCE,
    DOCUMENT_BYTES,
    FILE_BYTES,
    FILES_PER_DOCUMENT,
    PDF_BYTES,
    VALIDATED_BYTES,
    VALIDATED_JSON_BYTES,
)
from shared.tokens import MAX_AGENCIES

REMEMBERED = 10_000
"""Clients, and pairs of address and client id, whose use is remembered at a time."""
REFUSAL_SECONDS = 0.25
"""How long a refusal takes: who asks again at once, whatever it is told, slows itself."""
MOMENT_SECONDS = 0.5
"""After which what is still open on a path of waits is one."""
PAGE = 500
_WAITING = frozenset({"/v1/inbox/leases", "/v1/events/stream"})
_PUBLIC = ""


@dataclass(slots=True)
class Bucket:
    """A token bucket; `now` is any clock of seconds that only goes forward."""

    rate: float
    """Tokens that come back per second."""
    size: float
    left: float
    at: float

    @classmethod
    def full(cls, rate: float, size: float, now: float) -> "Bucket":
        """Return a bucket that has all its tokens."""
        return cls(rate, size, size, now)

    def take(self, now: float) -> float:
        """Take a token and return 0, or return in how many seconds there will be one."""
        self.left = min(self.size, self.left + max(0.0, now - self.at) * self.rate)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / self.rate


@dataclass(slots=True)
class _Client:
    bucket: Bucket
    tokens: Bucket
    turns: asyncio.Semaphore
    open: int = 0
    waiting: int = 0


class Limits:
    """The use that clients make of this instance; on `app.state.limits`. Memory is bounded."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Take the limits from the settings."""
        self._settings = settings
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._failures: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def enter(self, client_id: str, path: str) -> None:
        """Count a request as open until `leave`. Raises Problem REQ-4291 over the limit."""
        client = self._client(client_id)
        if path in _WAITING:
            if client.waiting >= self._settings.open_waits:
                raise _refusal("waits", self._settings.open_waits)
            client.waiting += 1
            return
        if client.open >= self._settings.open_requests:
            raise _refusal("open", self._settings.open_requests)
        client.open += 1

    def leave(self, client_id: str, path: str) -> None:
        """End what `enter` has counted."""
        client = self._client(client_id)
        if path in _WAITING:
            client.waiting -= 1
        else:
            client.open -= 1

    async def take(self, client_id: str) -> None:
        """Take one request from the client's rate. Raises Problem REQ-4291, not at once."""
        seconds = self._client(client_id).bucket.take(asyncio.get_running_loop().time())
        if seconds:
            await asyncio.sleep(REFUSAL_SECONDS)
            window = self._settings.requests_at_once / self._settings.requests_per_second
            raise _refusal("requests", self._settings.requests_at_once, window, seconds)

    async def take_token(self, client_id: str) -> None:
        """Take one access token from the client's rate. Raises Problem REQ-4291, not at once.

        Ask when it has proved who it is: nobody can keep a client out by asking in its name.
        """
        seconds = self._client(client_id).tokens.take(asyncio.get_running_loop().time())
        if seconds:
            await asyncio.sleep(REFUSAL_SECONDS)
            size = self._settings.tokens_at_once
            raise _refusal("tokens", size, size / self._settings.tokens_per_second, seconds)

    @asynccontextmanager
    async def turn(self, client_id: str | None, path: str) -> AsyncGenerator[None]:
        """Wait for one of the client's places at the services.

        What waits by itself gives it back after a moment: what was not to wait is done by then.
        """
        turns = self._client(client_id or _PUBLIC).turns
        await turns.acquire()
        with ExitStack() as held:
            held.callback(turns.release)
            if path in _WAITING:
                asyncio.get_running_loop().call_later(MOMENT_SECONDS, held.close)
            yield

    async def failed(self, address: str, client_id: str) -> None:
        """Count a failed token request. Raises Problem REQ-4291 when there were too many.

        Only who fails is told so: nobody can keep a client out by failing in its name.
        """
        now, size = asyncio.get_running_loop().time(), self._settings.failed_tokens
        key = (address, client_id)
        bucket = self._failures.setdefault(key, Bucket.full(1.0, size, now))
        self._failures.move_to_end(key)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        seconds = bucket.take(now)
        if seconds:
            await asyncio.sleep(REFUSAL_SECONDS)
            raise _refusal("failed-tokens", size, size, seconds)

    def shown(self) -> dict[str, Any]:
        """Return all limits that a client meets."""
        told = self._settings
        return {
            "agencies": MAX_AGENCIES,
            "requests_per_second": told.requests_per_second,
            "requests_at_once": told.requests_at_once,
            "open_requests": told.open_requests,
            "open_waits": told.open_waits,
            "tokens_per_second": told.tokens_per_second,
            "tokens_at_once": told.tokens_at_once,
            "failed_tokens": told.failed_tokens,
            "header_bytes": HEAD_BYTES,
            "json_bytes": LIMIT,
            "json_levels": LEVELS,
            "multipart_bytes": MULTIPART_LIMIT,
            "page_items": PAGE,
            "files_per_document": FILES_PER_DOCUMENT,
            "file_bytes": FILE_BYTES,
            "pdf_bytes": PDF_BYTES,
            "document_bytes": DOCUMENT_BYTES,
            "validated_bytes": VALIDATED_BYTES,
            "validated_json_bytes": VALIDATED_JSON_BYTES,
            "signatures_at_once": AT_ONCE,
            "validations_at_once": AT_ONCE,
        }

    def remembered(self) -> int:
        """Return of how many the use is remembered now."""
        return len(self._clients) + len(self._failures)

    def _client(self, client_id: str) -> _Client:
        client = self._clients.get(client_id)
        if client is None:
            told, now = self._settings, asyncio.get_running_loop().time()
            bucket = Bucket.full(told.requests_per_second, told.requests_at_once, now)
            tokens = Bucket.full(told.tokens_per_second, told.tokens_at_once, now)
            client = _Client(bucket, tokens, asyncio.Semaphore(told.passed_at_once))
            self._clients[client_id] = client
            self._forget()
        self._clients.move_to_end(client_id)
        return client

    def _forget(self) -> None:
        # Whoever is inside stays: its count would begin again at 0 and then fall below.
        over = max(0, len(self._clients) - REMEMBERED)
        for name in list(islice(self._clients, over)):
            one = self._clients[name]
            if not (one.open or one.waiting or one.turns.locked()):
                del self._clients[name]


def _refusal(name: str, quota: int, window: float | None = None, seconds: float = 1.0) -> Problem:
    """Return the 429 (draft-ietf-httpapi-ratelimit-headers: policy, what is left, when more)."""
    wait = max(1, math.ceil(seconds))
    problem = Problem("REQ-4291", retry_after=wait, limit=name, quota=quota)
    span = ';qu="concurrent-requests"' if window is None else f";w={max(1, round(window))}"
    problem.headers["RateLimit-Policy"] = f'"{name}";q={quota}{span}'
    problem.headers["RateLimit"] = f'"{name}";r=0;t={wait}'
    return problem
