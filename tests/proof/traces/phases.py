"""Load at a fixed rate, in turns with Jaeger and without, and how long each document took."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tests.proof.checker import percentile
from tests.proof.harness import Harness, NotDone
from tests.proof.history import Outcome
from tests.proof.network import Network
from tests.proof.orders import SMALL, Order, draw
from tests.proof.session import Plan, Session
from tests.proof.traces.jaeger import Jaeger

Say: TypeAlias = Callable[[str], None]

PHASES, SECONDS = 6, 30.0
"""With Jaeger and without in turns, so that what drifts falls to both."""
RATE = 2.0
PLAN = Plan(
    rate=0, workers=0, sizes=((SMALL, 1),), recipients=((2, 1),), wide_every=0, extras=False
)
"""Documents alike: what differs between phases is not what was sent. They come at `RATE`."""
_CALM = 3.0
"""From a change to the first document that counts: a command and a start take a processor."""
_SENT = 3.0
"""From the last acknowledgement to a change: what services send twice a second is in Jaeger."""
_PATIENCE, _ENDING, _LOOK = 30.0, 60.0, 0.3
_MOST_UNDER_WAY = 60
"""On a machine that cannot keep up, documents must not pile up beyond what a phase waits for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How long a document took, in seconds from its hand-in."""

    order: Order
    outcome: Outcome
    accepted: float
    """To the answer."""
    arrived: float
    """To the first mailbox that a reader saw it in; of one that was not seen, how long it was."""


@dataclass(slots=True)
class Phase:
    """A stretch of load with Jaeger up or held down."""

    up: bool
    taken: list[Taken] = field(default_factory=list[Taken])
    under_way: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])


@dataclass(slots=True)
class Load:
    """Documents to recipients that see them at once, handed in however the earlier ones fare."""

    session: Session
    network: Network
    phase: Phase
    """Where the next document counts."""
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_UNDER_WAY))

    async def run(self) -> None:
        """Hand in at `RATE` until cancelled."""
        due = time.monotonic()
        while True:
            due = max(due + 1 / RATE, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            await self.room.acquire()
            task = self.session.group.create_task(self._one(self.phase))
            for going_on in (self.session.asking, self.phase.under_way):
                going_on.add(task)
                task.add_done_callback(going_on.discard)
            task.add_done_callback(lambda _: self.room.release())

    async def _one(self, phase: Phase) -> None:
        workload, records = self.session.workload, self.session.workload.records
        order = draw(records.number(), workload.shape, self.network, records.secret)
        began = time.monotonic()

        async def arrived() -> float:
            await workload.arrivals.of(order.number, _PATIENCE)
            return time.monotonic() - began

        async with asyncio.TaskGroup() as group:
            arrival = group.create_task(arrived())
            outcome = await workload.hand_in(order)
        accepted = outcome.at - began
        phase.taken.append(Taken(order, outcome, accepted, arrival.result()))

    async def measure(self, *, up: bool) -> Phase:
        """Return a phase when all its documents have come to their end, and Jaeger has heard."""
        phase, between = Phase(up), self.phase
        self.phase = phase
        await asyncio.sleep(SECONDS)
        self.phase = between
        if phase.under_way:
            await asyncio.wait(phase.under_way, timeout=_ENDING)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDING):
                for one in phase.taken:
                    await self._ended(one)
        await asyncio.sleep(_SENT)
        return phase

    async def _ended(self, one: Taken) -> None:
        """Wait until its sender is told that every recipient has acknowledged a document."""
        sender = self.session.workload.systems[self.network.serving[one.order.sender]]
        path = f"/v1/dispatches/{one.outcome.dispatch}"
        while one.outcome.kind == "ok":
            counts = (await sender.ask("GET", path)).json()["counts"]
            if counts["acknowledged"] == len(one.order.to):
                return
            await asyncio.sleep(_LOOK)


async def through(harness: Harness, session: Session, jaeger: Jaeger, say: Say) -> list[Phase]:
    """Go through all phases; Jaeger is up before and after. Raises NotDone."""
    network = session.workload.network
    quick = (*network.reading("lease"), *network.reading("sse"))
    load = Load(session, replace(network, few=quick), Phase(up=True))
    phases: list[Phase] = []
    loading = session.group.create_task(load.run())
    try:
        for number in range(PHASES):
            up = number % 2 == 0
            await _turn(harness, jaeger, up=up)
            await asyncio.sleep(_CALM)
            phases.append(await load.measure(up=up))
            say(f"  {number + 1}/{PHASES} {told(phases[-1:])}")
        await _turn(harness, jaeger, up=True)
    finally:
        loading.cancel()
    return phases


async def _turn(harness: Harness, jaeger: Jaeger, *, up: bool) -> None:
    """Have Jaeger up or held down, and see that it is so: else nothing is measured."""
    if await jaeger.answers() != up:
        await (harness.start("jaeger") if up else harness.kill("jaeger", hold=True))
    if await jaeger.answers() != up:
        raise NotDone(f"Jaeger {'does not answer' if up else 'answers'}")


def told(phases: Sequence[Phase]) -> str:
    """Say how long the documents of phases of one kind took."""
    some = [one for phase in phases for one in phase.taken]
    if not some:
        return "no document"
    words = [f"Jaeger {'up' if phases[0].up else 'down'}: {len(some)} documents"]
    for what, seconds in (
        ("accepted", [one.accepted for one in some]),
        ("in a mailbox", [one.arrived for one in some]),
    ):
        p50, p95, p99 = (1_000 * percentile(seconds, part) for part in (50, 95, 99))
        words.append(f"{what} p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    return "; ".join(words)


def ratio(phases: Sequence[Phase], part: float = 99) -> float:
    """Return a percentile of the time to a mailbox with Jaeger down, over the one with it up.

    Raises ValueError when one of them has no document.
    """
    arrived: dict[bool, list[float]] = {True: [], False: []}
    for phase in phases:
        arrived[phase.up] += [one.arrived for one in phase.taken]
    return percentile(arrived[False], part) / percentile(arrived[True], part)
