"""Readers of every kind: pages by number and by cursor, leases, event streams, Kafka mailboxes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import aiohttp

from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.mailboxes import Receiving
from tests.proof.network import Kind

Step: TypeAlias = Callable[[], Awaitable[None]]
PAGE = 500
_LOOK, _FALLBACK, _PAUSE = 1.0, 10.0, 0.5
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
_LANES = ("normal", "urgent")


@dataclass(slots=True)
class Reader:
    """One system that reads its agencies' mailboxes until it is cancelled."""

    system: System
    kind: Kind
    receiving: Receiving
    _ring: asyncio.Event = field(default_factory=asyncio.Event)
    _after: str = ""

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
                    group.create_task(self._for_ever(self._follow))

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

    async def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {await self.system.token()}"}
        if not self._after:
            self._after = await self._end_of_log()
        url, parameters = f"{self.system.gateway}/v1/events/stream", {"after": self._after}
        async with self.system.session.get(
            url, headers=headers, params=parameters, timeout=_STREAM
        ) as stream:
            if stream.status != 200:
                await self._not_a_stream(stream.status)
                return
            self.ring()  # what came while there was no stream
            async for line in stream.content:
                self._hear(line)

    async def _not_a_stream(self, status: int) -> None:
        if status in {401, 403}:
            self.system.renew()
        if status == 410:  # a restore has begun a new log
            self._after = ""
        if status not in {401, 410}:  # else what a good client has to reckon with
            line = {"e": "trouble", "system": self.system.client_id, "kind": self.kind}
            self.receiving.records.seen.note(line | {"why": f"a stream was answered {status}"})
        await asyncio.sleep(_PAUSE)

    async def _end_of_log(self) -> str:
        after = ""
        while True:
            path = f"/v1/events?limit={PAGE}{f'&after={after}' if after else ''}"
            page = (await self.system.ask("GET", path)).json()
            after = str(page["next"])
            if not page["items"]:
                return after

    def _hear(self, line: bytes) -> None:
        if line.startswith(b"id:"):
            self._after = line[3:].strip().decode()
        elif line.startswith(b"data:"):
            event = json.loads(line[5:])
            if event["type"] == "delivery.arrived":
                notice(self, event, via=f"sse:{self.system.client_id}")
                self.ring()


def notice(reader: Reader, event: Json, *, via: str) -> None:
    """Write down an event that told of an arrival."""
    reader.receiving.records.seen.note(
        {
            "e": "notice",
            "via": via,
            "agency": event["agency"],
            "kind": event["type"],
            "delivery": event["subject"],
            "event": event["id"],
        }
    )
