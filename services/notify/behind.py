"""Streams that are far behind read on in turn, so that those that are not do not feel them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

_REST = 9.0
"""Times as long as a turn took: a system that catches up has a tenth of the process (P13)."""
_LONGEST_REST = 2.0
"""Seconds. A turn may have waited for PostgreSQL, which is no work of ours."""


@dataclass(slots=True)
class Turn:
    """One turn; what was done in it says whether its system has to rest."""

    rests: bool = False


class Behind:
    """One turn at a time in this process: systems in turn, each with its streams in turn."""

    def __init__(self, *, rest: float = _REST) -> None:
        """Let nobody wait yet."""
        self._rest = rest
        self._everybody = asyncio.Lock()
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, system: str) -> AsyncGenerator[Turn]:
        """Wait for the system's turn, and have it for the length of a `with`.

        Afterwards the system rests, also when the one who had the turn has gone; others do not.
        """
        own = self._own.setdefault(system, asyncio.Lock())
        loop, turn, took = asyncio.get_running_loop(), Turn(), 0.0
        await own.acquire()  # one stream of a system at most is in the common queue
        try:
            async with self._everybody:
                began = loop.time()
                try:
                    yield turn
                finally:
                    took = loop.time() - began
        finally:
            rest = min(self._rest * took, _LONGEST_REST) if turn.rests else 0.0
            loop.call_later(rest, own.release)
