"""A disk that fails or is slow, as processes meet it: their system calls are traced and changed."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from tests.proof.faults.fault import PATIENCE, Broken, NotReached
from tests.proof.faults.processes import traced, until
from tests.proof.session import Session

_FEW = 2
"""Documents at least are accepted by a slow disk."""


def failing_disk(pids: list[int], calls: str, notes: Path) -> AbstractAsyncContextManager[None]:
    """Let system calls (`fsync,fdatasync`) of processes and their children end in EIO meanwhile.

    All of them, from the beginning. `notes` is a file for the tracer's words. Raises NotReached
    when no call was made to fail.
    """
    return _changed(pids, calls, "error=EIO", notes)


def delayed_disk(
    pids: list[int], calls: str, seconds: float, notes: Path
) -> AbstractAsyncContextManager[None]:
    """Let each of these calls begin so many seconds late. Raises NotReached when none was."""
    return _changed(pids, calls, f"delay_enter={seconds * 1e6:.0f}", notes)


@asynccontextmanager
async def _changed(pids: list[int], calls: str, how: str, notes: Path) -> AsyncGenerator[None]:
    await asyncio.to_thread(notes.unlink, missing_ok=True)
    tracer = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-qq", "-o", str(notes)),
        *("-e", f"trace={calls}", "-e", f"inject={calls}:{how}"),
        *(word for pid in pids for word in ("-p", str(pid))),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(
            "strace has every thread",
            lambda: all(traced(pid, tracer.pid) for pid in pids),
            PATIENCE,
        )
        yield
    finally:
        with suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGTERM)  # it lets go of them
        await tracer.wait()
    if not await asyncio.to_thread(changed, notes):
        raise NotReached(f"no {calls} met {how}")


def changed(notes: Path) -> bool:
    """Say whether the tracer has changed a call so far."""
    said = notes.read_text(errors="replace") if notes.exists() else ""
    return "(INJECTED)" in said or "(DELAYED)" in said


async def none_sooner(session: Session, pause: float, delay: float) -> None:
    """See that a slow disk is waited for: what is acknowledged was handed in `delay` s before.

    Documents count that are begun from now on; what is saved in less was not saved when its
    sender was told so. A checker would not see that: the machine's memory keeps it. Raises Broken,
    NotReached when fewer than two are acknowledged.
    """
    records, since = session.workload.records, time.monotonic()
    await session.hand_in_for(pause)
    await until("documents are saved", lambda: len(records.accepted(since)) >= _FEW, PATIENCE)
    took = {n: records.outcomes[n].at - records.orders[n].begun for n in records.accepted(since)}
    if unsaved := {number: one for number, one in took.items() if one < delay}:
        number, seconds = min(unsaved.items(), key=lambda one: one[1])
        what = f"{len(unsaved)} of {len(took)} documents were acknowledged before they were saved"
        raise Broken(f"{what}: document {number} after {seconds:.2f} s, a save takes {delay} s")
