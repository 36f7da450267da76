"""Whether time tells a foreign id from none: both asked in turn, compared by ranks."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.proof.access.asking import Operation
from tests.proof.access.bundles import absent
from tests.proof.access.matrix import Cell, Findings, ask, objects
from tests.proof.access.world import World

SAMPLES = 60
SIGMA = 5.0
"""A route whose times are so far apart, and again when they are repeated, tells what is there."""
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
        one = await _timed(world, operation, role, found, samples)
        if one.deviations > SIGMA:
            one = judge([one, await _timed(world, operation, role, found, samples)], found)
        timed.append(one)
    return timed


def judge(tries: Sequence[Timed], found: Findings) -> Timed:
    """Count a leak when every try is too far apart; return the one that is least so."""
    least = min(tries, key=lambda one: one.deviations)
    if least.deviations > SIGMA:
        found.leak(f"{least.name}, by its time", least.line(), f"at most {SIGMA:.0f} σ")
    return least


async def _timed(
    world: World, operation: Operation, role: str, found: Findings, samples: int
) -> Timed:
    own = {"own_certificate": world.own["sent"].sent["certificate"]}
    bundles = list(world.foreign.items())
    took: tuple[list[float], list[float]] = [], []
    for number in range(samples):
        relation, bundle = bundles[number % len(bundles)]
        column, ids = f"foreign {role}, {relation}", bundle.sent
        # In turn first and second, so that whatever changes meanwhile changes both.
        for kind in (0, 1) if number % 2 else (1, 0):
            asked = {**(absent(ids) if kind else ids), **own}
            answer = await ask(
                world, Cell(operation, operation.service, column, role, asked), found
            )
            took[kind].append(answer.seconds)
    return Timed(operation.name, took[0], took[1])
