"""A disk that is full, and a blob store that cannot save: refused aloud, never acknowledged."""

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from tests.proof.faults.databases import returned
from tests.proof.faults.fault import OF_PART, OF_SERVICE, PATIENCE, Broken, Fault
from tests.proof.faults.processes import failing_disk, tool, until
from tests.proof.harness import Harness
from tests.proof.session import Session

_ROOM = 48 << 20
"""Bytes that a small disk has beyond what lies on it already."""
_CHUNK = 1 << 20
_BLOB_USERS = ("docs", "signing")
_FULL = "filler"
_REFUSALS = frozenset({"503", "507"})


def small_disks(pause: float) -> Iterator[Fault]:
    """Yield full disks and failing ones; `pause` is how long it lasts."""
    yield Fault(
        name="blob store: disk full",
        group="disk full",
        inflict=partial(_fill_blobs, pause=pause),
        patience=pause + 240,
    )
    yield Fault(
        name="PostgreSQL: disk full",
        group="disk full",
        inflict=partial(_fill_postgres, pause=pause),
        bound=OF_PART,
        patience=pause + 240,
    )
    yield Fault(
        name="blob store: fsync fails",
        group="fsync errors",
        inflict=partial(_fail_to_save, pause=pause),
        bound=OF_SERVICE,
    )


async def undo(harness: Harness) -> None:
    """Put back what a broken-off run has left on a small disk; the stack is ended for that."""
    left = [harness.run / "blobs", _data(harness)]
    if any(_whole(folder).exists() for folder in left):
        await harness.down()
        for folder in left:
            await _back(folder)


async def _fill_blobs(harness: Harness, session: Session, *, pause: float) -> float:
    folder = harness.run / "blobs"
    async with _small_disk(harness, folder, _BLOB_USERS):
        async with _full(folder, session, pause):
            pass
        return await session.recovered(time.monotonic(), PATIENCE)


async def _fill_postgres(harness: Harness, session: Session, *, pause: float) -> float:
    folder = _data(harness)
    async with _small_disk(harness, folder, ["postgres"]):
        async with _full(folder, session, pause):
            pass
        return await returned(harness, session)


async def _fail_to_save(harness: Harness, session: Session, *, pause: float) -> float:
    """Let every fsync of docs fail, which it makes for files only."""
    async with failing_disk([harness.pid("docs")], "fsync", harness.run / "strace.txt"):
        await asyncio.sleep(pause)
    return await session.recovered(time.monotonic(), PATIENCE)


@asynccontextmanager
async def _full(folder: Path, session: Session, pause: float) -> AsyncGenerator[None]:
    """Fill the disk to its last byte, wait for refusals and some more; then make room again.

    Raises NotReached without a refusal, Broken when a client was answered otherwise.
    """
    before = Counter(session.troubles)
    await asyncio.to_thread(_fill, folder / _FULL)
    try:
        await until("a document is refused for want of room", lambda: _refused(session, before), 90)
        await asyncio.sleep(pause)
        yield
    finally:
        await asyncio.to_thread((folder / _FULL).unlink)
    odd = {
        kind: number - before[kind]
        for kind, number in session.troubles.items()
        if number > before[kind] and kind.startswith("5") and kind not in _REFUSALS
    }
    if odd:
        raise Broken(f"with a full disk clients were answered {odd}, not 503 or 507")


def _refused(session: Session, before: Counter[str]) -> bool:
    return any(session.troubles[kind] > before[kind] for kind in _REFUSALS)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(_CHUNK))
    with file.open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(512))


def _data(harness: Harness) -> Path:
    """Return PostgreSQL's data directory, wherever its user can reach it."""
    return (harness.run / "postgres").resolve() / "data"


def _whole(folder: Path) -> Path:
    """Return where a folder waits while a small disk lies over its place."""
    return folder.with_name(f"{folder.name}.whole")


@asynccontextmanager
async def _small_disk(harness: Harness, folder: Path, users: Sequence[str]) -> AsyncGenerator[None]:
    """Have a folder on a small disk of memory meanwhile; its users are away at both changes."""
    for user in users:
        await harness.kill(user, hold=True)
    try:
        await _away(folder)
        for user in users:
            await harness.start(user)
        yield
    finally:
        for user in users:
            await harness.kill(user, hold=True)
        await _back(folder)
        for user in users:
            await harness.start(user)


async def _away(folder: Path) -> None:
    whole = _whole(folder)
    size = await asyncio.to_thread(_size, folder) + _ROOM
    await asyncio.to_thread(folder.rename, whole)
    await asyncio.to_thread(folder.mkdir)
    await tool("mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder)
    await tool("cp", "-a", f"{whole}/.", folder)


async def _back(folder: Path) -> None:
    """Put a folder back where it was, with what came to it on the small disk."""
    whole = _whole(folder)
    if not whole.exists():
        return
    if await asyncio.to_thread(os.path.ismount, folder):
        with suppress(FileNotFoundError):
            (folder / _FULL).unlink()
        came = folder.with_name(folder.name + ".came")
        await asyncio.to_thread(shutil.rmtree, came, ignore_errors=True)
        await tool("cp", "-a", folder, came)
        await tool("umount", folder)
        await asyncio.to_thread(shutil.rmtree, whole)
        await asyncio.to_thread(came.rename, whole)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(whole.rename, folder)


def _size(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if not file.is_symlink())
