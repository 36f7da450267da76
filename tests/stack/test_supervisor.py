"""The supervisor on small processes: ended while it is still at work, and on a full disk."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.stack.folder import Folder
from infra.stack.sockets import Sockets
from infra.stack.supervisor import Supervisor


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
