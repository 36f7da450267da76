"""How the tour asks: by the document's own operations, keeping what was sent and answered."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode
from uuid import uuid4

import aiohttp

from infra.client import AGAIN, TIMES, Answer, Client, connect, ports

Json: TypeAlias = Any

PATIENCE_S = 60
PAUSE_S = 0.2
NOT_YET = AGAIN | {404}
"""Answers of a service that learns of something a moment later: by an event, or from a register."""
_SUCCESS = range(200, 300)


class Astray(Exception):  # noqa: N818 (the tour did not find what the document promises)
    """An operation answered something else than the tour expects."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent to an operation, and what it answered."""

    operation: str
    """Method and path template: `GET /v1/documents/{document_id}`."""
    by: str | None
    """Client id of the caller; None without a token."""
    path: str
    """With the query."""
    headers: Mapping[str, str]
    """Those that were sent, but for the token."""
    sent: Json
    """JSON body or form; None without one."""
    status: int
    media_type: str
    answered: Json
    """JSON body; None for anything else."""


@dataclass(slots=True)
class Guide:
    """Clients of a stack, the ids found on the way, and all exchanges in their order."""

    run: Path
    gateway: str
    session: aiohttp.ClientSession
    systems: Mapping[str, Client]
    ids: dict[str, str] = field(default_factory=dict[str, str])
    """Values of the parameters of paths, by their names in the document."""
    exchanges: list[Exchange] = field(default_factory=list[Exchange])

    async def go(
        self,
        operation: str,
        by: str | None = None,
        *,
        body: Json = None,
        form: Callable[[], Any] | None = None,
        raw: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: int | None = None,
        again: frozenset[int] = AGAIN,
        **places: str,
    ) -> Answer:
        """Send one request (again while it is answered with `again`); keep and return the answer.

        `places` go before the ids found so far. Raises Astray for an answer other than 2xx, or
        than `expect`.
        """
        method = operation.split(" ", 1)[0]
        sent = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        sent |= headers or {}
        path = self.path(operation, places) + (f"?{urlencode(query)}" if query else "")
        data = form or (lambda: raw)
        answer = await self.send(method, path, by, headers=sent, data=data, again=again)
        if answer.status != expect and (expect is not None or answer.status not in _SUCCESS):
            raise Astray(f"{operation}: {answer.status} {answer.body.decode(errors='replace')}")
        shown = form() if form else body
        self.exchanges.append(
            _exchange(operation, answer, by=by, path=path, headers=sent, sent=shown)
        )
        return answer

    def path(self, operation: str, places: Mapping[str, str]) -> str:
        """Return the path of an operation with these values, else those found so far, in it."""
        template = operation.split(" ", 1)[1]
        values = {name: quote(value, safe="") for name, value in {**self.ids, **places}.items()}
        return template.format_map(values)

    async def send(
        self,
        method: str,
        path: str,
        by: str | None,
        *,
        headers: Mapping[str, str],
        data: Callable[[], Any] = lambda: None,
        again: frozenset[int] = AGAIN,
    ) -> Answer:
        """Send a request, and again while it is answered with one of the statuses `again`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            sent = dict(headers)
            if by is not None:
                sent["Authorization"] = f"Bearer {await self.systems[by].token()}"
            url = self.gateway + path
            async with self.session.request(method, url, headers=sent, data=data()) as response:
                answer = Answer(response.status, response.headers, await response.read())
            if answer.status not in again or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(PAUSE_S)

    async def listen(self, operation: str, by: str) -> None:
        """Open a stream, and close it when it has begun."""
        url = self.gateway + operation.split(" ", 1)[1]
        sent = {"Authorization": f"Bearer {await self.systems[by].token()}"}
        async with self.session.get(url, headers=sent) as response:
            began = Answer(response.status, response.headers, await response.content.readline())
        if began.status not in _SUCCESS:
            raise Astray(f"{operation}: {began.status}")
        path = operation.split(" ", 1)[1]
        self.exchanges.append(_exchange(operation, began, by=by, path=path, headers={}, sent=None))

    async def until(self, operation: str, by: str, reached: Callable[[Json], bool]) -> Json:
        """Ask again until an answer is as wanted; returns it. Raises Astray when it never is."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = (await self.go(operation, by)).json()
            if reached(answer):
                return answer
            if time.monotonic() > deadline:
                raise Astray(f"{operation}: still {answer}")
            del self.exchanges[-1]
            await asyncio.sleep(PAUSE_S)

    def seen(self) -> dict[str, list[Exchange]]:
        """Return the exchanges of each operation."""
        found: dict[str, list[Exchange]] = {}
        for exchange in self.exchanges:
            found.setdefault(exchange.operation, []).append(exchange)
        return found


def _exchange(
    operation: str,
    answer: Answer,
    *,
    by: str | None,
    path: str,
    headers: Mapping[str, str],
    sent: Json,
) -> Exchange:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    is_json = media_type == "application/json" and answer.body
    return Exchange(
        operation=operation,
        by=by,
        path=path,
        headers=headers,
        sent=sent if isinstance(sent, dict | list) else None,
        status=answer.status,
        media_type=media_type,
        answered=json.loads(answer.body) if is_json else None,
    )


@asynccontextmanager
async def guided(run: Path) -> AsyncGenerator[Guide]:
    """Lend a guide on the stack of a folder for the length of a `with`."""
    async with connect(run) as systems, aiohttp.ClientSession(timeout=TIMES) as session:
        yield Guide(run, str(ports(run)["gateway"]).rstrip("/"), session, systems)
