"""Files of the observer's own: one JSON object a line, on the disk before anything follows it."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from tests.proof.harness import Json


class Log:
    """An append-only file; many lines share one fsync."""

    def __init__(self, path: Path) -> None:
        """Open or go on with a file; a line that was cut short is ended, and never read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._saving = Lock()

    def note(self, line: Json) -> None:
        """Write a line soon; what is noted may be lost with this process and is found again."""
        self._lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode())
        self._work.set()

    async def write(self, line: Json) -> None:
        """Write a line and return when it is on the disk."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self.note(line)
        await done

    async def keep(self) -> None:
        """Bring lines to the disk until cancelled; the last ones then too."""
        try:
            while True:
                await self._work.wait()
                await self._flush()
        finally:
            self.close()

    async def _flush(self) -> None:
        self._work.clear()
        lines, self._lines = self._lines, []
        waiting, self._waiting = self._waiting, []
        await asyncio.to_thread(self._save, lines)
        for one in waiting:
            with suppress(asyncio.InvalidStateError):  # its task was cancelled
                one.set_result(None)

    def close(self) -> None:
        """Write what is left and close the file."""
        lines, self._lines = self._lines, []
        if self._file >= 0:
            self._save(lines)
            with self._saving:  # a thread may still be at it when its task was cancelled
                os.close(self._file)
                self._file = -1

    def _save(self, lines: list[bytes]) -> None:
        if lines:
            with self._saving:
                os.write(self._file, b"\n".join(lines) + b"\n")
                os.fsync(self._file)


def lines(path: Path) -> Iterator[Json]:
    """Yield what a file holds; a line that was cut short by a death is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)
