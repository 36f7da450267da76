"""Inflicts faults on a running session, one after another or one in each lane."""

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from tests.proof.faults.fault import Broken, Fault, NotReached
from tests.proof.faults.processes import running, send
from tests.proof.harness import Harness, NotDone
from tests.proof.ledger import Ledger, Pass
from tests.proof.session import Session

_BACKLOG = 60
"""Documents that may wait for their verdict when a fault begins: half a minute of load."""
_CATCHING_UP, _LOOK = 300.0, 1.0
"""Seconds in which the exchange must catch up with them, and between two looks."""


@dataclass(slots=True)
class Drive:
    """One way through a list of faults."""

    harness: Harness
    session: Session
    ledger: Ledger
    passes: int
    """Of each fault at most."""
    began: float = field(default_factory=time.monotonic)
    number: int = 0
    total: int = 0

    async def through(self, faults: Sequence[Fault]) -> None:
        """Inflict each fault as often as it is still due."""
        self.total = sum(self._due(fault) for fault in faults)
        for lanes in batches(faults):
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._lane(lane))

    def _due(self, fault: Fault) -> int:
        return max(0, planned([fault], self.passes)[fault.name] - self.ledger.done(fault.name))

    async def _lane(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            for _ in range(self._due(fault)):
                await self._once(fault)

    async def _once(self, fault: Fault) -> None:
        self.number += 1
        number, began = self.number, time.monotonic()
        try:
            await self._caught_up()
            async with asyncio.timeout(fault.patience):
                seconds = await fault.inflict(self.harness, self.session)
            one = Pass(fault.name, fault.group, fault.bound, seconds)
        except (NotReached, Broken, NotDone, TimeoutError, ExceptionGroup) as error:
            one = Pass(fault.name, fault.group, fault.bound, failed=_why(error, fault.patience))
        self.ledger.write(one)
        at, took = began - self.began, time.monotonic() - began
        outcome = f"FAILED: {one.failed}" if one.failed else f"recovered in {one.seconds:.1f} s"
        print(
            f"{at:6.0f} s  {number}/{self.total}  {fault.name}: {outcome}"
            f" ({took:.0f} s, {self.session.accepted} accepted)",
            flush=True,
        )
        if one.failed:
            await self._make_whole()

    async def _caught_up(self) -> None:
        """Wait until the exchange keeps up with the load again: faults are no test of its capacity.

        Whoever kills signing every few seconds for half an hour sees documents wait for minutes.
        Raises NotDone when it does not catch up.
        """
        end, said = time.monotonic() + _CATCHING_UP, False
        while (waiting := await self.session.backlog()) > _BACKLOG:
            if time.monotonic() > end:
                raise NotDone(f"{waiting:.0f} documents still wait after {_CATCHING_UP:.0f} s")
            if not said:
                print(f"          waits: {waiting:.0f} documents have no verdict yet", flush=True)
            said = True
            await asyncio.sleep(_LOOK)

    async def _make_whole(self) -> None:
        """Bring everything back after a fault that did not come to its end."""
        with suppress(NotDone):
            await make_whole(self.harness)


def planned(faults: Iterable[Fault], passes: int) -> dict[str, int]:
    """Return how often each fault is to be inflicted in a run with so many passes at most."""
    return {fault.name: min(fault.passes, passes) for fault in faults}


def batches(faults: Sequence[Fault]) -> Iterator[list[list[Fault]]]:
    """Put faults of lanes that follow each other side by side; one without a lane stands alone."""
    for laned, some in groupby(faults, key=lambda fault: bool(fault.lane)):
        if not laned:
            yield from ([[fault]] for fault in some)
            continue
        lanes: dict[str, list[Fault]] = {}
        for fault in some:
            lanes.setdefault(fault.lane, []).append(fault)
        yield [*lanes.values()]


async def make_whole(harness: Harness) -> None:
    """Wake and start whatever a fault has left frozen or held down."""
    harness.disarm()
    for process, _ in running(harness):
        with suppress(NotReached):
            send(harness, process, signal.SIGCONT)
    await harness.up()
    for line in (await harness.status()).splitlines():
        if "held down" in line:
            await harness.start(line.split()[0])


def _why(error: BaseException, patience: float) -> str:
    """Return what a person reads: the first cause of a group, the words of the others."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if isinstance(error, TimeoutError):
        return str(error) or f"not recovered in time (of {patience:.0f} s in all)"
    return str(error) or type(error).__name__
