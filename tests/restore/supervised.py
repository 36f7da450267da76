"""A supervisor that only keeps book of one service's processes, behind the real socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infra.stack.control import Answer, Door, serve
from infra.stack.folder import Folder


@dataclass(slots=True)
class Supervised:
    """The processes that run, and what was asked."""

    folder: Folder
    running: dict[str, bool] = field(default_factory=dict[str, bool])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    broken: set[str] = field(default_factory=set[str])
    """What does not become ready when it is started."""

    async def handle(self, words: dict[str, object], answer: Answer) -> None:
        """Carry a command out."""
        do, name = str(words["do"]), str(words.get("process"))
        if do == "status":
            states = [{"name": one, "pid": 1 if up else None} for one, up in self.running.items()]
            await answer({"end": "done", "processes": states})
            return
        self.asked.append((do, name))
        if name in self.broken and do == "start":
            await answer({"end": "trouble", "what": f"{name} is not ready", "way_out": "look"})
            return
        self.running[name] = do == "start"
        await answer({"end": "done"})


@asynccontextmanager
async def supervised(folder: Folder, *names: str) -> AsyncGenerator[Supervised]:
    """Answer commands for the length of a `with`; these processes run."""
    made = Supervised(folder, dict.fromkeys(names, True))
    server = await serve(Door(folder), made.handle)
    async with server:
        yield made
