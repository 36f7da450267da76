"""Which hosts are being asked: few at once, each by one download, and what came read in turn."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from services.signing.due import host_of

AT_ONCE = 4
"""So many downloads of one process go on side by side: hosts that hang hold up no more."""


class Due(Protocol):
    """Something to be fetched."""

    @property
    def address(self) -> str:
        """Return where it is fetched."""
        ...


D = TypeVar("D", bound=Due)


class Hosts:
    """The hosts that one process is asking."""

    def __init__(self) -> None:
        """Ask none yet."""
        self._asked: set[str] = set()
        self._choosing = asyncio.Lock()
        self._failed: dict[tuple[str, ...], int] = {}
        self.reading = asyncio.Lock()
        """To be held while a piece that came is read: others' pieces then wait for one of ours,
        however many have come (`Bench.read` is in order of coming)."""

    def address(self, of: tuple[str, ...]) -> str:
        """Return which of an authority's addresses to try: after a failure the next one."""
        return of[self._failed.get(of, 0) % len(of)]

    def failed(self, of: tuple[str, ...], address: str) -> None:
        """Note that one of them gave nothing that is taken."""
        if self.address(of) == address:
            self._failed[of] = self._failed.get(of, 0) + 1

    @asynccontextmanager
    async def one(
        self, choose: Callable[[Collection[str]], Awaitable[D | None]]
    ) -> AsyncGenerator[D | None]:
        """Have something chosen, given the hosts that are being asked; its host is one of them.

        For the length of the `with`. One is chosen after another: two would choose the same host.
        """
        async with self._choosing:
            chosen = await choose(frozenset(self._asked))
            host = host_of(chosen.address) if chosen else None
            if host:
                self._asked.add(host)
        try:
            yield chosen
        finally:
            if host:
                self._asked.discard(host)
