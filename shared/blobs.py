"""Content-addressed files: written durably while they are hashed, checked block by block."""

import asyncio
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from shared.errors import Problem, Unavailable
from shared.failpoint import reach

BLOCK = 1 << 20
"""Bytes per block that has a digest of its own."""

_HEAD = 4096
_DIGEST = 32
_ABANDONED = 86_400.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file: its digests were made from the bytes that were written."""

    sha256: str
    size: int
    blocks: bytes
    """SHA-256 of each 1 MiB block, 32 bytes each, one after another."""
    head: bytes
    """The first 4 KiB, for looking at what kind of file it is."""


class Corrupt(Exception):  # noqa: N818
    """A stored block does not have its digest any more: the answer is cut, an alarm is raised."""


class BlobStore:
    """Files below one folder, by SHA-256. Nothing is ever deleted in this release."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made if needed: now, or by whoever first writes."""
        self._root = root
        self._begun, self._marks = root / "begun", root / "corrupt"
        self._made = False
        with suppress(Problem):  # it is away, as the log has it: other work goes on meanwhile
            self._make()

    def _make(self) -> None:
        with _disk_told():
            for folder in (self._begun, self._marks):
                folder.mkdir(parents=True, exist_ok=True)
            # What a killed process has left; another instance may still be at the younger ones,
            # or have just ended one. What cannot be removed keeps nobody from writing.
            for left in self._begun.iterdir():
                with suppress(OSError):
                    if left.stat().st_mtime < time.time() - _ABANDONED:
                        _discard(left)
        self._made = True

    async def write(self, chunks: AsyncIterable[bytes], *, limit: int) -> Blob:
        """Store the bytes: temp file, fsync, rename, fsync of the folder; memory is bounded.

        Raises Problem REQ-4131 past `limit` bytes, SYS-5071 when the disk is full, Unavailable when
        it does not store. What was begun and not finished is removed.
        """
        with self.stage() as stage:
            blob = await stage.write(chunks, limit=limit)
            await stage.keep()
        return blob

    @contextmanager
    def stage(self) -> Generator["Stage"]:
        """Lend a place for files to be kept together or not at all. Raises as `write` does."""
        if not self._made:
            self._make()
        stage = Stage(self._begun, self._keep)
        try:
            yield stage
        finally:
            stage.clear()

    async def lent(self, chunks: AsyncIterable[bytes], *, limit: int) -> tuple[Blob, BinaryIO]:
        """Return them as a file without a name, to be closed: a death leaves nothing of it."""
        if not self._made:
            self._make()
        with _disk_told(), ExitStack() as opened:
            file = opened.enter_context(tempfile.TemporaryFile(dir=self._begun, buffering=0))
            blob = await _taken(file, chunks, limit)
            file.seek(0)
            opened.pop_all()
            return blob, file

    def _keep(self, written: Path, sha256: str) -> None:
        final = self.path(sha256)
        final.parent.mkdir(parents=True, exist_ok=True)
        # Replaces a file of the same digest: the same bytes, or what a bad disk has made of them.
        written.replace(final)
        reach("blobs.renamed")
        # All three, also when the folders were there: who made them may have died before this.
        for folder in (final.parent, final.parent.parent, self._root):
            _sync_folder(folder)

    async def read(
        self, sha256: str, *, blocks: bytes, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` to before `end`; each whole block is checked first.

        Raises Corrupt before any byte of a bad block is yielded, OSError when it cannot be read.
        Both are reported.
        """
        with self._opened(sha256) as file:
            size = os.fstat(file.fileno()).st_size
            if (size + BLOCK - 1) // BLOCK * _DIGEST != len(blocks):
                raise self.report(sha256, block=size // BLOCK)
            stop = size if end is None else min(end, size)
            for number in range(start // BLOCK, (stop + BLOCK - 1) // BLOCK):
                digest = blocks[number * _DIGEST : (number + 1) * _DIGEST]
                block = await asyncio.to_thread(_checked, file, number, digest)
                if block is None:
                    raise self.report(sha256, block=number)
                offset = number * BLOCK
                yield block[max(start - offset, 0) : stop - offset]

    @contextmanager
    def _opened(self, sha256: str) -> Generator[BinaryIO]:
        try:
            with self.path(sha256).open("rb", buffering=0) as file:
                yield file
        except OSError:
            self.report(sha256)
            raise

    def report(self, sha256: str, *, block: int | None = None) -> Corrupt:
        """Say in the log that a file is not what it was, and leave a mark for operators."""
        _log.error("stored file is corrupt", sha256=sha256, block=block)
        with suppress(OSError):  # a disk that cannot even be written to: the log has it
            (self._marks / f"{sha256}.mark").touch()
        return Corrupt(f"block {block} of {sha256}")

    def corrupt(self) -> list[str]:
        """Return the marked files that are still not intact; blocks, for a thread of its own."""
        marked = sorted(mark.stem for mark in self._marks.glob("*.mark"))
        found = [sha256 for sha256 in marked if not intact(self.path(sha256))]
        for sha256 in set(marked) - set(found):
            _discard(self._marks / f"{sha256}.mark")
        return found

    def folders(self) -> list[Path]:
        """Return the folders that hold the files, some hundreds; blocks, for a thread.

        Raises Unavailable, as `count` does, while they cannot be read.
        """
        with _disk_told():
            return [Path(entry.path) for entry in list(os.scandir(self._root)) if entry.is_dir()]

    def count(self, folder: Path) -> int:
        """Count the files in one of the folders: a walk; blocks, for a thread of its own."""
        with _disk_told():
            inner = [one.path for one in list(os.scandir(folder)) if one.is_dir()]
            return sum(len(file.name) == 2 * _DIGEST for one in inner for file in os.scandir(one))

    def path(self, sha256: str) -> Path:
        """Return where the file with this digest lies, for readers that hash it themselves."""
        if len(sha256) != 2 * _DIGEST or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self._root / sha256[:2] / sha256[2:4] / sha256


class Stage:
    """Files on their way into the store: written and synced, seen by nobody until they are kept."""

    def __init__(self, begun: Path, keep: Callable[[Path, str], None]) -> None:
        """Write below `begun`; `keep` gives a file its final place."""
        self._begun, self._keep = begun, keep
        self._written: list[tuple[Path, str]] = []

    async def write(self, chunks: AsyncIterable[bytes], *, limit: int) -> Blob:
        """Write the bytes, durably but apart. Raises as `BlobStore.write` does."""
        with _disk_told():
            descriptor, name = tempfile.mkstemp(dir=self._begun)
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    blob = await _taken(file, chunks, limit)
            except BaseException:
                _discard(Path(name))
                raise
            self._written.append((Path(name), blob.sha256))
            return blob

    def path(self, sha256: str) -> Path:
        """Return where a file that was written here lies until it is kept, or cleared away."""
        return next(path for path, digest in self._written if digest == sha256)

    async def keep(self) -> None:
        """Keep every file that was written here; a second time does nothing."""
        with _disk_told():
            while self._written:
                await asyncio.to_thread(self._keep, *self._written[-1])
                self._written.pop()

    def clear(self) -> None:
        """Remove what was not kept."""
        for path, _ in self._written:
            _discard(path)
        self._written.clear()


@contextmanager
def _disk_told() -> Generator[None]:
    """Turn what a disk raises into Problem SYS-5071 (full) or Unavailable (broken, or away)."""
    try:
        yield
    except ConnectionError:  # the sender's, whose bytes are read here
        raise
    except OSError as error:
        full = error.errno in _FULL
        _log.error("disk full" if full else "disk does not serve", exc_info=error)
        raise Problem("SYS-5071") if full else Unavailable("the file store") from error


async def _taken(file: BinaryIO, chunks: AsyncIterable[bytes], limit: int) -> Blob:
    intake = _Intake(file)
    pending = bytearray()
    async for chunk in chunks:
        if intake.size + len(pending) + len(chunk) > limit:
            vi, en = f"Tối đa {limit} byte.", f"At most {limit} bytes."
            raise Problem("REQ-4131", vi=vi, en=en, limit=limit)
        pending += chunk
        while len(pending) >= BLOCK:
            await asyncio.to_thread(intake.take, bytes(pending[:BLOCK]))
            del pending[:BLOCK]
    await asyncio.to_thread(intake.finish, bytes(pending))
    return intake.blob()


class _Intake:
    """Hashes and writes whole blocks; runs in a thread, since both hold the loop up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._whole = file, hashlib.sha256()
        self._blocks, self._head = bytearray(), b""
        self.size = 0

    def take(self, block: bytes) -> None:
        if self.size == 0:
            self._head = block[:_HEAD]
        self._whole.update(block)
        self._blocks += hashlib.sha256(block).digest()
        self.size += len(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]

    def finish(self, rest: bytes) -> None:
        if rest:
            self.take(rest)
        reach("blobs.written")
        os.fsync(self._file.fileno())
        reach("blobs.synced")

    def blob(self) -> Blob:
        return Blob(self._whole.hexdigest(), self.size, bytes(self._blocks), self._head)


def _checked(file: BinaryIO, number: int, digest: bytes) -> bytes | None:
    block = os.pread(file.fileno(), BLOCK, number * BLOCK)
    return block if hashlib.sha256(block).digest() == digest else None


def intact(path: Path) -> bool:
    """Say whether a file has the digest that names it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.name
    except OSError:
        return False


def _discard(file: Path) -> None:
    file.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
        reach("blobs.folder_synced")
    finally:
        os.close(descriptor)
