"""A restore that is told to end, by whomever: it undoes what it has begun."""

import asyncio
import os
import signal
from collections.abc import Generator

import pytest

from infra.restore.signals import interruptible

_ENDS = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def handlers() -> Generator[None]:
    """Take the handlers of a test away again."""
    yield
    for number in _ENDS:
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", _ENDS)
async def test_what_is_told_to_end_undoes_what_it_has_begun(number: signal.Signals):
    undone: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            for again in _ENDS:
                os.kill(os.getpid(), again)
                await asyncio.sleep(0.05)
            undone.append("all")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(interruptible(work()))
        await asyncio.wait({task})
    assert task.cancelled()
    assert undone == ["all"]
