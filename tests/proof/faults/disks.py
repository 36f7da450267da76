"""A disk that is full, and a blob store that cannot save: refused aloud, never acknowledged."""

import asyncio
import os
import shutil
import time
from asyncio import Future
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from tests.proof.faults.databases import returned
from tests.proof.faults.fault import OF_PART, OF_SERVICE, PATIENCE, Broken, Fault
from tests.proof.faults.processes import tool, until
from tests.proof.faults.syscalls import changed, delayed_disk, failing_disk, none_sooner
from tests.proof.harness import Harness
from tests.proof.session import Session

_ROOM = 48 << 20
"""Bytes that a small disk has beyond what lies on it already."""
_CHUNK = 1 << 20
_BLOB_USERS = ("docs", "signing")
_FULL = "filler"
_HALF_WRITTEN = 2.0
"""Seconds in which what was half written when a disk filled is given up, and leaves room."""
_PATIENCE = 90.0
"""Seconds until a document is refused."""
_REFUSALS = frozenset({"503", "507"})
_SLOW = 0.5
"""Seconds that each write to a slow disk takes at least."""


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
    yield Fault(
        name="blob store: fsync fails in signing",
        group="fsync errors",
        inflict=partial(_fail_to_sign, pause=pause),
        quick=False,
        bound=OF_SERVICE,
    )
    yield Fault(
        name="blob store: each fsync takes half a second",
        group="slow disk",
        inflict=partial(_save_slowly, pause=pause),
        quick=False,
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
        async with _only_refused(session), _full(folder):
            await none_saved(session, pause)
        return await session.recovered(time.monotonic(), PATIENCE)


async def _fill_postgres(harness: Harness, session: Session, *, pause: float) -> float:
    """Fill PostgreSQL's disk; what its log still has room for is saved, and may be acknowledged."""
    folder = _data(harness)
    async with _small_disk(harness, folder, ["postgres"]):
        async with _only_refused(session), _full(folder):
            await _refused(session)
            await asyncio.sleep(pause)
        return await returned(harness, session)


async def _fail_to_save(harness: Harness, session: Session, *, pause: float) -> float:
    """Let every fsync of docs fail, which it makes for files only: what is read there still is."""
    pids = [harness.pid("docs")]
    async with _only_refused(session), failing_disk(pids, "fsync", harness.run / "strace.txt"):
        await none_saved(session, pause)
    return await session.recovered(time.monotonic(), PATIENCE)


async def _save_slowly(harness: Harness, session: Session, *, pause: float) -> float:
    """Have docs wait for its disk: a file is acknowledged when it is saved, not sooner."""
    pids, notes = [harness.pid("docs")], harness.run / "strace.txt"
    async with delayed_disk(pids, "fsync", _SLOW, notes):
        await none_sooner(session, pause, _SLOW)
    return await session.recovered(time.monotonic(), PATIENCE)


async def _fail_to_sign(harness: Harness, session: Session, *, pause: float) -> float:
    """Let every fsync of signing fail: no signature is told as made whose file is not saved.

    It is made when the disk saves again, of the same request or of another.
    """
    notes = harness.run / "strace.txt"
    async with asyncio.TaskGroup() as group:
        async with failing_disk([harness.pid("signing")], "fsync", notes):
            asked = group.create_task(session.probe("signature"))
            await none_signed(asked, lambda: changed(notes), pause)
        since = time.monotonic()
        await asked
    return await session.recovered(since, PATIENCE)


async def none_signed(asked: Future[None], failing: Callable[[], bool], pause: float) -> None:
    """See that no document is signed for `pause` seconds after the first file was not saved.

    Raises Broken; NotReached when all were.
    """
    await until("a signed file cannot be saved", lambda: failing() or asked.done(), PATIENCE)
    await asyncio.wait([asked], timeout=pause)
    if asked.done():
        raise Broken("a document was signed, sealed and sent whose signed file was not saved")


@asynccontextmanager
async def _only_refused(session: Session) -> AsyncGenerator[None]:
    """See that clients meet no other error than a refusal meanwhile. Raises Broken."""
    before = Counter(session.troubles)
    yield
    odd = {
        kind: number - before[kind]
        for kind, number in session.troubles.items()
        if number > before[kind] and kind.startswith("5") and kind not in _REFUSALS
    }
    if odd:
        raise Broken(f"clients of a disk that does not save were answered {odd}, not 503 or 507")


async def _refused(session: Session) -> None:
    """Wait until a document is refused. Raises NotReached."""
    before = Counter(session.troubles)
    await until(
        "a document is refused that cannot be saved",
        lambda: any(session.troubles[kind] > before[kind] for kind in _REFUSALS),
        _PATIENCE,
    )


async def none_saved(session: Session, pause: float) -> None:
    """See that a store that saves nothing, from now on, refuses what is handed in.

    Raises NotReached without a refusal; Broken when a document is acknowledged that was begun
    after the first. A checker would not see that: the machine's memory keeps the file.
    """
    await _refused(session)
    since = time.monotonic()
    await session.hand_in_for(pause)
    if unsaved := session.workload.records.accepted(since):
        raise Broken(f"documents {unsaved} were acknowledged, and could not be saved")


@asynccontextmanager
async def _full(folder: Path) -> AsyncGenerator[None]:
    """Have the disk of a folder filled to its last byte meanwhile."""
    filler = folder / _FULL
    try:
        await asyncio.to_thread(_fill, filler)
        await asyncio.sleep(_HALF_WRITTEN)
        await asyncio.to_thread(_fill, filler)
        yield
    finally:
        await asyncio.to_thread(filler.unlink, missing_ok=True)


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as filler:
        for chunk in (_CHUNK, 512):
            with suppress(OSError):
                while True:
                    filler.write(bytes(chunk))


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
