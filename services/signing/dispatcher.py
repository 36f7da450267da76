"""Gives waiting files to workers: urgent first, senders in turn, a suspected file alone."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog

from services.signing import informed
from services.signing.bench import Bench
from services.signing.examine import settle, tell_long
from services.signing.finding import Unit
from services.signing.pipe import Answer
from services.signing.pool import Limits, Look, Present, Worker
from services.signing.slots import Slots
from services.signing.store import examinations
from services.signing.store.examinations import Claim
from services.signing.validation.given import ALTERED
from services.signing.verdict import Verdict
from shared import telemetry
from shared.chain import Lane
from shared.db import Connection, Step, T
from shared.errors import Unavailable
from shared.failpoint import reach
from shared.process import Task, repeat
from shared.sizes import SIGNATURE_BYTES

LEASE = timedelta(seconds=6)
"""How long a claim holds without being renewed: so long a dead process keeps its files."""
_RENEW_SECONDS = 2.0
_LONG_SECONDS, _LONG_SECONDS_PER_BYTE = 1.0, 0.03 / 1_000_000
"""Of a processor, after which docs hears that a file takes long: not when a machine is slow, nor
for its size (files take 10 ms per MB)."""
_NORMAL_EVERY = 4
"""One slot in four is for normal documents, however many urgent ones wait."""
_RETRY_SECONDS = 0.5
_STOP_SECONDS = 3.0
_log = structlog.get_logger()


class Turns:
    """Whose file is next: lanes by slots, senders of a lane one after another."""

    def __init__(self) -> None:
        """Start with the urgent lane and the first sender."""
        self._slot = 0
        self._last: dict[Lane, UUID] = {}

    def lanes(self) -> tuple[Lane, Lane]:
        """Return the lanes in the order in which this slot looks at them."""
        self._slot += 1
        if self._slot % _NORMAL_EVERY == 0:
            return ("normal", "urgent")
        return ("urgent", "normal")

    async def claim(self, conn: Connection, *, without: Collection[UUID] = ()) -> Claim | None:
        """Claim the next file, of other senders than some."""
        for lane in self.lanes():
            last = self._last.get(lane)
            for after in (last, None) if last else (None,):
                found = await examinations.claim(
                    conn, lane=lane, after=after, lease=LEASE, without=without
                )
                if found:
                    self._last[lane] = found.sender_id
                    return found
        return None


class Dispatcher:
    """All that the slots share: the database, the files, the trust of the moment."""

    def __init__(
        self,
        bench: Bench,
        limits: Limits,
        *,
        meet: Callable[[Sequence[Unit]], Awaitable[None]],
        may: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Use what a bench has, but its workers; nothing is examined until `may` says so.

        `meet` is told of the time-stamping units of each file before its verdict is written.
        """
        self._db, self._blobs, self.anchor = bench.db, bench.blobs, bench.anchor
        self._meet, self._may = meet, may
        self._turns = Turns()
        self._claiming = asyncio.Lock()
        self._slots = Slots(limits, bench.forks, freed=bench.db.bell.ring)

    @property
    def processes(self) -> list[int]:
        """Return the ids of all living worker processes, those beside the slots too."""
        return self._slots.processes

    def slots(self, count: int) -> list[Task]:
        """Return one task per slot: so many files are looked at side by side."""
        return [self._slot(self._slots.add()) for _ in range(count)]

    def _slot(self, number: int) -> Task:
        async def task(stop: asyncio.Event) -> None:
            try:
                await self._slots.warm(number)
                async with asyncio.TaskGroup() as group:
                    step = partial(self.examine_next, number, group)
                    work = repeat(step, name=f"examine {number}", bell=self._db.bell)
                    working = group.create_task(work(stop))
                    await stop.wait()
                    # A file that is nearly done is finished, a long one goes back to the others.
                    await asyncio.wait({working}, timeout=_STOP_SECONDS)
                    await self._slots.end(number)
            finally:
                await self._slots.end(number)

        return task

    async def examine_next(self, number: int, group: asyncio.TaskGroup) -> bool:
        """Examine one waiting file in a slot; False when none waits."""
        if self._may is not None and not await self._may():
            return False
        waiting = await self._db.look(examinations.any_to_claim)
        if not waiting:
            return False
        async with self._claiming:  # two slots would claim two files of one slow sender
            claimed = await self._db.as_worker(self._claim)
            if claimed is None:
                return False
            held, present = claimed
            taken = self._slots.take(number, held.sender_id, size=held.size, alone=held.alone)
        work = partial(self._examine, held, present)
        if await self._slots.give(number, taken, work, group):
            _log.info("looked at beside", document=held.document_code, sha256=held.sha256)
        return True

    async def _examine(self, held: Claim, present: Present, worker: Worker) -> None:
        attributes = {
            telemetry.DOCUMENT_ID: str(held.document_id),
            telemetry.DOCUMENT_CODE: held.document_code,
            telemetry.DISPATCH_ID: str(held.dispatch_id),
            telemetry.LANE: held.lane,
            telemetry.ATTEMPT: held.fence,
        }
        with telemetry.span("examine file", attributes=attributes, parent=held.trace) as span:
            reach("signing.claimed")
            look = await self._look(held, worker, present)
            verdict = await self._settle(held, look)
            if verdict:
                span.set_attribute(telemetry.INDICATION, verdict.indication)
                _log.info(
                    "file examined",
                    document=held.document_code,
                    sha256=held.sha256,
                    indication=verdict.indication,
                    reason=verdict.reason,
                    detail=verdict.detail,
                )

    async def _claim(self, conn: Connection) -> tuple[Claim, Present] | None:
        held = await self._turns.claim(conn, without=self._slots.waiting())
        return (held, await self.anchor.now(conn)) if held else None

    async def _look(self, held: Claim, worker: Worker, present: Present) -> Look:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep(held, worker))
            async with self._slots.entered(worker, alone=held.alone):
                look = await self._give(held, worker, present)
            keeper.cancel()
        return look

    async def _give(self, held: Claim, worker: Worker, present: Present) -> Look:
        """Give a file and its detached seal, if it has one, to a worker; it alone parses them."""
        detached, seal = None, held.signature_sha256
        if seal is not None:
            detached = await asyncio.to_thread(_read, self._blobs.path(seal), seal)
        if isinstance(detached, Look):
            if detached.altered:
                self._blobs.report(seal or "")
            return detached
        path = self._blobs.path(held.sha256)
        look = await informed.look(
            worker, path, held.sha256, present, read=self._patiently, detached=detached
        )
        if look.altered:
            self._blobs.report(held.sha256)
        try:
            await self._meet(look.units)
        except Unavailable as error:
            return Look(None, "died", str(error))  # that says nothing about the file: once more
        return replace(look, detached=detached)

    async def _keep(self, held: Claim, worker: Worker) -> None:
        """Renew a claim until cancelled; without PostgreSQL it may expire, the fence holds.

        A file that keeps its worker busy for long is told of: others need not wait for it.
        """
        long, told = max(_LONG_SECONDS, held.size * _LONG_SECONDS_PER_BYTE), False
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            with suppress(Unavailable):
                await self._db.as_worker(lambda conn: examinations.renew(conn, held, lease=LEASE))
                if not told and worker.busy_seconds >= long:
                    await self._db.as_worker(lambda conn: tell_long(conn, held))
                    told = True

    async def _settle(self, held: Claim, look: Look) -> Verdict | None:
        return await self._patiently(lambda conn: settle(conn, held, look))

    async def _patiently(self, step: Step[T]) -> T:
        """Run a step, however long PostgreSQL is away: the look is not done again for that."""
        while True:
            try:
                return await self._db.as_worker(step)
            except Unavailable as error:
                _log.warning("waiting", task="examine", cause=str(error))
                await asyncio.sleep(_RETRY_SECONDS)


def _read(path: Path, sha256: str) -> bytes | Look:
    """Read a detached seal whole; a look that failed at the store when it is not what it was."""
    try:
        with path.open("rb") as file:
            content = file.read(SIGNATURE_BYTES)
    except OSError as error:
        return Look(Answer(None, "store", type(error).__name__))
    if hashlib.sha256(content).hexdigest() != sha256:
        return Look(Answer(None, "store", ALTERED))
    return content
