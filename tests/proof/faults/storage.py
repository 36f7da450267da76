"""One flipped byte in a stored file: it is found, refused, reported, and never served."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.proof.faults.fault import PATIENCE, Fault
from tests.proof.faults.processes import until
from tests.proof.harness import Harness
from tests.proof.journal import lines
from tests.proof.records import WORK
from tests.proof.session import Session

_REPORT = "stored file is corrupt"
_LOGS = ("docs", "docs-2", "signing", "signing-2")


def flipped_bytes(files: int) -> Iterator[Fault]:
    """Yield the flipping of a byte in so many files that were just stored."""
    yield Fault(
        name=f"a byte flipped in {files} stored files",
        group="flipped byte",
        inflict=partial(_flip, files=files),
    )


async def _flip(harness: Harness, session: Session, *, files: int) -> float:
    """Flip a byte of files as they are stored, wait until each is reported, flip it back.

    Raises NotReached when one is not reported. That none is served is the checker's to say: every
    reader downloads and hashes what it is handed.
    """
    flipped: list[Path] = []
    try:
        while len(flipped) < files:
            new = await _next_stored(harness, session)
            await asyncio.to_thread(_flip_in, new)
            flipped.append(new)
        for file in flipped:
            await until(
                f"the flipped byte in {file.name} is reported",
                lambda name=file.name: _reported(harness, name),
                PATIENCE,
            )
    finally:
        for file in flipped:
            await asyncio.to_thread(_flip_in, file)
    return await session.recovered(time.monotonic(), PATIENCE)


async def _next_stored(harness: Harness, session: Session) -> Path:
    """Return the file of a document that is handed in from now on, when it is stored."""
    known = await asyncio.to_thread(_digests, session)
    found: list[Path] = []

    def stored() -> bool:
        new = _digests(session) - known
        found.extend(path for path in (_path(harness, one) for one in new) if path.exists())
        return bool(found)

    await until("a document is stored", stored, PATIENCE)
    return found[0]


def _digests(session: Session) -> set[str]:
    """Return the digests of all documents that were begun, from the observer's journal."""
    return {
        str(line["sha256"]) for line in lines(session.journal / WORK) if line.get("e") == "invoke"
    }


def _path(harness: Harness, sha256: str) -> Path:
    return harness.run / "blobs" / sha256[:2] / sha256[2:4] / sha256


def _flip_in(file: Path) -> None:
    with file.open("r+b") as stored:
        middle = stored.seek(0, 2) // 2
        stored.seek(middle)
        byte = stored.read(1)[0]
        stored.seek(middle)
        stored.write(bytes([byte ^ 1]))


def _reported(harness: Harness, sha256: str) -> bool:
    """Say whether a log tells of the file."""
    for process in _LOGS:
        log = harness.log(process)
        if log.exists() and any(
            sha256 in line and _REPORT in line for line in log.read_text().splitlines()
        ):
            return True
    return False
