"""Every route that takes a token, at the service that owns it and through the gateway."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

Headers = Sequence[tuple[str, str]]
"""A line each: a name may come twice."""
SERVICES = ("gateway", "docs", "signing", "notify")
NOTHING = "00000000-0000-4000-8000-000000000001"
"""An id of nothing: what a door would show is not there."""
INSIDE = "/internal/"
CLOSED = frozenset({401})
UNKNOWN = frozenset({404})
_NO_SUCH_QUERY = frozenset({400})
_NO_SUCH_THING = frozenset({400, 404})
_NO_SUCH_BODY = frozenset({400, 415, 422})
_WITHOUT_BODY = frozenset({"GET", "DELETE"})
_SCOPES = ("documents.receive", "documents.send", "documents.sign", "operator", "registrar")
"""In the order in which a control token is chosen; a route takes one of them, or any."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way to one operation."""

    method: str
    path: str
    at: str
    """The service that is asked."""
    base: str
    scope: str
    """What its control token needs; `internal` for the services' own routes."""
    refusals: frozenset[int] = CLOSED
    queried: bool = False
    """Whether the query lacks something that it wants."""

    @property
    def opened(self) -> frozenset[int]:
        """Return how it refuses whom it has let in, for what is asked: no such thing, no such body.

        Where nothing of that can be, only success shows that it is open.
        """
        of_query = _NO_SUCH_QUERY if self.queried else frozenset[int]()
        of_ids = _NO_SUCH_THING if "{" in self.path else frozenset[int]()
        of_body = frozenset[int]() if self.method in _WITHOUT_BODY else _NO_SUCH_BODY
        return of_query | of_ids | of_body

    @property
    def name(self) -> str:
        """Return what a report calls it."""
        return f"{self.method} {self.path} at {self.at}"

    @property
    def url(self) -> str:
        """Return its address, with ids of nothing in it."""
        parts = self.path.split("/")
        return self.base + "/".join(NOTHING if part[:1] == "{" else part for part in parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door said."""

    status: int
    content: bytes


async def doors(session: aiohttp.ClientSession, addresses: Mapping[str, str]) -> list[Door]:
    """Return all doors, by the gateway's merged document and by each service's own."""
    found: list[Door] = []
    for method, path, operation in await _operations(session, addresses["gateway"]):
        if "security" in operation:
            scope, queried = _scope(operation), _queried(operation)
            found += [
                Door(method, path, at, addresses[at], scope, queried=queried)
                for at in sorted({"gateway", operation["x-service"]})
            ]
    for service in SERVICES:
        for method, path, operation in await _operations(session, addresses[service]):
            if path.startswith(INSIDE):
                base, queried = addresses[service], _queried(operation)
                found.append(Door(method, path, service, base, "internal", queried=queried))
                if service != "gateway":
                    base = addresses["gateway"]
                    found.append(Door(method, path, "gateway", base, "internal", UNKNOWN))
    return found


async def _operations(
    session: aiohttp.ClientSession, base: str
) -> list[tuple[str, str, dict[str, Any]]]:
    async with session.get(f"{base}/openapi.json") as answer:
        document = await answer.json()
    return [
        (method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def _queried(operation: Mapping[str, Any]) -> bool:
    parameters = operation.get("parameters", [])
    return any(one.get("in") == "query" and one.get("required") for one in parameters)


def _scope(operation: Mapping[str, Any]) -> str:
    taken = {scope for way in operation["security"] for scope in way["oauth"]}
    return next((scope for scope in _SCOPES if scope in taken or not taken), "registrar")


async def ask(
    session: aiohttp.ClientSession, door: Door, headers: Headers, query: str = ""
) -> Answer:
    """Knock once; of an answer that does not end only the beginning is read.

    The body fits no operation, so that a door that opens lets nobody do anything.
    """
    sent = [("Idempotency-Key", NOTHING), *headers]
    body = None if door.method in _WITHOUT_BODY else {"max": 0}
    url = f"{door.url}?{query}" if query else door.url
    async with session.request(door.method, url, headers=sent, json=body) as answer:
        if answer.content_type == "text/event-stream":
            return Answer(answer.status, b"")
        return Answer(answer.status, await answer.read())


async def every(
    tasks: "list[tuple[Door, str, Headers, str]]",
    session: aiohttp.ClientSession,
    at_once: int = 16,
) -> list[tuple[Door, str, Answer]]:
    """Knock at each door with each token, so many at a time; in any order."""
    waiting, answers = iter(tasks), list[tuple[Door, str, Answer]]()

    async def knock() -> None:
        for door, name, headers, query in waiting:
            answers.append((door, name, await ask(session, door, headers, query)))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(knock())
    return answers
