"""The stack's processes seen from the operating system: signals, deaths, states, tracers."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.proof.faults.fault import NotReached
from tests.proof.harness import Harness, NotDone

_LOOK = 0.05


def send(harness: Harness, process: str, sign: signal.Signals) -> int:
    """Send a signal to a process of the stack; return its pid. Raises NotReached without one."""
    try:
        pid = harness.pid(process)
        os.kill(pid, sign)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise NotReached(f"{process} does not run") from error
    return pid


def running(harness: Harness) -> Iterator[tuple[str, int]]:
    """Yield name and pid of everything that runs, the supervisor first."""
    for file in sorted(harness.run.glob("*.pid"), key=lambda f: (f.stem != "supervisor", f.stem)):
        with suppress(OSError, ValueError):
            pid = harness.pid(file.stem)
            os.kill(pid, 0)
            yield file.stem, pid


def children(pid: int) -> dict[int, str]:
    """Return the living children of a process with what `ps` shows for them."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == pid:
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = words.decode(errors="replace").strip()
    return found


def state(pid: int) -> str:
    """Return the state's letter in /proc: `T` is frozen; empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


async def until(question: str, answer: Callable[[], bool], patience: float) -> None:
    """Wait until a callable says yes; raises NotReached with the question."""
    end = time.monotonic() + patience
    while not answer():
        if time.monotonic() > end:
            raise NotReached(f"{question}: not within {patience:.0f} s")
        await asyncio.sleep(_LOOK)


async def gone(pid: int, patience: float = 30) -> None:
    """Wait until a process has died; raises NotReached."""
    await until(f"process {pid} dies", lambda: state(pid) in {"", "Z"}, patience)


def kills_told(harness: Harness, process: str) -> int:
    """Return how many deaths by SIGKILL of a process the supervisor has noticed so far."""
    told = f"{process} was killed by signal 9;"
    try:
        text = harness.log("supervisor").read_text(errors="replace")
    except FileNotFoundError:
        return 0
    return sum(_event(line).startswith(told) for line in text.splitlines() if told in line)


def _event(line: str) -> str:
    try:
        return str(json.loads(line).get("event", ""))
    except ValueError:
        return ""


async def tool(*argv: str | Path) -> None:
    """Run a command of the system to its end. Raises NotDone with what it said."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode(errors="replace")
    if process.returncode:
        raise NotDone(f"{argv[0]}: exit {process.returncode}\n{said[-500:]}")


def traced(pid: int, tracer: int) -> bool:
    """Say whether a process traces every thread of another, or that one has ended."""
    for thread in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(OSError):
            if f"\nTracerPid:\t{tracer}\n" not in thread.read_text():
                return False
    return True
