"""Files that burn what a worker may use, while another agency's good files are judged."""

import asyncio
import hashlib
import statistics
import zlib
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

from services.signing.examine import STRIKES
from services.signing.forks import Forks
from services.signing.pool import Limits, Look, Present, Worker
from services.signing.slots import Slots

BAD, GOOD = UUID(int=1), UUID(int=2)
_SLOTS = 2
_PATIENCE_SECONDS = 30.0
"""How long is waited for good files that are still to be judged."""


def numbers(count: int) -> bytes:
    """Return a PDF whose trailer leads to an array of so many numbers: time and memory."""
    body = b"%PDF-1.7\n1 0 obj\n[" + b"1 " * count + b"]\nendobj\n"
    table = b"xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n"
    trailer = b"trailer\n<</Size 2 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + table + trailer


def blanks(count: int) -> bytes:
    """Return a PDF whose first object is so many blanks: time alone."""
    body = b"%PDF-1.7\n1 0 obj\n" + b" " * count + b"<</Type/Catalog>>\nendobj\n"
    table = b"xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n"
    trailer = b"trailer\n<</Size 2 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + table + trailer


def unpacked(size: int) -> bytes:
    """Return a PDF whose cross-reference stream unpacks to so many bytes."""
    packed = zlib.compress(bytes(size), 9)
    keys = b"/Type/XRef/Size 2/W[1 2 1]/Root 1 0 R/Filter/FlateDecode/Length %d" % len(packed)
    body = b"%PDF-1.7\n1 0 obj\n<<" + keys + b">>\nstream\n" + packed + b"\nendstream\nendobj\n"
    return body + b"startxref\n9\n%%EOF\n"


def loop() -> bytes:
    """Return a PDF whose cross-reference table says that it comes before itself."""
    body = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n"
    trailer = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 2/Root 1 0 R/Prev %d>>\n" % len(
        body
    )
    return body + trailer + b"startxref\n%d\n%%%%EOF\n" % len(body)


def poisons(scale: float) -> list[bytes]:
    """Return poisonous files; at scale 1 the first three meet a worker's limits."""
    return [
        numbers(int(2_000_000 * scale)),
        numbers(int(4_000_000 * scale)),
        blanks(int(40_000_000 * scale)),
        unpacked(int((300 << 20) * scale)),
        b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\nstartxref\n9\n%%EOF\n",
        loop(),
    ]


@dataclass(slots=True)
class File:
    """One file that waits: whose, where it lies, when it was due, how often it met limits."""

    agency: UUID
    path: Path
    sha256: str
    due: float
    strikes: int = 0


@dataclass(slots=True)
class Queue:
    """Files that wait, given out as `examinations.claim` does: senders in turn, oldest first."""

    last: UUID | None = None
    waiting: dict[UUID, deque[File]] = field(default_factory=dict[UUID, deque[File]])
    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, file: File) -> None:
        """Let a file wait."""
        self.waiting.setdefault(file.agency, deque()).append(file)
        self.rung.set()

    def claim(self, without: Collection[UUID] = ()) -> File | None:
        """Take the next sender's oldest file, of others than some."""
        fit = sorted(who for who, files in self.waiting.items() if files and who not in without)
        if not fit:
            self.rung.clear()
            return None
        last = self.last
        self.last = next((who for who in fit if last is not None and who > last), fit[0])
        return self.waiting[self.last].popleft()

    def settle(self, file: File, look: Look) -> None:
        """Give a file back that met limits, until it has met them too often."""
        if (look.answer is None or look.answer.failure) and file.strikes + 1 < STRIKES:
            file.strikes += 1
            self.waiting[file.agency].appendleft(file)
        self.rung.set()


@dataclass(slots=True)
class Window:
    """What became of the good files that were due in one stretch of time."""

    due: int = 0
    seconds: list[float] = field(default_factory=list[float])
    ends: list[str] = field(default_factory=list[str])
    """How looks at poisonous files ended."""


class Desk:
    """Signing's slots, and a queue instead of its table: a file is due, claimed, judged."""

    def __init__(self, slots: Slots, queue: Queue, present: Present) -> None:
        """Use slots that ring the queue when they are free."""
        self._slots, self._queue, self._present = slots, queue, present
        self._numbers = [slots.add() for _ in range(_SLOTS)]
        self.window = Window()
        self._expected, self._all = 0, asyncio.Event()

    async def warm(self, file: Path) -> None:
        """Have the worker of every slot look at a good file once."""
        digest = _sha256(file)

        async def look(worker: Worker) -> None:
            await worker.look(file, digest, self._present)

        async with asyncio.TaskGroup() as group:
            for number in self._numbers:
                taken = self._slots.take(number, GOOD, size=0)
                if await self._slots.give(number, taken, look, group):
                    raise ValueError("a good file is slow")

    async def stretch(
        self, seconds: float, rate: float, good: Sequence[Path], bad: Sequence[Path]
    ) -> Window:
        """Let good files be due at a rate for a while, beside bad ones without end, or none."""
        self.window = window = Window()
        self._expected = int(seconds * rate)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._slot(number, group)) for number in self._numbers]
            if bad:
                running.append(group.create_task(self._feed(bad)))
            await self._due(window, rate, good)
            for task in running:
                task.cancel()
            for number in self._numbers:
                await self._slots.end(number)
        return window

    async def _due(self, window: Window, rate: float, good: Sequence[Path]) -> None:
        loop = asyncio.get_running_loop()
        begins = loop.time() + 0.5
        files = [(path, _sha256(path)) for path in good]
        for number in range(self._expected):
            moment = begins + number / rate
            await asyncio.sleep(max(0.0, moment - loop.time()))
            path, digest = files[number % len(files)]
            window.due += 1
            self._queue.put(File(GOOD, path, digest, moment))
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._all.wait()

    async def _feed(self, bad: Sequence[Path]) -> None:
        """Let two poisonous files wait at any time."""
        files = [(path, _sha256(path)) for path in bad]
        number = 0
        while True:
            while len(self._queue.waiting.get(BAD, ())) < _SLOTS:
                path, digest = files[number % len(files)]
                self._queue.put(File(BAD, path, digest, 0.0))
                number += 1
            await asyncio.sleep(0.05)

    async def _slot(self, number: int, group: asyncio.TaskGroup) -> None:
        """Do as `services.signing.dispatcher` does in one slot."""
        while True:
            file = self._queue.claim(self._slots.waiting())
            if file is None:
                await self._queue.rung.wait()
            else:
                look = partial(self._look, file)
                taken = self._slots.take(number, file.agency, size=file.path.stat().st_size)
                await self._slots.give(number, taken, look, group)

    async def _look(self, file: File, worker: Worker) -> None:
        look = await worker.look(file.path, file.sha256, self._present)
        if file.agency == GOOD:
            _check(look)
            self.window.seconds.append(asyncio.get_running_loop().time() - file.due)
            if len(self.window.seconds) == self._expected:
                self._all.set()
        else:
            self.window.ends.append(_end(look))
        self._queue.settle(file, look)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(look: Look) -> None:
    if look.answer is None or look.answer.finding is None or look.answer.finding.outcome != "sound":
        raise ValueError(f"a good file is not sound: {look.end} {look.detail} {look.answer}")


def _end(look: Look) -> str:
    if look.answer is None:
        return look.detail
    return look.answer.failure or "read"


async def poisoned(
    present: Present,
    limits: Limits,
    files: tuple[Sequence[Path], Sequence[Path]],
    *,
    rate: float,
    seconds: float,
    rounds: int,
    most_beside: int,
    say: Callable[[str], None],
) -> tuple[list[Window], list[Window]]:
    """Measure stretches without and with poison in turn; good files and bad ones are given."""
    good, bad = files
    calm: list[Window] = []
    foul: list[Window] = []
    for number in range(rounds):
        for found, with_bad in ((calm, ()), (foul, bad)):
            queue = Queue()
            async with Forks.open() as forks:
                slots = Slots(limits, forks, freed=queue.rung.set, most_beside=most_beside)
                desk = Desk(slots, queue, present)
                await desk.warm(good[0])
                found.append(await desk.stretch(seconds, rate, good, with_bad))
        say(f"poison, {most_beside} beside, round {number + 1}: {_word(calm)} / {_word(foul)}")
    return calm, foul


def _word(windows: Sequence[Window]) -> str:
    return f"{1000 * mean(windows):.1f} ms"


def mean(windows: Sequence[Window]) -> float:
    """Return the mean time from due to judged; what was never judged counts as a minute."""
    found = [one for window in windows for one in window.seconds]
    lost = sum(window.due - len(window.seconds) for window in windows)
    return statistics.fmean([*found, *[60.0] * lost]) if found or lost else 0.0
