"""PostgreSQL dies: its postmaster, one of its processes, all at once; its disk refuses to save."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial

from tests.proof.faults.fault import OF_PART, PATIENCE, Fault, NotReached
from tests.proof.faults.kills import at_random
from tests.proof.faults.processes import children, failing_disk, gone, send
from tests.proof.harness import Harness
from tests.proof.session import Session


def of_postgres(pause: float) -> Iterator[Fault]:
    """Yield what kills PostgreSQL; `pause` is how long its disk fails."""
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
    async with failing_disk(traced, "fsync,fdatasync", harness.run / "strace.txt"):
        await asyncio.sleep(pause)
    await gone(postmaster)  # restart_after_crash is off: what cannot be saved ends it
    session.killed()
    return await returned(harness, session)
