"""The supervisor on small processes: ended while it is still at work, and on a full disk."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.stack.commands import COMMANDS
from infra.stack.folder import Folder
from infra.stack.sockets import Sockets
from infra.stack.supervisor import Supervisor
from infra.stack.trouble import Trouble
from tests.fixtures.eventually import eventually
from tests.stack.test_keeper import LASTING, Small

NEVER_READY = "import time; time.sleep(60)"
ENDED = "the stack is being ended"


@asynccontextmanager
async def supervising(path: Path) -> AsyncGenerator[Supervisor]:
    """Lend a supervisor of which nothing is left afterwards."""
    folder = Folder(path / "run")
    folder.make()
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(folder, group, Sockets(folder))
        try:
            yield supervisor
        finally:
            for keeper in [*supervisor.keepers.values()]:
                await keeper.end()


async def told(work: Awaitable[object]) -> str:
    """Return what a command's sender is told."""
    try:
        await work
    except Trouble as trouble:
        return trouble.what
    return "done"


async def test_a_start_that_goes_on_after_the_end_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    making, made = asyncio.Event(), asyncio.Event()

    async def keys(_: Supervisor) -> None:
        making.set()
        await made.wait()

    def instance(_: Supervisor, service: str, number: int) -> Small:
        del number
        return Small(tmp_path, LASTING, name=service)

    monkeypatch.setattr(Supervisor, "_keys", keys)
    monkeypatch.setattr(Supervisor, "instance", instance)
    async with supervising(tmp_path) as supervisor, asyncio.TaskGroup() as group:
        starting = group.create_task(told(supervisor.up(["docs"], {})))
        await making.wait()
        await supervisor.down()
        made.set()
        assert await starting == ENDED
        assert supervisor.keepers == {}


async def test_who_waits_for_a_part_that_is_ended_is_told_at_once(tmp_path: Path):
    async with supervising(tmp_path) as supervisor, asyncio.TaskGroup() as group:
        keeper = supervisor.keep(Small(tmp_path, NEVER_READY))
        waiting = group.create_task(told(supervisor.all_ready(["small"])))
        await eventually(lambda: keeper.process, "it runs")
        async with asyncio.timeout(10):
            await supervisor.down()
            assert await waiting == ENDED


async def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("infra.stack.commands._LONGEST_WAIT", 0.2)
    async with supervising(tmp_path) as supervisor:
        supervisor.keep(Small(tmp_path, NEVER_READY))
        async with asyncio.timeout(10):
            said = await told(COMMANDS["wait"](supervisor, {"process": "small"}))
    assert said == "small is still not ready: has not made its file"


async def test_a_log_that_takes_nothing_does_not_keep_a_word_from_who_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listener: asyncio.Queue[str] = asyncio.Queue()
    async with supervising(tmp_path) as supervisor:
        supervisor.listeners.add(listener)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", _Full())
            supervisor.say("docs was killed by signal 9; it is started again")
        assert await listener.get() == "docs was killed by signal 9; it is started again"


class _Full:
    """What a file on a full disk does."""

    def write(self, text: str) -> int:
        with Path("/dev/full").open("wb", buffering=0) as full:
            return full.write(text.encode())

    def flush(self) -> None:
        """Have nothing to write."""
