"""The ends of logs, and logs kept short: a disk that they fill stops all that runs on it."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from infra.stack.folder import Folder

MOST = 100 << 20
"""Bytes of a log that is left alone."""
KEPT = 20 << 20
"""Bytes of a longer one that go on being readable, in the file `….log.1` beside it."""
_EVERY = 60.0


def tail(log: Path, size: int) -> bytes:
    """Return the last bytes of a log, at most so many; none if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)
    except FileNotFoundError:
        return b""


def last_lines(log: Path, count: int = 8) -> str:
    """Return the last lines of a log, indented, for a sentence about what went wrong."""
    lines = tail(log, 20_000).decode(errors="replace").splitlines()[-count:]
    return "\n".join("    " + line[:400] for line in lines) or "    (none)"


def shorten(log: Path, *, most: int = MOST, kept: int = KEPT) -> None:
    """Empty a log that is longer than `most`, its last whole lines set aside. Raises OSError.

    It is emptied in place: its process holds it open, and appends at whatever its end is. A line
    that is written between the reading and the emptying is lost.
    """
    if not log.exists() or log.stat().st_size <= most:
        return
    try:
        _, _, whole = tail(log, kept).partition(b"\n")
        before = log.with_name(f"{log.name}.1")
        before.unlink(missing_ok=True)
        before.write_bytes(whole)
    finally:  # on a full disk, the room is worth more than what was said
        os.truncate(log, 0)


async def kept_short(folder: Folder, over: asyncio.Event) -> None:
    """Keep all logs of a stack short until it is over."""
    while not over.is_set():
        for log in sorted(folder.logs.glob("*.log")):
            with suppress(OSError):  # it is tried again soon, and is not worth a life
                await asyncio.to_thread(shorten, log)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVERY):
                await over.wait()
