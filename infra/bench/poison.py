"""Files that burn what a worker may use, while another agency's good files are judged."""

import asyncio
import hashlib
import statistics
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from pathlib import Path

from infra.bench.waiting import BAD, GOOD, File, Queue
from services.signing.bench import LIMITS
from services.signing.forks import Forks
from services.signing.patience import Patience
from services.signing.pool import Limits, Look, Present, Worker
from services.signing.shown import LOOK_SECONDS
from services.signing.slots import Slots
from services.signing.turns import Turns
from shared.ids import AgencyId

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
class Window:
    """What became of the good files that were due in one stretch of time."""

    due: int = 0
    seconds: list[float] = field(default_factory=list[float])
    ends: list[str] = field(default_factory=list[str])
    """How looks at poisonous files ended."""


class Desk:
    """Signing's slots, and a queue instead of its table: a file is due, claimed, judged.

    With `turns` it has the other door, too: poison comes to be validated, and half of the good.
    """

    def __init__(
        self, slots: Slots, queue: Queue, present: Present, turns: Turns | None = None
    ) -> None:
        """Use slots that ring the queue when they are free."""
        self._slots, self._queue, self._present = slots, queue, present
        self._turns = turns
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
        if self._turns is not None:
            for worker in self._turns.workers:
                await look(worker)

    async def stretch(
        self, seconds: float, rate: float, good: Sequence[Path], bad: Sequence[Path]
    ) -> Window:
        """Let good files be due at a rate for a while, beside bad ones without end, or none."""
        self.window = window = Window()
        self._expected = int(seconds * rate)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._slot(number, group)) for number in self._numbers]
            if bad:
                feed = self._feed if self._turns is None else partial(self._show, self._turns)
                running.append(group.create_task(feed(bad)))
            await self._due(window, rate, good, group)
            for task in running:
                task.cancel()
            for number in self._numbers:
                await self._slots.end(number)
        if self._turns is not None:
            for worker in self._turns.all_workers:
                await worker.close()
        return window

    async def _due(
        self, window: Window, rate: float, good: Sequence[Path], group: asyncio.TaskGroup
    ) -> None:
        loop = asyncio.get_running_loop()
        begins = loop.time() + 0.5
        files = [(path, _sha256(path)) for path in good]
        for number in range(self._expected):
            moment = begins + number / rate
            await asyncio.sleep(max(0.0, moment - loop.time()))
            path, digest = files[number % len(files)]
            window.due += 1
            file = File(GOOD, path, digest, moment)
            if self._turns is not None and number % 2:
                group.create_task(self._validate(self._turns, file))
            else:
                self._queue.put(file)
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

    async def _show(self, turns: Turns, bad: Sequence[Path]) -> None:
        """Have poisonous files validated without end: an agency has one under way."""
        for path, digest in cycle([(path, _sha256(path)) for path in bad]):
            await self._validate(turns, File(BAD, path, digest, 0.0))

    async def _validate(self, turns: Turns, file: File) -> None:
        """Do as `services.signing.shown` does."""
        size = file.path.stat().st_size
        async with turns.of(AgencyId(file.agency), size=size) as worker:
            patience = Patience(LOOK_SECONDS)
            look = await worker.look(file.path, file.sha256, self._present, patience=patience)
        self._note(file, look)

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
        self._note(file, look)
        self._queue.settle(file, look)

    def _note(self, file: File, look: Look) -> None:
        if file.agency == GOOD:
            _check(look)
            self.window.seconds.append(asyncio.get_running_loop().time() - file.due)
            if len(self.window.seconds) == self._expected:
                self._all.set()
        else:
            self.window.ends.append(_end(look))


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
    validated: bool,
    say: Callable[[str], None],
) -> tuple[list[Window], list[Window]]:
    """Measure stretches without and with poison in turn; good files and bad ones are given.

    `validated`: poison comes to be validated, as does every second of the good files.
    """
    good, bad = files
    short = replace(limits, cpu_seconds=min(limits.cpu_seconds, LIMITS.cpu_seconds))
    calm: list[Window] = []
    foul: list[Window] = []
    for number in range(rounds):
        for found, with_bad in ((calm, ()), (foul, bad)):
            queue = Queue()
            async with Forks.open() as forks:
                slots = Slots(limits, forks, freed=queue.rung.set, most_beside=most_beside)
                turns = Turns(tuple(Worker(short, forks) for _ in range(_SLOTS)))
                desk = Desk(slots, queue, present, turns if validated else None)
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
