"""The keeping of one process, tried on small real ones."""

import asyncio
import errno
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.stack.alive import Process
from infra.stack.folder import Folder
from infra.stack.keeper import HOPELESS, Keeper
from infra.stack.launch import Launch
from infra.stack.part import NotYet, Say
from tests.fixtures.eventually import eventually

LASTING = "import time; open('lives', 'a').write('x'); open('up', 'w').close(); time.sleep(60)"
WITH_A_WORKER = (
    "import subprocess, sys, time;"
    "w = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "open('worker', 'w').write(str(w.pid)); open('up', 'w').close(); time.sleep(60)"
)
DYING = "import sys; open('lives', 'a').write('x'); print('no room'); sys.exit(3)"


@dataclass(slots=True)
class Small:
    """A part that is a few words of Python; ready when it has made the file `up`."""

    cwd: Path
    code: str
    outlives: bool = False
    name: str = "small"
    address: str = "nowhere"
    prepared: list[str] = field(default_factory=list[str])
    faults: list[Exception] = field(default_factory=list[Exception])
    """Raised by checks, one each."""
    is_built: bool = False
    """Whether it is prepared for as long as one waits."""

    async def prepare(self, say: Say) -> None:
        """Count."""
        say("is prepared")
        (self.cwd / "up").unlink(missing_ok=True)
        self.prepared.append("x")
        if self.is_built:
            await asyncio.sleep(600)

    def launch(self) -> Launch:
        """Run the code."""
        return Launch(argv=(sys.executable, "-c", self.code), cwd=self.cwd, grace=2)

    async def check(self) -> None:
        """Look for the file."""
        if self.faults:
            raise self.faults.pop()
        if not (self.cwd / "up").exists():
            raise NotYet("has not made its file")

    async def provision(self) -> None:
        """Need nothing."""


@asynccontextmanager
async def kept(part: Small, say: Say | None = None) -> AsyncGenerator[tuple[Keeper, list[str]]]:
    folder, said = Folder(part.cwd), list[str]()
    folder.make()
    async with asyncio.TaskGroup() as group:
        keeper = Keeper(part, folder, say or said.append)
        group.create_task(keeper.keep())
        yield keeper, said
        await keeper.end()


async def test_a_killed_process_is_back_at_once(tmp_path: Path):
    async with kept(Small(tmp_path, LASTING)) as (keeper, said):
        await eventually(keeper.ready.is_set, "it is ready")
        first = keeper.process
        await keeper.kill(hold=False)
        await eventually(
            lambda: keeper.ready.is_set() and keeper.process != first, "another is ready", timeout=2
        )
    assert "small was killed by signal 9; it is started again" in said


async def test_a_process_that_is_held_stays_down_until_it_is_released(tmp_path: Path):
    part = Small(tmp_path, LASTING)
    async with kept(part) as (keeper, _):
        await eventually(keeper.ready.is_set, "it is ready")
        await keeper.kill(hold=True)
        await eventually(lambda: "held down" in keeper.why, "it is held")
        assert keeper.process is None
        keeper.release()
        await eventually(keeper.ready.is_set, "it is ready again")
    assert len(part.prepared) == 2


async def test_one_that_is_held_and_killed_without_a_hold_is_started_again(tmp_path: Path):
    async with kept(Small(tmp_path, LASTING)) as (keeper, _):
        await eventually(keeper.ready.is_set, "it is ready")
        await keeper.kill(hold=True)
        await eventually(lambda: "held down" in keeper.why, "it is held")
        await keeper.kill(hold=False)
        await eventually(keeper.ready.is_set, "it is ready again")


async def test_one_that_is_still_being_prepared_is_ended_at_once(tmp_path: Path):
    part = Small(tmp_path, LASTING, is_built=True)
    async with asyncio.timeout(5), kept(part) as (keeper, _):
        await eventually(lambda: part.prepared, "it is being prepared")
    assert keeper.process is None
    assert not (tmp_path / "lives").exists()


async def test_a_fault_in_the_telling_of_a_fault_does_not_end_the_keeping(tmp_path: Path):
    full = [True]

    def say(_: str) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    async with kept(Small(tmp_path, LASTING), say) as (keeper, _):
        await eventually(lambda: keeper.trouble, "it has complained, and could not say so")
        full.clear()
        keeper.release()
        await eventually(keeper.ready.is_set, "it is tried again")


async def test_without_room_for_its_pid_file_a_process_lives_all_the_same(tmp_path: Path):
    (tmp_path / ".small.pid").mkdir()  # nothing can be written there
    async with kept(Small(tmp_path, LASTING)) as (keeper, said):
        await eventually(keeper.ready.is_set, "it is ready")
    assert "fault" not in "".join(said)


async def test_one_that_dies_again_and_again_is_tried_less_often_and_says_why(tmp_path: Path):
    async with kept(Small(tmp_path, DYING)) as (keeper, _):
        await eventually(lambda: keeper.trouble, "the start has failed", timeout=30)
        trouble = keeper.trouble
        assert trouble is not None
        assert "small does not start; it ended with status 3" in trouble.what
        assert "no room" in trouble.what
        assert "make down" in trouble.way_out
    assert len((tmp_path / "lives").read_text()) >= HOPELESS


async def test_a_fault_of_ours_ends_one_life_and_not_the_keeping(tmp_path: Path):
    async with kept(Small(tmp_path, LASTING, faults=[KeyError("node")])) as (keeper, said):
        await eventually(lambda: keeper.trouble, "it complains")
        assert keeper.process is None
        keeper.release()
        await eventually(keeper.ready.is_set, "it is tried again")
    assert "KeyError: 'node'" in "".join(said)


async def test_the_workers_of_a_killed_process_end_with_it(tmp_path: Path):
    async with kept(Small(tmp_path, WITH_A_WORKER)) as (keeper, _):
        await eventually(keeper.ready.is_set, "it is ready")
        worker = Process.of(int((tmp_path / "worker").read_text()))
        assert worker is not None
        await keeper.kill(hold=True)
        await eventually(lambda: not worker.alive(), "its worker is gone")


async def test_one_that_outlives_its_keeper_is_adopted(tmp_path: Path):
    part = Small(tmp_path, LASTING, outlives=True)
    folder = Folder(tmp_path)
    folder.make()
    first = Keeper(part, folder, lambda _: None)
    keeping = asyncio.TaskGroup()
    async with keeping:
        task = keeping.create_task(first.keep())
        await eventually(first.ready.is_set, "it is ready")
        task.cancel()  # the keeper dies, its process does not
    process = first.process
    async with kept(part) as (second, _):
        await eventually(second.ready.is_set, "it is adopted")
        assert second.process == process
    assert (tmp_path / "lives").read_text() == "x"
    assert process is not None
    assert not process.alive()
    assert first.bury_child() == -signal.SIGTERM


@pytest.mark.parametrize("text", ["", "abc", "1", "1\nx\n"])
def test_a_broken_pid_file_names_nobody(tmp_path: Path, text: str):
    file = tmp_path / "docs.pid"
    file.write_text(text)
    assert Process.recorded(file) is None


def test_a_pid_that_was_given_to_another_process_is_not_ours(tmp_path: Path):
    myself = Process.of(1)
    assert myself is not None
    file = tmp_path / "docs.pid"
    Process(myself.pid, myself.started + 1).record(file)
    assert Process.recorded(file) is None
    myself.record(file)
    assert Process.recorded(file) == myself
