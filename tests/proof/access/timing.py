"""Whether time tells a foreign id from none: both asked in turn, compared by ranks."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.proof.access.asking import Operation
from tests.proof.access.bundles import absent
from tests.proof.access.matrix import Cell, Findings, ask, objects
from tests.proof.access.world import World

SAMPLES = 60
_READS = ("GET", "DELETE", "PATCH")


@dataclass(frozen=True, slots=True)
class Timed:
    """How long both kinds took at one route."""

    name: str
    foreign: Sequence[float]
    nothing: Sequence[float]

    @property
    def difference(self) -> float:
        """Return by how many seconds the median of the foreign ones is longer."""
        return statistics.median(self.foreign) - statistics.median(self.nothing)

    @property
    def told_apart(self) -> float:
        """Return how often the longer of two answers is the foreign one: 0.5 is blind guessing."""
        longer = sum(
            1.0 if one > other else 0.5 if one == other else 0.0
            for one in self.foreign
            for other in self.nothing
        )
        return longer / (len(self.foreign) * len(self.nothing))

    @property
    def deviations(self) -> float:
        """Return by how many standard deviations that is away from guessing (Mann-Whitney)."""
        one, other = len(self.foreign), len(self.nothing)
        spread = ((one + other + 1) / (12 * one * other)) ** 0.5
        return abs(self.told_apart - 0.5) / spread

    def line(self) -> str:
        """Return what is printed of it."""
        return (
            f"  {self.name}: foreign - absent = {self.difference * 1e6:+.0f} µs,"
            f" told apart in {self.told_apart:.0%} ({self.deviations:.1f} σ)"
        )


async def timings(
    world: World, operations: Sequence[Operation], found: Findings, samples: int = SAMPLES
) -> list[Timed]:
    """Time each route that takes somebody's id, at its service, where there is least noise."""
    timed: list[Timed] = []
    for operation in operations:
        if operation.method not in _READS or not objects(operation) or "code" in objects(operation):
            continue
        if "client_id" in objects(operation):
            continue
        role = "receiver" if operation.service == "notify" else "sender"
        timed.append(await _timed(world, operation, role, found, samples))
    return timed


async def _timed(
    world: World, operation: Operation, role: str, found: Findings, samples: int
) -> Timed:
    own = {"own_certificate": world.own["sent"].sent["certificate"]}
    bundles = list(world.foreign.values())
    took: tuple[list[float], list[float]] = [], []
    for number in range(samples):
        ids = bundles[number % len(bundles)].sent
        # In turn first and second, so that whatever changes meanwhile changes both.
        for kind in (0, 1) if number % 2 else (1, 0):
            asked = {**(absent(ids) if kind else ids), **own}
            answer = await ask(
                world, Cell(operation, operation.service, "timed", role, asked), found
            )
            took[kind].append(answer.seconds)
    return Timed(operation.name, took[0], took[1])
