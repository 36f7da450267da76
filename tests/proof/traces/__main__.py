"""`make traces`: prints `TRACES docs=… complete=…% p99_ratio=… lost=0`, and what is not whole.

A stack of its own under load, in turns with Jaeger up and held down. KEEP=1 leaves it running.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.proof.checker import Counts, line
from tests.proof.harness import Harness, NotDone, fresh, proof_run
from tests.proof.orders import Order
from tests.proof.session import proving, settle
from tests.proof.traces.jaeger import Jaeger
from tests.proof.traces.journey import faults
from tests.proof.traces.phases import PLAN, Phase, ratio, through, told

_AT_ONCE, _WORD_EVERY, _SHOWN = 8, 100, 10
_WHOLE = 0.99
"""So many of the documents that were handed in while Jaeger was up have a whole trace."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured."""

    docs: int
    """Documents that were accepted while Jaeger was up, each asked for by its number."""
    broken: dict[str, list[str]]
    """What is not whole, by number."""
    phases: Sequence[Phase]
    counts: Counts

    @property
    def complete(self) -> float:
        """Return which part of the documents has a whole trace; none of none."""
        return (self.docs - len(self.broken)) / self.docs if self.docs else 0.0

    @property
    def wrong(self) -> bool:
        """Say whether the promise is broken. Times are told, and judged by who reads them."""
        return self.complete < _WHOLE or not self.counts.clean


def _say(text: str) -> None:
    print(text, flush=True)


async def _run(folder: Path) -> Found:
    harness = Harness(folder / "stack")
    _say(f"starts a stack in {harness.run}")
    try:
        await harness.up()
        await harness.wait("jaeger")
        return await _measured(harness, folder / "journal")
    finally:
        if os.environ.get("KEEP", "") in ("", "0"):
            await harness.down()


async def _measured(harness: Harness, journal: Path) -> Found:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        jaeger = Jaeger(session, str(harness.ports()["jaeger"]))
        async with proving(harness, PLAN, journal) as load:
            phases = await through(harness, load, jaeger, _say)
        _say("  waits for quiet and counts")
        counts = await settle(harness, journal)
        taken = [one for phase in phases if phase.up for one in phase.taken]
        due = [one.order for one in taken if one.outcome.kind == "ok"]
        return Found(len(due), await _broken(jaeger, due), phases, counts)


async def _broken(jaeger: Jaeger, due: Sequence[Order]) -> dict[str, list[str]]:
    """Ask for each document by its number; return what each journey lacks that is not whole."""
    found: dict[str, list[str]] = {}
    left = iter(enumerate(due, 1))

    async def some() -> None:
        for number, order in left:
            if wrong := faults(order.to, await jaeger.spans(order.code)):
                found[order.code] = wrong
            if number % _WORD_EVERY == 0:
                _say(f"  asked Jaeger for {number}/{len(due)} documents, {len(found)} not whole")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some())
    return found


def _show(found: Found) -> None:
    for up in (True, False):
        _say(f"  {told([phase for phase in found.phases if phase.up is up])}")
    for number, wrong in list(found.broken.items())[:_SHOWN]:
        _say(f"  {number}: {'; '.join(wrong)}")
    for what, times in Counter(word for some in found.broken.values() for word in some).items():
        _say(f"  {times} x {what}")
    for word in found.counts.findings:
        _say(f"  {word}")
    _say(line(found.counts))
    _say(
        f"TRACES docs={found.docs} complete={100 * found.complete:.2f}%"
        f" p99_ratio={ratio(found.phases):.2f} lost={found.counts.lost}"
    )


def main() -> int:
    """Measure, judge and print."""
    folder = proof_run() / "traces"
    fresh(folder)
    found: Found | None = None
    try:
        found = asyncio.run(_run(folder))
    except* NotDone as errors:
        print(*errors.exceptions, sep="\n", file=sys.stderr)
    if found is None:
        return 1
    _show(found)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
