"""The demo as a process of its own, and something that happens to the stack in the middle of it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.stack.folder import TREE

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a demo ended."""

    status: int | None
    figures: Mapping[str, str]
    """The words of its last line."""
    output: str

    def counts(self) -> dict[str, str]:
        """Return the figures that must be right whatever happened on the way."""
        names = ("recipients", "delivered", "acknowledged", "corrupt", "gaps", "duplicates")
        return {name: self.figures.get(name, "?") for name in names}


EVERYBODY_ONCE = {
    "recipients": "172",
    "delivered": "172",
    "acknowledged": "172",
    "corrupt": "0",
    "gaps": "0",
    "duplicates": "0",
}


async def run_demo(run: Path, happens: Mapping[str, Act] | None = None) -> Outcome:
    """Run the demo; each act happens once, when a line with its mark is printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.demo",
        cwd=TREE,
        env={**os.environ, "LIENTHONG_RUN": str(run), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    waiting, lines = dict(happens or {}), list[str]()
    async with asyncio.TaskGroup() as group:
        async for raw in process.stdout:
            lines.append(raw.decode())
            for mark in [mark for mark in waiting if mark in lines[-1]]:
                group.create_task(_awaited(waiting.pop(mark)))
    status = await process.wait()
    output = "".join(lines)
    assert not waiting, f"the demo never printed {list(waiting)}:\n{output}"
    last = lines[-1] if lines and lines[-1].startswith("DEMO ") else ""
    return Outcome(status, dict(word.split("=", 1) for word in last.split()[1:]), output)


async def _awaited(act: Act) -> None:
    await act()
