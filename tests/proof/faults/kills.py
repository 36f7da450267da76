"""SIGKILL at moments nobody chose: of each process, of one of two instances, of everything."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from tests.proof.faults.fault import OF_SERVICE, PATIENCE, SERVICES, Fault
from tests.proof.faults.processes import children, gone, running, send, state, until
from tests.proof.harness import Harness
from tests.proof.session import Session

ATTENDANTS = ("jaeger", "provisioner")
_ANYWHEN = 1.0
"""Seconds within which the moment of a kill is drawn."""
_ALONE = "signing"
_AGAIN = 3
"""So often are signing's workers killed."""


def at_any_moment(*, together: bool) -> Iterator[Fault]:
    """Yield the kills of single processes; `together` as in `at_failpoints`.

    But for one service's, whose recovery is measured then, too: the one whose lane is the longest.
    """
    for process in SERVICES:
        beside = together and process != _ALONE
        yield Fault(
            name=f"SIGKILL of {process}",
            group="SIGKILL of a service",
            inflict=partial(_kill, process=process),
            lane=process if beside else "",
            bound=0 if beside else OF_SERVICE,
        )
    for process in ATTENDANTS:
        yield Fault(
            name=f"SIGKILL of {process}",
            group="SIGKILL of an attendant",  # on no document's way: no time is promised
            inflict=partial(_kill, process=process),
            lane=process if together else "",
        )
    yield Fault(
        name="SIGKILL of signing's workers",
        group="SIGKILL of workers",
        inflict=_kill_workers,
        lane="signing's workers" if together else "",
        bound=0 if together else OF_SERVICE,
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


async def _kill_workers(harness: Harness, session: Session) -> float:
    """Kill all that reads files for signing, again as soon as it is back, then who starts it.

    Recovery is measured from the last kill.
    """
    since = time.monotonic()
    for generation in (*[_workers] * _AGAIN, _makers):
        await until("signing has workers", lambda: bool(_workers(harness)), PATIENCE)
        await at_random()
        since = time.monotonic()
        session.killed(_killed(generation(harness)))
    return await session.recovered(since, PATIENCE)


def _makers(harness: Harness) -> list[int]:
    """Return the processes that signing has started itself; they make its workers."""
    try:
        return living(harness.pid("signing"))
    except (OSError, ValueError, IndexError):
        return []  # it dies of something else beside this


def _workers(harness: Harness) -> list[int]:
    return [worker for maker in _makers(harness) for worker in living(maker)]


def living(pid: int) -> list[int]:
    """Return the children of a process that have not ended."""
    return [child for child in children(pid) if state(child) not in {"", "Z"}]


def _killed(pids: Sequence[int]) -> int:
    """Kill processes; return how many of them there still were."""
    count = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count


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
