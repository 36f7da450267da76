"""PostgreSQL dies: its postmaster, one of its processes, all at once; its disk refuses to save."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial

from tests.proof.faults.fault import LONG, OF_PART, PATIENCE, Fault, NotReached
from tests.proof.faults.kills import at_random
from tests.proof.faults.outages import accepts_none
from tests.proof.faults.processes import children, gone, send
from tests.proof.faults.syscalls import delayed_disk, failing_disk, none_sooner
from tests.proof.harness import Harness
from tests.proof.session import Session

_SYNCS = "fsync,fdatasync"
_SLOW = 0.5
"""Seconds that each write to a slow disk takes at least."""


def of_postgres(pause: float, *, away: float) -> Iterator[Fault]:
    """Yield what kills PostgreSQL; `pause`: how long its disk fails, `away`: how long it is."""
    for name, sign in (("postmaster -9", signal.SIGKILL), ("immediate stop", signal.SIGQUIT)):
        yield Fault(
            name=f"PostgreSQL: {name}",
            group="PostgreSQL",
            inflict=partial(_end, sign=sign),
            bound=OF_PART,
        )
    yield Fault("PostgreSQL: backend -9", "PostgreSQL", _kill_backend, bound=OF_PART)
    yield Fault(
        name="PostgreSQL: fsync fails",
        group="fsync errors",
        inflict=partial(_fail_to_save, pause=pause),
        bound=OF_PART,
    )
    yield Fault(
        name="PostgreSQL: each fsync takes half a second",
        group="slow disk",
        inflict=partial(_save_slowly, pause=pause),
        quick=False,
        bound=OF_PART,
    )
    yield Fault(
        name=f"PostgreSQL: held down for {away:.0f} s",
        group="PostgreSQL",
        inflict=partial(_hold_down, pause=away),
        passes=LONG,
        quick=False,
        bound=OF_PART,
        patience=away + 240,
    )


async def _end(harness: Harness, session: Session, *, sign: signal.Signals) -> float:
    await at_random()
    pid = send(harness, "postgres", sign)
    session.killed()
    await gone(pid)
    return await returned(harness, session)


async def returned(harness: Harness, session: Session) -> float:
    """Wait until PostgreSQL takes connections again; return the seconds from then to recovery."""
    await harness.wait("postgres")
    return await session.recovered(time.monotonic(), PATIENCE)


async def _kill_backend(harness: Harness, session: Session) -> float:
    """Kill one connection's process: the postmaster ends all others and recovers."""
    await at_random()
    serving = [
        pid for pid, words in children(harness.pid("postgres")).items() if "lienthong_" in words
    ]
    if not serving:
        raise NotReached("PostgreSQL serves nobody")
    since = time.monotonic()
    os.kill(random.choice(serving), signal.SIGKILL)  # noqa: S311 (any of them)
    session.killed()
    return await session.recovered(since, PATIENCE)


async def _fail_to_save(harness: Harness, session: Session, *, pause: float) -> float:
    """Let every fsync of PostgreSQL fail for a while: what it cannot save it must not promise."""
    postmaster = harness.pid("postgres")
    traced = [postmaster, *children(postmaster)]
    async with failing_disk(traced, _SYNCS, harness.run / "strace.txt"):
        await asyncio.sleep(pause)
    await gone(postmaster)  # restart_after_crash is off: what cannot be saved ends it
    session.killed()
    return await returned(harness, session)


async def _save_slowly(harness: Harness, session: Session, *, pause: float) -> float:
    """Have PostgreSQL wait for its disk: a commit is acknowledged when it is saved, not sooner."""
    postmaster = harness.pid("postgres")
    traced = [postmaster, *children(postmaster)]
    async with delayed_disk(traced, _SYNCS, _SLOW, harness.run / "strace.txt"):
        await none_sooner(session, pause, _SLOW)
    return await session.recovered(time.monotonic(), PATIENCE)


async def _hold_down(harness: Harness, session: Session, *, pause: float) -> float:
    """Take PostgreSQL away for a while: nothing is accepted, and senders are told."""
    serving = children(harness.pid("postgres"))
    await harness.kill("postgres", hold=True)
    session.killed()
    try:
        for pid in serving:  # each ends as soon as it sees that its postmaster has
            await gone(pid)
        await accepts_none(session, pause)
    finally:
        await harness.start("postgres")
    return await returned(harness, session)
