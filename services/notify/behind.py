"""Streams that are far behind read on in turn, so that those that are not do not feel them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

_REST = 9.0
"""Times as long as a turn took: a system that catches up has a tenth of the process (P13)."""


class Behind:
    """One turn at a time in this process: systems in turn, each with its streams in turn."""

    def __init__(self, *, rest: float = _REST) -> None:
        """Let nobody wait yet."""
        self._rest = rest
        self._everybody = asyncio.Lock()
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, system: str) -> AsyncGenerator[None]:
        """Wait for the system's turn, have it for the length of a `with`, and rest after it.

        The system's other streams rest too; other systems have their turns meanwhile.
        """
        own = self._own.setdefault(system, asyncio.Lock())
        # A system has one stream at most in the common queue, however many it has opened.
        async with own:
            async with self._everybody:
                clock = asyncio.get_running_loop().time
                began = clock()
                yield
            await asyncio.sleep(self._rest * (clock() - began))
