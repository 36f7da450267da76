"""PostgreSQL's own programs, run to their end while somebody is told that they go on."""

import asyncio
import os
import pwd
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from infra.stack.folder import Folder
from infra.stack.launch import Launch
from infra.stack.postgres import tool
from infra.stack.trouble import Trouble

_WORD_EVERY = 2.0
_LINES = 6


def say(text: str) -> None:
    """Tell the person who waits; nobody, when the terminal is gone: what was begun goes on."""
    with suppress(OSError):
        print(f"  {text}", flush=True)


async def run(
    folder: Folder, name: str, *words: str | Path, way_out: str, word: Callable[[], str]
) -> None:
    """Run one of the programs with the superuser's password; `word` tells how far it is.

    Raises Trouble with its last lines when it fails, and leads out by `way_out`.
    """
    launch = tool(name, *words)
    secret = {"PGPASSWORD": folder.secret("postgres"), "PGCONNECT_TIMEOUT": "10"}
    process = await started(folder, launch.with_env(secret), asyncio.subprocess.PIPE)
    try:
        output = await _told(process, name, word)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        lines = "\n    ".join(output.splitlines()[-_LINES:])
        raise Trouble(f"{name} ended with status {process.returncode}:\n    {lines}", way_out)


async def _told(process: asyncio.subprocess.Process, name: str, word: Callable[[], str]) -> str:
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(process.communicate())
        while not reading.done():
            await asyncio.wait({reading}, timeout=_WORD_EVERY)
            if not reading.done():
                say(f"… {name}: {word()} ({time.monotonic() - began:.0f} s)")
    return reading.result()[0].decode(errors="replace")


async def started(
    folder: Folder, launch: Launch, output: int | IO[bytes]
) -> asyncio.subprocess.Process:
    """Start a program as its launch says; the terminal's signals do not reach it.

    It carries the stack's mark: what is left of a restore that was killed ends with `make down`.
    """
    user = launch.user
    return await asyncio.create_subprocess_exec(
        *launch.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **launch.env, "LIENTHONG_STACK": str(folder.path)},
        cwd=launch.cwd,
        start_new_session=True,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
    )


def bytes_in(folder: Path) -> int:
    """Count the bytes of all files below a folder, which may change meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def megabytes(folder: Path) -> str:
    """Return how much a folder holds, as it is told to people."""
    return f"{bytes_in(folder) / 1e6:.0f} MB"


def end(pid: int, sign: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
