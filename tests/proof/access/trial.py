"""The whole trial, its parts in turn, and the one line that counts."""

from dataclasses import dataclass

from tests.proof.access.asking import LAST, operations
from tests.proof.access.cancelled import CANCELLED, cancelled
from tests.proof.access.kafka import kafka
from tests.proof.access.lists import lists, questions
from tests.proof.access.matrix import Findings, matrix
from tests.proof.access.pairs import BUDGET_S, MOST, pairs, ring
from tests.proof.access.private import private
from tests.proof.access.timing import SAMPLES, SIGMA, timings
from tests.proof.access.world import Say, World, suspended, world
from tests.proof.harness import Harness

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is tried."""

    agencies: int = MOST
    seconds: float = BUDGET_S
    """For the pairs of agencies."""
    samples: int = SAMPLES
    cancelled: int = CANCELLED
    one_in: int = 1
    """Of so many operations one is asked."""
    kafka: bool = True


async def trial(harness: Harness, say: Say, extent: Extent) -> Findings:
    """Try everything on a running stack."""
    found = Findings()
    async with world(harness, say) as made:
        async with suspended(made, say):
            await _objects(made, found, say, extent)
        say(f"a circle of {extent.agencies} agencies …")
        circle = await ring(made, extent.agencies, say)
        asked, all_ = await pairs(circle, found, say, budget=extent.seconds)
        say(f"ordered pairs on the document route: {asked} of {all_}")
        if asked < all_:
            found.faults.append(f"only {asked} of {all_} ordered pairs in {extent.seconds:.0f} s")
        say(f"{extent.cancelled} requests whose clients go away …")
        await cancelled(made, found, say, count=extent.cancelled)
    return found


async def _objects(made: World, found: Findings, say: Say, extent: Extent) -> None:
    """Ask about all that the world has, in every relation."""
    await _routes(made, found, say, extent)
    say("lists, filters, cursors, streams, private ports …")
    await lists(made, found)
    await questions(made, found)
    await private(made, found)
    if extent.kafka:
        say("Kafka's topics and groups …")
        await kafka(made, found)
    await _timed(made, found, say, extent)


async def _routes(made: World, found: Findings, say: Say, extent: Extent) -> None:
    async with made.wire.session.get(f"{made.addresses['gateway']}/openapi.json") as answer:
        known = operations(await answer.json())
    say(f"{len(known)} operations in every relation and role …")
    # What is asked last builds on itself: a signature is made before its request is cancelled.
    last = [one for one in known if one.name in LAST]
    await matrix(made, sorted({*known[:: extent.one_in], *last}, key=known.index), found)


async def _timed(made: World, found: Findings, say: Say, extent: Extent) -> None:
    async with made.wire.session.get(f"{made.addresses['gateway']}/openapi.json") as answer:
        known = operations(await answer.json())
    timed = await timings(made, known[:: extent.one_in], found, extent.samples)
    say(f"times of foreign and absent ids at {len(timed)} routes, leak from {SIGMA:.0f} σ on:")
    for one in sorted(timed, key=lambda one: -one.deviations)[:_SHOWN]:
        say(one.line())


def line(found: Findings) -> str:
    """Return the one line that counts."""
    return (
        f"ACCESS pairs={found.pairs} foreign_reads={found.foreign_reads}"
        f" existence_leaks={found.existence_leaks}"
    )
