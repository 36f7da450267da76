"""Clients that go away at random moments, while other agencies read: each reads its own."""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.proof.access.matrix import Findings
from tests.proof.access.world import CALLER, CHILD, PARENT, SIBLING, STRANGER, Say, World

CANCELLED = 5_000
_AT_ONCE = 24
_LONGEST_S = 0.03
_RELATIONS = {"sibling": SIBLING, "parent": PARENT, "child": CHILD, "stranger": STRANGER}


@dataclass(slots=True)
class Readers:
    """Agencies that read their own, one request after another, until told to stop."""

    world: World
    found: Findings
    at: str
    stopping: bool = False
    reads: int = 0
    _tokens: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    async def headers(self, code: str) -> dict[str, str]:
        """Return what an agency sends; once a token, since they are good for all of this."""
        if code not in self._tokens:
            party = self.world.parties[code]
            sent = {"Authorization": f"Bearer {await party.system.token()}"}
            if party.acting is not None:
                sent["On-Behalf-Of"] = code
            self._tokens[code] = sent
        return self._tokens[code]

    async def read(self, code: str, mine: str, secrets: frozenset[str]) -> None:
        """Read one's own list and document again and again; nothing of others may be in it."""
        base, name = self.world.addresses[self.at], mine
        while not self.stopping:
            for path in ("/v1/documents?limit=20", f"/v1/documents/{name}"):
                headers = await self.headers(code)
                answer = await self.world.wire.send("GET", base + path, headers, None)
                self.found.requests += 1
                self.reads += 1
                if shown := answer.shows(secrets, [name]):
                    self.found.read(f"{code} read {path} beside cancelled requests", shown)
                if answer.status == 200 and "?" not in path:
                    if json.loads(answer.body)["id"] != name:
                        self.found.read(f"{code} was answered with another document", [name])
                elif answer.status not in {200, 429, 503}:
                    self.found.faults.append(f"{code} lost sight of its own: {answer.status}")


async def cancelled(
    world: World, found: Findings, say: Say, *, count: int = CANCELLED
) -> tuple[int, int]:
    """Send so many requests and go away; return how many, and how many reads went on beside."""
    sent = reads = 0
    for at in ("docs", "gateway"):
        readers = Readers(world, found, at)
        async with asyncio.TaskGroup() as group:
            for relation, code in _RELATIONS.items():
                mine = world.foreign[relation]
                others = _others(world, relation)
                document = mine.sent["document_id"]
                group.create_task(readers.read(code, document, others))
            sent += await _go_away(readers, count // 2)
            readers.stopping = True
        reads += readers.reads
        say(f"  {sent} requests cancelled, {reads} read beside them")
    return sent, reads


def _others(world: World, relation: str) -> frozenset[str]:
    own = world.foreign[relation].shown | world.foreign[relation].kept
    everybody = [*world.foreign.values(), world.own["sent"]]
    hidden = frozenset[str]().union(*(one.shown | one.kept for one in everybody)) - own
    if relation == "stranger":  # who also sent what the caller has received
        hidden -= world.own["received"].shown | world.own["received"].kept
    return hidden


async def _go_away(readers: Readers, count: int) -> int:
    codes = [CALLER, *_RELATIONS.values()]
    waiting = iter(range(count))
    chance = random.Random(count)  # noqa: S311 (moments, not secrets)

    async def leave() -> None:
        for number in waiting:
            code = codes[number % len(codes)]
            await _one(readers, code, chance)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(leave())
    return count


async def _one(readers: Readers, code: str, chance: random.Random) -> None:
    place = urlsplit(readers.world.addresses[readers.at])
    paths: Sequence[str] = (
        "/v1/documents?limit=20",
        "/v1/deliveries?direction=out&limit=20",
        "/v1/deliveries?direction=in&limit=20",
    )
    headers = {**await readers.headers(code), "Host": place.netloc}
    head = f"GET {chance.choice(paths)} HTTP/1.1\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with suppress(OSError):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(f"{head}{lines}\r\n".encode())
        await asyncio.sleep(chance.uniform(0, _LONGEST_S))
        writer.transport.abort()
