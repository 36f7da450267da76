"""Every ordered pair of agencies on the document route: strangers find nothing there."""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from tests.proof.access.answers import Answer
from tests.proof.access.bundles import Party, post, until
from tests.proof.access.matrix import Findings
from tests.proof.access.world import Say, World
from tests.proof.papers import Desk

MOST = 242
BUDGET_S = 3_600.0
"""Enough for all pairs at 16 a second: fewer than all are a fault."""
THROUGH_THE_GATEWAY = 12
"""One pair in so many is also asked through the gateway."""
_AT_ONCE = 12
_TOKEN_S = 300.0


@dataclass(slots=True)
class Ring:
    """Agencies in a circle, each of which has sent a document to the next."""

    world: World
    members: Sequence[Party]
    documents: Sequence[str] = ()
    words: Sequence[str] = ()
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])

    async def headers(self, member: Party) -> dict[str, str]:
        """Return what a member sends."""
        name = member.system.client_id
        known, until_ = self._tokens.get(name, ("", 0.0))
        if time.monotonic() > until_:
            known = await member.system.token()
            self._tokens[name] = known, time.monotonic() + _TOKEN_S
        sent = {"Authorization": f"Bearer {known}"}
        return sent if member.acting is None else {**sent, "On-Behalf-Of": member.agency}

    async def ask(self, at: str, member: Party, document: str) -> Answer:
        """Ask for a document as a member."""
        url = f"{self.world.addresses[at]}/v1/documents/{document}"
        while True:
            headers = await self.headers(member)
            answer = await self.world.wire.send("GET", url, headers, None)
            if answer.status not in {429, 503}:
                return answer
            await asyncio.sleep(0.5)

    def parties(self, number: int) -> set[int]:
        """Return who may read the document of a member: it, and the next one."""
        return {number, (number + 1) % len(self.members)}


async def ring(world: World, most: int, say: Say) -> Ring:
    """Have each of so many agencies send a document to the next one, and see it arrive."""
    chosen = _chosen(world.parties, most)
    desk = Desk(world.harness.run / "pki", world.harness.run / "proof-papers")
    words = [f"vong{secrets.token_hex(10)}" for _ in chosen]
    made: dict[int, str] = {}
    waiting = iter(range(len(chosen)))

    async def hand_in() -> None:
        for number in waiting:
            to = chosen[(number + 1) % len(chosen)]
            sent = await post(desk, chosen[number], to, words[number])
            made[number] = str(sent["id"])
            if len(made) % 50 == 0:
                say(f"  {len(made)} of {len(chosen)} documents sent")

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(hand_in())
    circle = Ring(world, chosen, [made[n] for n in range(len(chosen))], words)
    for number in range(len(chosen)):
        await until(lambda: _both_read(circle, number), f"document {number} of the circle")  # noqa: B023
    return circle


def _chosen(parties: Mapping[str, Party], most: int) -> list[Party]:
    """Return agencies of all levels: those of the province, then the rest."""
    codes = sorted(parties, key=lambda code: (not code.startswith("H14"), code))
    return [parties[code] for code in codes[:most]]


async def _both_read(circle: Ring, number: int) -> bool:
    answers = [
        await circle.ask("docs", circle.members[reader], circle.documents[number])
        for reader in circle.parties(number)
    ]
    return all(answer.status == 200 for answer in answers)


async def pairs(
    circle: Ring, found: Findings, say: Say, *, budget: float = BUDGET_S
) -> tuple[int, int]:
    """Ask for every document as every other agency, in random order, as long as time allows.

    Returns how many ordered pairs were asked, and how many there are.
    """
    count = len(circle.members)
    wanted = [(i, j) for i in range(count) for j in range(count) if i not in circle.parties(j)]
    random.Random(count).shuffle(wanted)  # noqa: S311 (which come first if time runs out)
    nothing = {
        at: (await circle.ask(at, circle.members[0], name)).told([name])
        for at, name in (("docs", str(uuid4())), ("gateway", str(uuid4())))
    }
    began, asked = time.monotonic(), 0
    waiting = iter(wanted)

    async def go() -> None:
        nonlocal asked
        for reader, owner in waiting:
            if time.monotonic() - began > budget:
                return
            asked += 1
            doors = ["docs"] if asked % THROUGH_THE_GATEWAY else ["docs", "gateway"]
            for at in doors:
                await _one(circle, at, (reader, owner), nothing[at], found)
            if asked % 5_000 == 0:
                say(f"  {asked} of {len(wanted)} pairs, {time.monotonic() - began:.0f} s")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(go())
    return asked, len(wanted)


async def _one(circle: Ring, at: str, pair: tuple[int, int], nothing: str, found: Findings) -> None:
    reader, owner = pair
    document = circle.documents[owner]
    answer = await circle.ask(at, circle.members[reader], document)
    found.ask("GET document", circle.members[reader].agency, circle.members[owner].agency)
    where = f"{circle.members[reader].agency} asks for {circle.members[owner].agency}'s at {at}"
    if shown := answer.shows([circle.words[owner]], ()):
        found.read(where, shown)
    if (said := answer.told([document])) != nothing:
        found.leak(where, said, nothing)
