"""Readers of every kind: pages by number and by cursor, leases, event streams, Kafka mailboxes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import aiohttp

from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.mailboxes import Receiving
from tests.proof.network import Kind
from tests.proof.streams import Stream

Step: TypeAlias = Callable[[], Awaitable[None]]
PAGE = 500
_LOOK, _FALLBACK, _PAUSE = 1.0, 10.0, 0.5
_LANES = ("normal", "urgent")


@dataclass(slots=True)
class Reader:
    """One system that reads its agencies' mailboxes until it is cancelled."""

    system: System
    kind: Kind
    receiving: Receiving
    _ring: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        """Read in this system's way."""
        if self.kind == "lease":
            await self._for_ever(self._lease)
        elif self.kind == "poll":
            await self._for_ever(self._look)
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._for_ever(self._when_rung))
                if self.kind == "sse":
                    stream = Stream(self.system, self.receiving.records, self.ring)
                    group.create_task(self._for_ever(stream.follow))

    def ring(self) -> None:
        """Let it look at once."""
        self._ring.set()

    async def _for_ever(self, step: Step) -> None:
        while True:
            try:
                await step()
            except (Refused, Unreachable, aiohttp.ClientError, OSError, TimeoutError) as error:
                line = {"e": "trouble", "system": self.system.client_id, "kind": self.kind}
                self.receiving.records.seen.note(line | {"why": str(error)[:200]})
                await asyncio.sleep(_PAUSE)

    async def _look(self) -> None:
        found = await (self._by_number() if self._alone else self.by_cursor())
        if not found:
            await asyncio.sleep(_LOOK)

    @property
    def _alone(self) -> bool:
        return len(self.system.agencies) == 1

    async def _when_rung(self) -> None:
        try:
            async with asyncio.timeout(_FALLBACK):
                await self._ring.wait()
        except TimeoutError:
            pass  # a hint may be lost: the mailbox is the truth
        self._ring.clear()
        while await self.by_cursor():
            pass

    async def _by_number(self) -> bool:
        """Read one page of each lane by `after=`; say whether there was anything."""
        (agency,), found = self.system.agencies, False
        for lane in _LANES:
            after = self.receiving.records.places.get((agency, lane), 0)
            path = f"/v1/inbox?lane={lane}&after={after}&limit={PAGE}"
            items: list[Json] = (await self.system.ask("GET", path)).json()["items"]
            await self.receiving.take(self.system, items, in_order=True)
            found = found or bool(items)
        return found

    async def by_cursor(self) -> bool:
        """Read one page of all mailboxes of the system; say whether there was anything."""
        records, name = self.receiving.records, self.system.client_id
        cursor = records.cursors.get(name)
        path = f"/v1/inbox?limit={PAGE}{f'&cursor={cursor}' if cursor else ''}"
        page = (await self.system.ask("GET", path)).json()
        items: list[Json] = page["items"]
        await self.receiving.take(self.system, items, in_order=True)
        if items:
            records.reached(name, page["next_cursor"])
        return bool(items)

    async def _lease(self) -> None:
        asked = {"max": 20, "visibility": "PT30S", "wait": "PT10S"}
        answer = await self.system.ask("POST", "/v1/inbox/leases", body=asked)
        items = [lease["delivery"] for lease in answer.json()["leases"]]
        await self.receiving.take(self.system, items, in_order=False)
