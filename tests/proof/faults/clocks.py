"""The clock of one service jumps by a day and back: that may delay and refuse, nothing else."""

import asyncio
import email.utils
import itertools
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp

from tests.proof.faults.fault import PATIENCE, SERVICES, Fault, NotReached
from tests.proof.faults.processes import send
from tests.proof.faults.validity import lapse, refused, registered
from tests.proof.harness import Harness
from tests.proof.session import Session

_DAY = 86_400.0
_JUDGE = "signing"
_NEAR = 3_600.0
"""Seconds by which what a service shows may differ from a whole day off."""
_LOOK, _SOON = 0.2, 20.0


def jumps(pause: float) -> Iterator[Fault]:
    """Yield a day ahead and a day back, which go round among the services."""
    for days, first in ((1, 0), (-1, 1)):
        order = itertools.cycle([*SERVICES[first:], *SERVICES[:first]])
        yield Fault(
            name=f"the clock of one service jumps by {days:+d} day for {pause:.0f} s",
            group="clock",
            inflict=partial(_jump, services=order, days=days, pause=pause),
        )


def _library() -> Path:
    for found in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return found
    raise NotReached("libfaketime is not here: make prove-tools")


async def _jump(
    harness: Harness, session: Session, *, services: Iterator[str], days: int, pause: float
) -> float:
    """Start a service under libfaketime, let its clock jump, and jump back while it runs.

    Meanwhile signing refuses what is not valid but by its clock.
    """
    service = next(services)
    clock = harness.run / f"clock-{service}"
    await asyncio.to_thread(clock.write_text, "+0\n")
    async with asyncio.TaskGroup() as group:
        group.create_task(harness.kill(service, hold=True))
        if service == _JUDGE:
            group.create_task(lapse(harness, session))
    session.killed()
    life = {
        "LD_PRELOAD": str(await asyncio.to_thread(_library)),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        # Looked for each second: at each look at the clock would slow the service down, too.
        "FAKETIME_CACHE_DURATION": "1",
        # Else the loop, which waits by this clock, hangs.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await harness.start(service, life=life)
    try:
        await session.recovered(time.monotonic(), PATIENCE)
        if service == _JUDGE:
            await registered(session)
        await asyncio.to_thread(clock.write_text, f"{days:+d}d\n")
        await _jumped(harness, service, days)
        async with asyncio.TaskGroup() as group:
            group.create_task(session.hand_in_for(pause))
            if service == _JUDGE:
                group.create_task(refused(session))
        await asyncio.to_thread(clock.write_text, "+0\n")
        return await session.recovered(time.monotonic(), PATIENCE)
    finally:
        send(harness, service, signal.SIGKILL)  # its next life has the machine's own clock
        session.killed()


async def _jumped(harness: Harness, service: str, days: int) -> None:
    """See by the `Date` of a service's private port that its clock is off. Raises NotReached."""
    url = f"{harness.ports()['metrics'][service][0]}/health/live"
    end = time.monotonic() + _SOON
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as asking:
        while time.monotonic() < end:
            try:
                async with asking.get(url) as answer:
                    shown = answer.headers.get("Date", "")
            except (aiohttp.ClientError, TimeoutError):
                shown = ""
            if shown and is_off(shown, time.time(), days):
                return
            await asyncio.sleep(_LOOK)
    raise NotReached(f"the clock of {service} did not jump by {days:+d} day")


def is_off(shown: str, now: float, days: int) -> bool:
    """Say whether a `Date` header shows a clock that is so many days off."""
    ahead = email.utils.parsedate_to_datetime(shown).timestamp() - now
    return abs(ahead - days * _DAY) < _NEAR
