"""A server beside the running one, brought up from a backup and the log to one point of time."""

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from infra.postgres.archive import Archive
from infra.postgres.provision import admin
from infra.postgres.swap import recovering
from infra.restore.base import Base
from infra.restore.tools import end, megabytes, run, say, started
from infra.stack.folder import Folder
from infra.stack.launch import Launch, run_as
from infra.stack.postgres import tool
from infra.stack.trouble import Trouble

_WORD_EVERY = 2.0
_PATIENCE = 3600.0
_END_SECONDS = 20.0
_TOO_FAR = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Goal:
    """How far to go, from which backup; `settings` say it to the server."""

    base: Base
    settings: Mapping[str, str]
    words: str
    """The goal as it is told to people."""


@asynccontextmanager
async def brought_up(
    folder: Folder, archive: Archive, goal: Goal
) -> AsyncGenerator[tuple[str, Path]]:
    """Lend the address and folder of a server that stands at the goal; gone afterwards.

    Raises Trouble when the goal cannot be reached.
    """
    for left in archive.home.glob("side-*"):
        shutil.rmtree(left)
    home = archive.home / f"side-{os.getpid()}"
    data = home / "data"
    launch = _launch(archive, data, goal, port := _free_port())
    try:
        await _copied(archive.bases / goal.base.name, home, data, launch)
        say(f"brings a server beside it from {goal.base.name} to {goal.words}")
        log = home / "log"
        with log.open("ab") as output:
            process = await started(folder, launch, output)
        try:
            await _at_goal(folder, process, port, log, goal)
            yield f"127.0.0.1:{port}", home
        finally:
            await _ended(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _launch(archive: Archive, data: Path, goal: Goal, port: int) -> Launch:
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "archive_mode": "off",  # its log is another one from the goal on
        "hot_standby": "off",  # it is reached when it takes connections
        "fsync": "off",  # it is thrown away
        "max_connections": "20",
        "shared_buffers": "64MB",
        "restore_command": archive.fetch_command(),
        "recovery_target_action": "promote",
        **goal.settings,
    }
    options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
    return tool("postgres", "-D", data, *options)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _copied(base: Path, home: Path, data: Path, launch: Launch) -> None:
    """Copy a backup as the server's user, and tell the copy to read the log."""
    say(f"copies {megabytes(base)}")
    await asyncio.to_thread(_copy, base, home, data, launch.user)


def _copy(base: Path, home: Path, data: Path, user: str | None) -> None:
    copying = "mkdir -m 700 -p {0} && cp -a --reflink=auto {1} {2} && touch {2}/recovery.signal"
    script = copying.replace("{0}", '"$1"').replace("{1}", '"$2"').replace("{2}", '"$3"')
    done = run_as(user, ["/bin/sh", "-c", script, "copy", home, base, data])
    if done.returncode:
        raise Trouble(
            f"the backup could not be copied: {done.stderr.strip()[-300:]}",
            "make room; nothing was changed",
        )
    (home / "log").touch()


async def _at_goal(
    folder: Folder, process: asyncio.subprocess.Process, port: int, log: Path, goal: Goal
) -> None:
    began = time.monotonic()
    word = began + _WORD_EVERY
    while True:
        if process.returncode is not None:
            raise _not_reached(log, goal)
        try:
            connection = await admin(port, folder.secret)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            pass
        else:
            try:
                if not await recovering(connection):
                    return
            finally:
                await connection.close()
        if time.monotonic() > word:
            word += _WORD_EVERY
            say(f"… reads the log ({time.monotonic() - began:.0f} s)")
        if time.monotonic() - began > _PATIENCE:
            raise _not_reached(log, goal)
        await asyncio.sleep(0.1)


def _not_reached(log: Path, goal: Goal) -> Trouble:
    text = log.read_text(errors="replace")
    if _TOO_FAR in text:
        return Trouble(
            f"{goal.words} is later than what the log says", "name an earlier point, or TO=latest"
        )
    lines = "\n    ".join(text.splitlines()[-6:])
    return Trouble(
        f"{goal.words} cannot be reached from {goal.base.name}:\n    {lines}",
        "name another point or another backup; nothing was changed",
    )


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        end(process.pid, signal.SIGINT)
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        except TimeoutError:
            end(process.pid, signal.SIGQUIT)
            await process.wait()


async def carried_over(
    folder: Folder, *, source: str, database: str, target: str, made: str, home: Path
) -> None:
    """Copy one database of the server beside into a new, empty one of the running server."""
    dump = home / "dump"
    way_out = "nothing was changed; make room or repair what it says, then try again"

    def size() -> str:
        return megabytes(dump) if dump.exists() else "begins"

    say(f"copies {database} out of it")
    await run(
        folder,
        "pg_dump",
        *_address(source),
        *("-d", database, "--statistics", "-Fd", "-Z", "none", "-j", "2", "-f", dump),
        way_out=way_out,
        word=size,
    )
    say(f"fills {made} with {megabytes(dump)}")
    await run(
        folder,
        "pg_restore",
        *_address(target),
        *("-d", made, "-j", "2", "--exit-on-error", dump),
        way_out=way_out,
        word=size,
    )


def _address(place: str) -> tuple[str, ...]:
    host, _, port = place.rpartition(":")
    return "-h", host, "-p", port, "-U", "postgres"
