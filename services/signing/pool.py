"""Worker processes: kept alive, given one file at a time, ended when they exceed their limits."""

import asyncio
import math
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from services.signing.finding import Unit
from services.signing.forks import Fork, Forks, Overcome
from services.signing.patience import Patience
from services.signing.pipe import Answer, Job, Preparation, Reading, Request
from services.signing.validation.given import ALTERED
from services.signing.validation.material import Material

_MIB = 1 << 20
_OWN_FAULT = frozenset(
    {signal.SIGXCPU, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGSYS, signal.SIGILL}
)
_DYING_SECONDS = 2.0
"""From the end of a worker's connection to its own."""
WALL_CLOCK = "wall clock"
"""The detail of a limit that was met by the clock, not by a processor's time or by memory."""
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
    wall_seconds_per_mib: float = 1.0
    """More of it for what is read: a slow disk is no file's fault."""
    slow_wall_seconds: float = 400.0
    """Of a look that goes on at the lowest priority: others come first there."""
    material_wall_seconds: float = 300.0
    """For loading all that is trusted, before the first look: no file's own time."""
    files: int = 1_000
    """After so many answers a fresh process takes over: what a file has left behind ends here."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of giving a file to a worker."""

    answer: Answer | None
    end: Literal["answered", "limit", "died"] = "answered"
    """`limit`: the worker met its own limits; `died`: no file is to blame for its end."""
    detail: str = ""
    material: Material | None = None
    """What an answer rests on."""
    detached: bytes | None = None
    """The file's signature, where that does not stand in the file itself."""
    busy_seconds: float = 0.0
    """Of a processor, where the limit was the clock's: little, and the machine is to blame."""

    @property
    def failure(self) -> str:
        """Say why there is no finding: `store`, `parser`, `died`, or the limit that was met."""
        return (self.answer.failure or "") if self.answer else self.end

    @property
    def cause(self) -> str:
        """Return the detail of that."""
        return self.answer.detail if self.answer else self.detail

    @property
    def units(self) -> tuple[Unit, ...]:
        """Return the time-stamping units that were met in the file."""
        return self.answer.units if self.answer else ()

    @property
    def altered(self) -> bool:
        """Say whether the stored file is there and is not what it was."""
        return self.answer is not None and self.answer.detail == ALTERED


class Worker:
    """One process at a time; made when first needed and again after each death."""

    def __init__(self, limits: Limits, forks: Forks) -> None:
        """Make nothing yet."""
        self._limits, self._forks = limits, forks
        self._fork: Fork | None = None
        self._material: Material | None = None
        self._answered = 0
        self._slow = self._closed = False
        self._reading = 0.0
        self._latest = math.inf  # when nobody waits for the present look any more
        self._began: float | None = None
        """What the process had used before the present look; None: there is no look."""
        self._deadline: asyncio.Timeout | None = None
        self._making = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Return the id of the living process, if any."""
        return self._fork.pid if self._fork else None

    @property
    def busy_seconds(self) -> float:
        """Return how long the present look has kept a processor busy; 0 when there is none."""
        fork = self._fork
        return 0.0 if self._began is None or fork is None else fork.cpu_seconds - self._began

    async def look(
        self,
        path: Path,
        sha256: str,
        present: Present,
        *,
        prepare: Preparation | None = None,
        detached: bytes | None = None,
        answers: tuple[bytes, ...] = (),
        patience: Patience | None = None,
    ) -> Look:
        """Have the worker look at a file, and prepare it for a signature when told to.

        `detached` is its signature (DER) when that does not stand in the file itself; `answers`
        are OCSP responses about its certificates, and part of what the answer rests on.
        Never raises for what is in the file.
        """
        job = Job(sha256, self._limits.cpu_seconds, present.at, prepare, detached, answers)
        try:
            file = await asyncio.to_thread(path.open, "rb", buffering=0)
        except OSError as error:
            return Look(Answer(None, "store", type(error).__name__), material=present.material)
        with file:  # the worker opens nothing: it reads what it is given
            seen = await self._give(job, present.material, file.fileno(), patience or Patience())
        if seen.material is None or not answers:
            return seen
        return replace(seen, material=replace(seen.material, answers=answers))

    async def read(self, reading: Reading, present: Present) -> Look:
        """Have the worker read a piece of a PKI. Never raises for what is in it."""
        job = replace(reading, cpu_seconds=self._limits.cpu_seconds, at=present.at)
        return await self._give(job, present.material, None, Patience())

    async def _give(
        self, job: Job | Reading, material: Material, file: int | None, patience: Patience
    ) -> Look:
        await self.warm()
        fork = self._fork
        if fork is None:
            return Look(None, "died", "the worker does not start")
        if material is not self._material and (failed := await self._load(fork, material)):
            return Look(None, "died", f"trust material: {failed}")
        try:
            self._reading = self._reading_seconds(file)
            self._latest = asyncio.get_running_loop().time() + patience.seconds
            most = min(self._wall_seconds(), patience.seconds)
            with patience.spent():
                async with asyncio.timeout(most) as self._deadline:
                    self._began = fork.cpu_seconds
                    answer = await fork.ask(Request(job=job), file)
        except TimeoutError:
            busy = self.busy_seconds
            await self.end()
            return Look(None, "limit", WALL_CLOCK, busy_seconds=busy)
        except Overcome as why:
            await self.end()
            return Look(None, "limit", str(why))
        except (OSError, asyncio.IncompleteReadError):
            return await self._death()
        except BaseException:
            await self.end()  # cancelled in the middle: the next one must not get this answer
            raise
        finally:
            self._began = None
        self._answered += 1
        if answer.failure == "memory" or self._answered >= self._limits.files:
            await self.end()
        return Look(answer, material=material)

    def _reading_seconds(self, file: int | None) -> float:
        size = 0 if file is None else os.fstat(file).st_size
        return size / _MIB * self._limits.wall_seconds_per_mib

    def _wall_seconds(self) -> float:
        limits = self._limits
        return self._reading + (limits.slow_wall_seconds if self._slow else limits.wall_seconds)

    async def _load(self, fork: Fork, material: Material) -> str:
        """Have the worker load what is trusted; return what is wrong with that, if anything.

        Whatever it is, each file would meet it: it is told as an alarm, and no file is to blame.
        """
        try:
            async with asyncio.timeout(self._limits.material_wall_seconds):
                answer = await fork.ask(Request(material=material))
            if not answer.failure:
                self._material = material
                return ""
            wrong = answer.detail
        except TimeoutError:
            wrong = "wall clock"
        except Overcome as why:
            wrong = str(why)
        except (OSError, asyncio.IncompleteReadError):
            death = await self._death()
            if death.end == "died":
                return death.detail  # killed from outside, as it may be at any moment
            wrong = death.detail
        except BaseException:
            await self.end()
            raise
        await self.end()
        _log.error("trust material cannot be loaded", cause=wrong)
        return wrong

    def slow_down(self) -> None:
        """Let looks go on at the lowest priority, and for longer, from now on.

        A process cannot be given its priority back: the worker is to `recover` or to be closed.
        """
        self._slow = True
        if self._fork is not None:
            self._forks.slow(self._fork)
        if self._deadline is not None:
            now = asyncio.get_running_loop().time()
            with suppress(RuntimeError):  # the answer has just come
                self._deadline.reschedule(min(now + self._wall_seconds(), self._latest))

    async def recover(self) -> None:
        """End the process that was slowed down: the next one is as fast as any."""
        self._slow = False
        await self.end()

    def another(self) -> "Worker":
        """Return a worker of the same limits, with a process of its own."""
        return Worker(self._limits, self._forks)

    async def close(self) -> None:
        """Kill the process and make no other: looks that come nevertheless are `died`."""
        self._closed = True
        await self.end()

    async def end(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        fork, self._fork, self._material = self._fork, None, None
        self._answered, self._deadline = 0, None
        if fork is not None:
            self._forks.kill(fork)
            fork.writer.close()
            await asyncio.shield(fork.ended)

    async def warm(self) -> None:
        """Make the process ahead of its first file, if there is none.

        A start that fails is tried again, and told, when the first file comes.
        """
        async with self._making:
            if self._closed or (self._fork is not None and not self._fork.ended.done()):
                return
            await self.end()  # of one that has died meanwhile
            try:
                self._fork = await self._forks.make(self._limits.memory)
                if self._slow:
                    self._forks.slow(self._fork)
                # Its start is not the file's time: on a busy machine it takes a while.
                async with asyncio.timeout(self._limits.wall_seconds):
                    await self._fork.ready()
                if self._closed:
                    await self.end()
            except (OSError, asyncio.IncompleteReadError, Overcome):
                await self._death()
            except BaseException:
                await self.end()  # the next one would take its first word for an answer
                raise

    async def _death(self) -> Look:
        """Say how the process ended; one that only says no more is killed, and was overcome."""
        code: int | None = 0
        if self._fork is not None:
            await asyncio.wait({self._fork.ended}, timeout=_DYING_SECONDS)
            code = self._fork.ended.result() if self._fork.ended.done() else None
        await self.end()
        # A code above 0 is what Python says when it could not even say what was wrong.
        own = code is None or code > 0 or (code < 0 and signal.Signals(-code) in _OWN_FAULT)
        _log.warning("worker ended", code=code, own_limits=own)
        return Look(None, "limit" if own else "died", f"exit {code}")
