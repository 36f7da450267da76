"""Worker processes: kept alive, given one file at a time, ended when they exceed their limits."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from services.signing.pipe import (
    ALTERED,
    ANSWERS,
    LENGTH_BYTES,
    READY,
    REQUESTS,
    Answer,
    Job,
    Preparation,
    Reading,
    Request,
)
from services.signing.validation.material import Material

_MIB = 1 << 20
_LOWEST = 19
_OWN_FAULT = frozenset(
    {signal.SIGXCPU, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGSYS, signal.SIGILL}
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Present:
    """What a judgement rests on beside the file."""

    material: Material
    """The same object while nothing in it changes."""
    at: datetime
    """The moment that is judged."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one look at one file may use."""

    memory: int = 1024 * _MIB
    """Bytes of address space of the whole process."""
    cpu_seconds: int = 20
    wall_seconds: float = 40.0
    slow_wall_seconds: float = 400.0
    """Of a look that goes on at the lowest priority: others come first there."""
    files: int = 1_000
    """After so many answers a fresh process takes over: what a file has left behind ends here."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of giving a file to a worker."""

    answer: Answer | None
    end: Literal["answered", "limit", "died"] = "answered"
    """`limit`: the worker met its own limits; `died`: something else ended it."""
    detail: str = ""
    material: Material | None = None
    """What an answer rests on."""
    detached: bytes | None = None
    """The file's signature, where that does not stand in the file itself."""

    @property
    def altered(self) -> bool:
        """Say whether the stored file is there and is not what it was."""
        return self.answer is not None and self.answer.detail == ALTERED


class Worker:
    """One process at a time; started when first needed and again after each death."""

    def __init__(self, limits: Limits) -> None:
        """Start nothing yet."""
        self._limits = limits
        self._process: Process | None = None
        self._material: Material | None = None
        self._answered = 0
        self._deadline: asyncio.Timeout | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Return the id of the living process, if any."""
        return self._process.pid if self._process else None

    async def look(
        self,
        path: Path,
        sha256: str,
        present: Present,
        *,
        prepare: Preparation | None = None,
        detached: bytes | None = None,
    ) -> Look:
        """Have the worker look at a file, and prepare it for a signature when told to.

        `detached` is its signature (DER) when that does not stand in the file itself.

        Never raises for what is in the file.
        """
        job = Job(str(path), sha256, self._limits.cpu_seconds, present.at, prepare, detached)
        return await self._give(job, present.material)

    async def read(self, reading: Reading, present: Present) -> Look:
        """Have the worker read a piece of a PKI. Never raises for what is in it."""
        job = replace(reading, cpu_seconds=self._limits.cpu_seconds, at=present.at)
        return await self._give(job, present.material)

    async def _give(self, job: Job | Reading, material: Material) -> Look:
        await self.warm()
        request = Request(job=job, material=None if material is self._material else material)
        if self._process is None:
            return Look(None, "died", "the worker does not start")
        try:
            async with asyncio.timeout(self._limits.wall_seconds) as self._deadline:
                answer = await self._ask(REQUESTS.dump_json(request))
        except TimeoutError:
            await self.end()
            return Look(None, "limit", "wall clock")
        except (OSError, asyncio.IncompleteReadError):
            return await self._death()
        except BaseException:
            await self.end()  # cancelled in the middle: the next one must not get this answer
            raise
        self._material = material
        self._answered += 1
        if answer.failure == "memory" or self._answered >= self._limits.files:
            await self.end()
        return Look(answer, material=material)

    def slow_down(self) -> None:
        """Let the present look go on at the lowest priority, and for longer.

        A process cannot be given its priority back: it is to be ended afterwards.
        """
        if self._process is None or self._deadline is None:
            return
        with suppress(ProcessLookupError):  # it has just ended
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _LOWEST)
        now = asyncio.get_running_loop().time()
        with suppress(RuntimeError):  # the answer has just come
            self._deadline.reschedule(now + self._limits.slow_wall_seconds)

    async def end(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        process, self._process, self._material = self._process, None, None
        self._answered = 0
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def warm(self) -> None:
        """Start the process ahead of its first file, if there is none: that takes a second.

        A start that fails is tried again, and told, when the first file comes.
        """
        async with self._starting:
            if self._process is not None:
                return
            try:
                await self._start()
            except (OSError, asyncio.IncompleteReadError):
                await self._death()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.signing.worker",
            str(self._limits.memory),
            stdin=PIPE,
            stdout=PIPE,
            env=_environment(),
        )
        # Its start is not the file's time: on a busy machine it takes seconds.
        if await self._receive() != READY:
            raise OSError("the worker says something else")

    async def _ask(self, message: bytes) -> Answer:
        process = self._process
        if process is None or process.stdin is None:
            raise OSError("no worker")
        process.stdin.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
        await process.stdin.drain()
        return ANSWERS.validate_json(await self._receive())

    async def _receive(self) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            raise OSError("no worker")
        length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
        return await process.stdout.readexactly(length)

    async def _death(self) -> Look:
        process = self._process
        code = await process.wait() if process else 0
        await self.end()
        # A code above 0 is what Python says when it could not even say what was wrong.
        own = code > 0 or (code < 0 and signal.Signals(-code) in _OWN_FAULT)
        _log.warning("worker ended", code=code, own_limits=own)
        return Look(None, "limit" if own else "died", f"exit {code}")


def _environment() -> dict[str, str]:
    """Return what a worker needs to find the code: no address, no password, no token."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
