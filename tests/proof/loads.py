"""A session for tests of what is seen while a fault lasts: its documents fare as a test says."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiohttp

from tests.proof.client import Door
from tests.proof.harness import Harness
from tests.proof.history import Outcome
from tests.proof.orders import order
from tests.proof.records import Records
from tests.proof.session import Session


@dataclass
class Load:
    """A session whose documents are acknowledged, or refused, as a test says."""

    records: Records
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        """Have a door that nobody goes through."""
        nobody = cast("aiohttp.ClientSession", None)
        self.door = Door(nobody, Harness(Path("nowhere")))

    @property
    def troubles(self) -> Counter[str]:
        return self.door.troubles

    @property
    def workload(self) -> SimpleNamespace:
        return SimpleNamespace(records=self.records)

    async def until_accepted(self, _n: int) -> None:
        await asyncio.sleep(0.01)

    async def hand_in_for(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def takes(self, *, begun: float | None = None, path: str = "") -> None:
        """Acknowledge a document, begun now."""
        records, now = self.records, time.monotonic()
        new = order(
            records.number(), sender="A", to=["B"], size=1, urgency="normal", secret=records.secret
        )
        records.orders[new.number] = replace(new, begun=begun or now, path=path)
        records.end(new, Outcome("ok", now))

    def meets(
        self,
        status: int,
        *,
        request: str = "POST /v1/documents?dispatch=true",
        waits: bool = False,
        body: bytes = b"",
    ) -> None:
        """Have a try answered at once; status 0: it ends without an answer."""
        one = self.door.tried(request)
        one.trouble = "" if status else "TimeoutError"
        one.answered(status, {"Retry-After": "1"} if waits else {}, body)

    def refuses(self) -> None:
        self.troubles["503"] += 1

    async def within(
        self,
        asked: Callable[[Session], Awaitable[None]],
        *happens: tuple[float, Callable[[], None]],
    ) -> None:
        """Ask something of the session, while at such moments such things happen."""
        loop = asyncio.get_running_loop()
        later = [loop.call_later(at, what) for at, what in happens]
        try:
            await asked(cast("Session", self))
        finally:
            for one in later:
                one.cancel()
