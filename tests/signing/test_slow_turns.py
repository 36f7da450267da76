"""A slow worker of signatures and validations goes on beside the turns, and delays nobody."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from infra.bench.poison import numbers
from services.signing.forks import Forks
from services.signing.patience import Patience
from services.signing.pool import WALL_CLOCK, Limits, Look, Present, Worker
from services.signing.turns import Turns
from shared.ids import AgencyId
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import Papers
from tests.signing.test_evidence import known

A, B = (AgencyId(uuid4()) for _ in range(2))


@dataclass(frozen=True, slots=True)
class Ground:
    """Turns with one worker, and a file that takes a minute of a processor."""

    turns: Turns
    poison: Path
    present: Present

    async def look(self, worker: Worker, patience: Patience | None = None) -> Look:
        """Have a worker look at the file."""
        sha256 = hashlib.sha256(self.poison.read_bytes()).hexdigest()
        return await worker.look(self.poison, sha256, self.present, patience=patience)


@pytest.fixture
async def ground(papers: Papers, tmp_path: Path) -> AsyncIterator[Ground]:
    """Such turns."""
    poison = tmp_path / "poison.pdf"
    poison.write_bytes(numbers(24_000_000))
    async with Forks.open() as forks:
        turns = Turns((Worker(Limits(cpu_seconds=60), forks),))
        yield Ground(turns, poison, Present(known(papers), datetime.now(UTC)))


async def test_a_slow_file_goes_on_beside_the_turns_and_its_worker_is_replaced(
    ground: Ground,
) -> None:
    turns, (worker,) = ground.turns, ground.turns.workers

    async def look() -> None:
        async with turns.of(A) as mine:
            await ground.look(mine)

    async with asyncio.TaskGroup() as group:
        slow = group.create_task(look())
        await eventually(
            lambda: worker not in turns.workers, "another takes its place", timeout=240
        )
        pid = worker.pid
        assert pid
        await eventually(
            lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19, "it is slowed down", timeout=60
        )
        async with asyncio.timeout(300), turns.of(B) as other:
            assert other is not worker
            assert set(turns.all_workers) == {worker, other}
        assert not slow.done()
        os.kill(pid, signal.SIGKILL)
    assert turns.all_workers == turns.workers == (other,)
    await worker.warm()
    assert worker.pid
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == 0, "its next process is as fast as any"
    await worker.close()


async def test_whoever_waits_for_a_slow_file_waits_no_longer(
    ground: Ground,
) -> None:
    turns = ground.turns
    async with asyncio.timeout(300), turns.of(A) as worker:
        look = await ground.look(worker, Patience(10.0))
        assert (look.end, look.detail) == ("limit", WALL_CLOCK)
        assert worker not in turns.workers
