"""Which worker has a file: a slot's, or one beside the slots after its sender's slow files."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.signing.forks import Forks
from services.signing.pool import Limits, Worker

MOST_BESIDE = 4
"""So many looks may go on beside the slots; one more keeps its slot until there is room."""
GLANCE_SECONDS = 0.05
"""Between two looks at how long a worker has been at it."""
_SLOW_SECONDS, _SLOW_SECONDS_PER_MB, _SLOWEST_SECONDS = 0.2, 0.02, 1.0
"""Of a processor: files take 10 ms per MB, and a large one is not slow for its size."""
_REMEMBERED_SECONDS = 600.0
"""So long after a slow file its sender's others are looked at beside the slots from the start."""
_log = structlog.get_logger()

Work = Callable[[Worker], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Held:
    """A file for which a worker was taken."""

    worker: Worker
    sender: UUID
    size: int
    """In bytes."""


class Room:
    """Many may be inside together, or one alone, until they leave or are put out."""

    def __init__(self) -> None:
        """Start empty."""
        self._condition = asyncio.Condition()
        self._inside: set[object] = set()
        self._alone: object = None

    @asynccontextmanager
    async def entered(self, who: object, *, alone: bool) -> AsyncGenerator[None]:
        """Be inside for the length of a `with`; `alone` waits until the others have left."""
        try:
            async with self._condition:
                await self._condition.wait_for(lambda: self._alone is None)
                if alone:
                    self._alone = who
                    await self._condition.wait_for(lambda: not self._inside)
                self._inside.add(who)
            yield
        finally:
            await self.put_out(who)

    async def put_out(self, who: object) -> None:
        """Let the others go on as if somebody had left; nothing when they have left already."""
        async with self._condition:
            self._inside.discard(who)
            if self._alone is who:
                self._alone = None
            self._condition.notify_all()


class Slots:
    """Workers of the slots, and those beside them, which run when nobody else wants a processor.

    A sender with looks beside the slots waits with its other files: so whoever sends poisonous
    files takes a fraction of a second of the slots, once, and then only what nobody else uses.
    """

    def __init__(
        self,
        limits: Limits,
        forks: Forks,
        *,
        freed: Callable[[], None],
        most_beside: int = MOST_BESIDE,
    ) -> None:
        """Begin without slots; `freed` is called when a sender need not wait any longer."""
        self._limits, self._forks, self._freed = limits, forks, freed
        self._most_beside = most_beside
        self._workers: list[Worker] = []
        self._beside: dict[Worker, UUID] = {}
        self._together = Room()
        """Of the looks in the slots: one that may end the whole process is apart from others."""
        self._slow_at: dict[UUID, float] = {}

    @property
    def processes(self) -> list[int]:
        """Return the ids of all living workers."""
        everyone = (*self._workers, *self._beside)
        return [worker.pid for worker in everyone if worker.pid is not None]

    def add(self) -> int:
        """Add a slot; returns its number."""
        self._workers.append(Worker(self._limits, self._forks))
        return len(self._workers) - 1

    async def warm(self, number: int) -> None:
        """Make a slot's worker ahead of its first file."""
        await self._workers[number].warm()

    async def end(self, number: int) -> None:
        """End a slot's worker and those beside the slots; what they had is to be done again."""
        for worker in (self._workers[number], *self._beside):
            await worker.close()

    def waiting(self) -> set[UUID]:
        """Return the senders whose next file has to wait."""
        busy = set(self._beside.values())
        return busy if self._room() else busy | self._suspects()

    def take(self, number: int, sender: UUID, *, size: int, alone: bool = False) -> Held:
        """Take a worker for a sender's file of so many bytes: the slot's, or one beside the slots.

        From now on the sender waits if it is beside. What is to be `alone` begins in the slot.
        """
        worker = self._workers[number]
        if sender in self._suspects() and self._room() and not alone:
            worker = Worker(self._limits, self._forks)
            worker.slow_down()
            self._beside[worker] = sender
        return Held(worker, sender, size)

    @asynccontextmanager
    async def entered(self, worker: Worker, *, alone: bool) -> AsyncGenerator[None]:
        """Keep looks in the slots, or one `alone`, together for the length of a `with`.

        Whoever is slow, or began beside the slots, keeps nobody waiting.
        """
        if worker in self._beside:
            yield
        else:
            async with self._together.entered(worker, alone=alone):
                yield

    async def give(self, number: int, held: Held, work: Work, group: asyncio.TaskGroup) -> bool:
        """Have a worker that was taken do something; return when the slot is free again.

        True: it goes on beside the slots, as a task of `group` that tells its errors in the log.
        Raises what `work` raises in the slot.
        """
        worker = held.worker
        try:
            await worker.warm()  # its start is not the file's time
        except BaseException:
            self._beside.pop(worker, None)
            raise
        working = group.create_task(_outcome(work(worker)))
        if worker not in self._beside:
            if await _slow(working, worker, held.size):
                self._slow_at[held.sender] = asyncio.get_running_loop().time()
                await self._together.put_out(worker)
                while not working.done() and not self._room():
                    await asyncio.wait({working}, timeout=GLANCE_SECONDS)
            if working.done():
                if (error := working.result()) is not None:
                    raise error
                return False
            self._beside[worker] = held.sender
            self._workers[number] = Worker(self._limits, self._forks)
            worker.slow_down()
        group.create_task(self._until_done(working, worker))
        return True

    def _room(self) -> bool:
        return len(self._beside) < self._most_beside

    def _suspects(self) -> set[UUID]:
        since = asyncio.get_running_loop().time() - _REMEMBERED_SECONDS
        self._slow_at = {sender: at for sender, at in self._slow_at.items() if at > since}
        return set(self._slow_at)

    async def _until_done(self, working: asyncio.Task[Exception | None], worker: Worker) -> None:
        error = await working
        if error is not None:  # a claim expires, and the file is examined again
            _log.error("examination failed", exc_info=error)
        await worker.close()
        del self._beside[worker]
        self._freed()


def is_slow(worker: Worker, size: int) -> bool:
    """Say whether a look has used so much of a processor that it is slow for a file of a size."""
    most = min(_SLOW_SECONDS + _SLOW_SECONDS_PER_MB * size / 1_000_000, _SLOWEST_SECONDS)
    return worker.busy_seconds >= most


async def _slow(working: asyncio.Task[Exception | None], worker: Worker, size: int) -> bool:
    """Wait until something is done, or its look has used so much of a processor that it is slow.

    By processor, not by clock: on a busy machine, or without PostgreSQL, no file is to blame.
    """
    while not working.done():
        await asyncio.wait({working}, timeout=GLANCE_SECONDS)
        if not working.done() and is_slow(worker, size):
            return True
    return False


async def _outcome(work: Awaitable[None]) -> Exception | None:
    """Wait for something; return what it raised, if anything."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 (whoever waits raises it, or tells it)
        return error
    return None
