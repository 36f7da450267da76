"""Ends what a stack has left behind, with or without a supervisor."""

import asyncio
import signal
from collections.abc import Iterable
from pathlib import Path

from infra.stack.alive import Process
from infra.stack.folder import PARTS, PROCESSES, Folder, kind_of
from infra.stack.keeper import end
from infra.stack.launch import Launch

_STOP = {"postgres": signal.SIGINT}
_PARTS_IN_ORDER = ("kafka", "jaeger", "postgres")
_SERVICE_GRACE = 2.0


def left_behind(folder: Folder, *, parts: bool) -> list[tuple[str, Process]]:
    """Return the living processes that pid files name: the services', and on demand the parts'."""
    found: list[tuple[str, Process]] = []
    for file in sorted(folder.path.glob("*.pid")):
        name = file.stem
        kind = kind_of(name)
        if kind not in PROCESSES or (kind in PARTS and not parts):
            continue
        process = Process.recorded(file)
        if process is None:
            file.unlink(missing_ok=True)  # stale: it died, and its pid may be another's now
        else:
            found.append((name, process))
    return found


async def end_left_behind(folder: Folder, *, parts: bool) -> None:
    """End them: services first, PostgreSQL last."""
    found = left_behind(folder, parts=parts)
    async with asyncio.TaskGroup() as group:
        for name, process in found:
            if kind_of(name) not in PARTS:
                group.create_task(_end_one(folder, name, process))
    for kind in _PARTS_IN_ORDER:
        async with asyncio.TaskGroup() as group:
            for name, process in found:
                if kind_of(name) == kind:
                    group.create_task(_end_one(folder, name, process))


async def _end_one(folder: Folder, name: str, process: Process) -> None:
    grace = 20 if kind_of(name) in PARTS else _SERVICE_GRACE
    await end(process, Launch(argv=(), stop=_STOP.get(name, signal.SIGTERM), grace=grace))
    folder.pid_file(name).unlink(missing_ok=True)


def strays(folder: Folder) -> list[Process]:
    """Return every living process that a supervisor of this folder has started.

    They carry its mark in their environment, so a deleted pid file or a worker whose parent was
    killed hides nothing.
    """
    mark = f"LIENTHONG_STACK={folder.path}".encode()
    return list(_marked(mark, (int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal())))


def _marked(mark: bytes, pids: Iterable[int]) -> Iterable[Process]:
    for pid in pids:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue  # gone, or somebody else's
        process = Process.of(pid) if mark in environment.split(b"\0") else None
        if process is not None:
            yield process


async def end_strays(folder: Folder, *, spare: Iterable[Process] = ()) -> int:
    """Kill them; return how many there were."""
    spared = set(spare)
    found = [process for process in strays(folder) if process not in spared]
    for process in found:
        await end(process, Launch(argv=(), stop=signal.SIGKILL, grace=5))
    return len(found)
