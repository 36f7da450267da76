"""Who waits in this process for news of which agency: long polls and event streams."""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from services.notify.behind import Behind
from shared.ids import AgencyId


class Ear:
    """One waiting request."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self._heard = asyncio.Event()

    def tell(self) -> None:
        """Wake the waiting request."""
        self._heard.set()

    async def wait(self, seconds: float) -> None:
        """Return at news since the last call, or after the time."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            pass
        self._heard.clear()


class Ears:
    """All waiting requests, by the agencies whose news they wait for.

    Hearing is a hint that saves time: every waiting request looks by itself now and then.
    """

    def __init__(self, *, patience: float = 16.0) -> None:
        """Start with none; a stream that is not read for `patience` seconds is ended."""
        self.patience = patience
        self.behind = Behind()
        self._ears: dict[AgencyId, set[Ear]] = {}
        self.closed = False
        """The process ends: long polls answer empty, streams end."""

    @contextmanager
    def open(self, agencies: Sequence[AgencyId]) -> Generator[Ear, None, None]:
        """Hear news of these agencies for the length of a `with`."""
        ear = Ear()
        for agency in agencies:
            self._ears.setdefault(agency, set()).add(ear)
        try:
            yield ear
        finally:
            for agency in agencies:
                self._ears[agency].discard(ear)
                if not self._ears[agency]:
                    del self._ears[agency]

    def tell(self, agencies: Iterable[AgencyId]) -> None:
        """Wake the requests that wait for news of these agencies."""
        for agency in agencies:
            for ear in self._ears.get(agency, ()):
                ear.tell()

    def waiting(self, agency: AgencyId) -> int:
        """Return how many requests wait for news of this agency."""
        return len(self._ears.get(agency, ()))

    async def close_at_end(self, stop: asyncio.Event) -> None:
        """Wake every waiting request when the process is told to end (a task of the process)."""
        await stop.wait()
        self.closed = True
        self.tell(list(self._ears))
