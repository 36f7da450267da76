"""Who waits for a document to be seen in a mailbox, and is told."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.proof.records import Records


@dataclass(slots=True)
class Arrivals:
    """Documents that readers have seen, by number."""

    records: Records
    _waiting: dict[int, asyncio.Future[float]] = field(
        default_factory=dict[int, "asyncio.Future[float]"]
    )
    _after: list[tuple[float, asyncio.Future[float]]] = field(
        default_factory=list[tuple[float, "asyncio.Future[float]"]]
    )

    def tell(self, digest: str) -> None:
        """Note that a document's file stands in a mailbox."""
        number = self.records.of_digest.get(digest)
        if number is None:
            return
        now = time.monotonic()
        if number in self._waiting:
            _tell(self._waiting.pop(number), now)
        begun = self.records.orders[number].begun
        for since, future in [one for one in self._after if begun > one[0]]:
            self._after.remove((since, future))
            _tell(future, now)

    async def of(self, number: int, patience: float) -> bool:
        """Wait until a document has been seen; False when it takes longer."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await future
                return True
        self._waiting.pop(number, None)
        return False

    def after(self, since: float) -> "asyncio.Future[float]":
        """Return what tells when a document that was begun after `since` was first seen."""
        future = asyncio.get_running_loop().create_future()
        self._after.append((since, future))
        return future


def _tell(future: "asyncio.Future[float]", now: float) -> None:
    if not future.done():
        future.set_result(now)
