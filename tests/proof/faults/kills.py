"""SIGKILL at moments nobody chose: of each process, of one of two instances, of everything."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from tests.proof.faults.fault import OF_SERVICE, PATIENCE, SERVICES, Fault
from tests.proof.faults.processes import gone, running, send
from tests.proof.harness import Harness
from tests.proof.session import Session

ATTENDANTS = ("jaeger", "provisioner")
_ANYWHEN = 1.0
"""Seconds within which the moment of a kill is drawn."""


def at_any_moment(*, together: bool) -> Iterator[Fault]:
    """Yield the kills of single processes; `together` as in `at_failpoints`."""
    for process in SERVICES:
        yield Fault(
            name=f"SIGKILL of {process}",
            group="SIGKILL of a service",
            inflict=partial(_kill, process=process),
            lane=process if together else "",
            bound=0 if together else OF_SERVICE,
        )
    for process in ATTENDANTS:
        yield Fault(
            name=f"SIGKILL of {process}",
            group="SIGKILL of an attendant",  # on no document's way: no time is promised
            inflict=partial(_kill, process=process),
            lane=process if together else "",
        )
    yield Fault("SIGKILL of supervisor", "SIGKILL of the supervisor", _kill_supervisor)


def of_everything(passes: int) -> Iterator[Fault]:
    """Yield the power cut's stand-in."""
    yield Fault("everything at once", "everything at once", _power_cut, passes=passes)


def instances() -> Iterator[Fault]:
    """Yield the joining and leaving of second instances."""
    yield Fault(
        "second instances join and leave", "two instances", _join_and_leave, bound=OF_SERVICE
    )


async def at_random() -> None:
    """Let a moment pass that nobody can foresee."""
    await asyncio.sleep(random.uniform(0, _ANYWHEN))  # noqa: S311 (a moment, not a secret)


async def _kill(harness: Harness, session: Session, *, process: str) -> float:
    await at_random()
    since = time.monotonic()
    pid = send(harness, process, signal.SIGKILL)
    session.killed()
    await gone(pid)
    seconds = await session.recovered(since, PATIENCE)
    await harness.wait(process)
    return seconds


async def _kill_supervisor(harness: Harness, session: Session) -> float:
    """Kill the supervisor; the next one, started by `up`, takes everything over."""
    await at_random()
    since = time.monotonic()
    pid = send(harness, "supervisor", signal.SIGKILL)
    session.killed()
    await gone(pid)
    await harness.up()
    return await session.recovered(since, PATIENCE)


async def _power_cut(harness: Harness, session: Session) -> float:
    """Kill every process of the stack within milliseconds, and start again."""
    await at_random()
    since = time.monotonic()
    killed: list[int] = []
    for _, pid in running(harness):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # its workers too; each has a session of its own
            killed.append(pid)
    session.killed(len(killed))
    for pid in killed:
        await gone(pid)
    await harness.up()
    return await session.recovered(since, PATIENCE)


async def _join_and_leave(harness: Harness, session: Session) -> float:
    """Give every service a second instance, kill one of the two under load, let one leave.

    Recovery is measured from the last kill.
    """
    await _scale(harness, 2)
    await session.until_accepted(3)
    for service in random.sample(SERVICES, len(SERVICES)):
        send(harness, random.choice((service, f"{service}-2")), signal.SIGKILL)  # noqa: S311
        session.killed()
    seconds = await session.recovered(time.monotonic(), PATIENCE)
    await _scale(harness, 1)
    await session.recovered(time.monotonic(), PATIENCE)
    return seconds


async def _scale(harness: Harness, instances: int) -> None:
    """Run so many instances of each service; all change at once."""
    async with asyncio.TaskGroup() as group:
        for service in SERVICES:
            group.create_task(harness.scale(service, instances))
