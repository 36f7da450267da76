"""Slow files go on beside the slots, and their senders' later files are looked at there."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from infra.bench.poison import numbers
from infra.pki.trusted import material
from services.signing.forks import Forks
from services.signing.keys import Authorities
from services.signing.pool import Limits, Present, Worker
from services.signing.slots import Slots, Work
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import Papers

BAD, GOOD, WORSE = UUID(int=1), UUID(int=2), UUID(int=3)
PATIENT = Limits(cpu_seconds=60, wall_seconds=60)


@dataclass(slots=True)
class Ground:
    """Slots to give work to, and what was seen of it."""

    slots: Slots
    folder: Path
    present: Present
    freed: list[None]
    niceness: list[int] = field(default_factory=list[int])
    """Of each worker that was given a quick file."""

    def burning(self) -> Work:
        """Return the look at a file that takes a minute; each is a file of its own."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.pdf"
        path.write_bytes(numbers(24_000_000))
        return self._looking(path)

    async def give(
        self,
        number: int,
        sender: UUID,
        work: Work,
        group: asyncio.TaskGroup,
        *,
        alone: bool = False,
    ) -> bool:
        """Have a slot do something for a sender; whether it goes on beside the slots."""
        taken = self.slots.take(number, sender, size=0, alone=alone)
        return await self.slots.give(number, taken, work, group)

    def quick(self, *, nice: int = 0) -> Work:
        """Return the look at a file that takes no time, by a worker that gets so nice."""
        path = self.folder / "quick.pdf"
        path.write_bytes(b"%PDF-1.7\n")
        look = self._looking(path)

        async def noting(worker: Worker) -> None:
            await look(worker)
            pid = worker.pid
            assert pid
            await eventually(lambda: _nice(pid) == nice, f"its worker is at {nice}")
            self.niceness.append(nice)

        return noting

    def together(self, look: Work, *, alone: bool = False) -> Work:
        """Return a look as signing's: apart from others, or from one that is alone."""

        async def inside(worker: Worker) -> None:
            async with self.slots.entered(worker, alone=alone):
                await look(worker)

        return inside

    def _looking(self, path: Path) -> Work:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()

        async def look(worker: Worker) -> None:
            await worker.look(path, digest, self.present)

        return look


def _nice(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


@pytest.fixture
async def ground(papers: Papers, tmp_path: Path) -> AsyncIterator[Ground]:
    """Two slots, and room for one look beside them."""
    authorities = Authorities(papers.office.folder)
    made = material(authorities.der("root"), authorities.der("issuing"), ())
    freed: list[None] = []
    async with Forks.open() as forks:
        slots = Slots(PATIENT, forks, freed=lambda: freed.append(None), most_beside=1)
        for _ in range(2):
            await slots.warm(slots.add())
        yield Ground(slots, tmp_path, Present(made, datetime.now(UTC)), freed)


async def test_a_slow_look_leaves_its_slot_and_its_sender_waits(ground: Ground) -> None:
    slots = ground.slots
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        assert slots.waiting() == {BAD}
        assert not await ground.give(0, GOOD, ground.quick(), group)
        assert ground.niceness == [0]
        assert len(slots.processes) == 3
        await _kill_the_slow(slots)
    assert ground.freed == [None]
    assert slots.waiting() == set()


async def _kill_the_slow(slots: Slots) -> None:
    """Kill the one worker that goes on at the lowest priority."""
    slow = await eventually(
        lambda: [pid for pid in slots.processes if _nice(pid) == 19], "a worker is slowed"
    )
    (pid,) = slow
    os.kill(pid, signal.SIGKILL)


async def test_whoever_had_a_slow_file_is_looked_at_beside_from_the_start(ground: Ground) -> None:
    slots = ground.slots
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        await _kill_the_slow(slots)
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.quick(nice=19), group)
        assert slots.waiting() == {BAD}
    assert ground.niceness == [19]
    assert slots.waiting() == set()
    assert ground.freed == [None, None]
    async with asyncio.TaskGroup() as group:
        assert not await ground.give(0, GOOD, ground.quick(), group)
    assert ground.niceness == [19, 0]


async def test_without_room_beside_a_slow_look_keeps_its_slot_until_there_is(
    ground: Ground,
) -> None:
    slots = ground.slots
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        kept = group.create_task(ground.give(1, WORSE, ground.burning(), group))
        await asyncio.wait({kept}, timeout=2)
        assert not kept.done()
        await eventually(lambda: slots.waiting() == {BAD, WORSE}, "it is known to be slow")
        await _kill_the_slow(slots)
        assert await kept, "it leaves its slot as soon as there is room"
        assert slots.waiting() == {BAD, WORSE}
        await _kill_the_slow(slots)
    assert slots.waiting() == set()


async def test_who_is_slow_without_room_is_looked_at_beside_the_next_time(ground: Ground) -> None:
    slots, burning, workers = ground.slots, ground.burning(), list[Worker]()

    async def noted(worker: Worker) -> None:
        workers.append(worker)
        await burning(worker)

    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        kept = group.create_task(ground.give(1, WORSE, noted, group))
        await eventually(lambda: slots.waiting() == {BAD, WORSE}, "it is known to be slow")
        (pid,) = (worker.pid for worker in workers)
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert not await kept, "it ended in its slot"
        await _kill_the_slow(slots)
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, WORSE, ground.quick(nice=19), group)
    assert ground.niceness == [19]


async def test_a_slow_look_that_was_alone_goes_beside_and_lets_the_others_in(
    ground: Ground,
) -> None:
    slots, burning = ground.slots, ground.together(ground.burning(), alone=True)
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, burning, group, alone=True)
        suspect = ground.together(ground.quick(), alone=True)
        assert not await ground.give(0, GOOD, suspect, group, alone=True)
        assert not await ground.give(1, GOOD, ground.together(ground.quick()), group)
        assert ground.niceness == [0, 0], "the slow one still goes on"
        assert slots.waiting() == {BAD}
        await _kill_the_slow(slots)


async def test_a_slow_look_that_was_alone_and_has_no_room_lets_the_others_in(
    ground: Ground,
) -> None:
    slots, burning = ground.slots, ground.together(ground.burning(), alone=True)
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        kept = group.create_task(ground.give(1, WORSE, burning, group, alone=True))
        await eventually(lambda: slots.waiting() == {BAD, WORSE}, "it is known to be slow")
        assert not await ground.give(0, GOOD, ground.together(ground.quick()), group)
        assert not kept.done()
        for _ in range(2):
            await _kill_the_slow(slots)
            await kept


async def test_what_begins_beside_keeps_nobody_from_being_alone(ground: Ground) -> None:
    slots = ground.slots
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.burning(), group)
        await _kill_the_slow(slots)
    async with asyncio.TaskGroup() as group:
        assert await ground.give(0, BAD, ground.together(ground.burning()), group)
        suspect = ground.together(ground.quick(), alone=True)
        assert not await ground.give(0, GOOD, suspect, group, alone=True)
        await _kill_the_slow(slots)


async def test_waiting_for_something_else_is_not_slow(ground: Ground) -> None:
    async def wait(_worker: Worker) -> None:
        await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        assert not await ground.give(0, GOOD, wait, group)
        assert not await ground.give(0, GOOD, ground.quick(), group)
    assert ground.niceness == [0]


async def test_what_fails_in_a_slot_is_raised_there(ground: Ground) -> None:
    async def fail(_worker: Worker) -> None:
        raise LookupError("gone")

    async with asyncio.TaskGroup() as group:
        with pytest.raises(LookupError, match="gone"):
            await ground.give(0, GOOD, fail, group)
