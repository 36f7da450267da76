"""Hands documents in, so many at a time and at fixed moments, each until its final answer."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tests.proof.arrivals import Arrivals
from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.history import Outcome
from tests.proof.network import Network
from tests.proof.orders import TYPE, Order, Shape, draw
from tests.proof.papers import Desk
from tests.proof.records import Records

_ARRIVAL_PATIENCE = 10.0
_PAUSE_AFTER_REFUSAL = 0.5
_HASTY = 20
"""One document in so many is sent twice at the same time."""
_MOST_IN_FLIGHT = 60
"""Documents of the fixed rate that may wait for an answer: an outage must not pile them up."""


@dataclass(slots=True)
class Workload:
    """Documents on their way in."""

    systems: Mapping[str, System]
    network: Network
    desk: Desk
    records: Records
    arrivals: Arrivals
    shape: Shape
    accepted: int = 0
    stopping: bool = False
    _progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def hand_in(self, order: Order) -> Outcome:
        """Write a document down, hand it in until there is a final answer, write that down."""
        if order.path:
            return await self._ask(await self.records.begin(order), None)
        paper = self.desk.write(order.sender, order.size, order.canary)
        digest = self.desk.digest(order.size, paper)
        begun = await self.records.begin(replace(order, sha256=digest))
        async with asyncio.TaskGroup() as group:
            if order.number % _HASTY == 0:
                group.create_task(self._twin(begun, paper))
            return await self._ask(begun, paper)

    async def again(self, order: Order, *, patience: float | None = None) -> Outcome:
        """Ask once more what became of a document, with the key and the bytes it had."""
        if order.number not in self.records.outcomes:  # begun by a run that has died
            self.records.end(order, Outcome("unknown", time.monotonic()))
        paper = None
        if not order.path:
            paper = self.desk.write(order.sender, order.size, order.canary)
        return await self._ask(order, paper, patience=patience)

    async def _ask(
        self, order: Order, paper: bytes | None, *, patience: float | None = None
    ) -> Outcome:
        outcome = Outcome("unknown", time.monotonic())
        try:
            dispatch = await self._sent(order, paper, patience)
            document = str(dispatch["document_id"])
            outcome = Outcome("ok", time.monotonic(), str(dispatch["id"]), document)
            self.accepted += 1
            self._progress.set()
        except Refused as refused:
            outcome = Outcome("fail", time.monotonic(), code=refused.code)
        except Unreachable:
            outcome = Outcome("unknown", time.monotonic())
        finally:
            self.records.end(order, outcome)
        return outcome

    async def _twin(self, order: Order, paper: bytes) -> None:
        """Send the same at the same time, as a hasty client does: what comes of it is one effect.

        A second dispatch would show in the mailboxes.
        """
        with suppress(Refused, Unreachable):
            await self._sent(order, paper, None)

    async def _sent(self, order: Order, paper: bytes | None, patience: float | None) -> Json:
        """Ask until there is a final answer; return the dispatch. Raises Refused, Unreachable."""
        system = self.systems[self.network.serving[order.sender]]
        headers = {"Idempotency-Key": order.key}
        if paper is None:
            answer = await system.ask(
                "POST", order.path, body={}, headers=headers, patience=patience
            )
            return answer.json()
        answer = await system.ask(
            "POST",
            "/v1/documents?dispatch=true",
            raw=order.form(paper),
            headers=headers | {"Content-Type": TYPE},
            patience=patience,
        )
        return answer.json()["dispatch"]

    async def until(self, count: int) -> None:
        """Return when so many documents have been acknowledged."""
        while self.accepted < count:
            self._progress.clear()
            await self._progress.wait()

    async def closed(self) -> None:
        """Hand in the next document when the last one has been seen in a mailbox."""
        while not self.stopping:
            order = self._next()
            outcome = await self.hand_in(order)
            if outcome.kind != "ok":
                await asyncio.sleep(_PAUSE_AFTER_REFUSAL)
            elif not self.stopping:
                await self.arrivals.of(order.number, _ARRIVAL_PATIENCE)

    async def fixed(self, rate: float) -> None:
        """Hand in a document at each moment that is due, however the earlier ones fare."""
        if rate <= 0:
            return
        room = asyncio.Semaphore(_MOST_IN_FLIGHT)
        due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while not self.stopping:
                due = max(due + 1 / rate, time.monotonic())
                await asyncio.sleep(due - time.monotonic())
                await room.acquire()
                task = group.create_task(self.hand_in(self._next()))
                task.add_done_callback(lambda _: room.release())

    async def ask_unknown(self, *, patience: float) -> list[Order]:
        """Ask again for everything without a final answer; return what stays so.

        `patience` is for all of them together: an exchange that is away is not waited for by each.
        """
        left: list[Order] = []
        end = time.monotonic() + patience
        bound = asyncio.Semaphore(8)

        async def one(order: Order) -> None:
            async with bound:
                rest = max(0.0, end - time.monotonic())
                if (await self.again(order, patience=rest)).kind == "unknown":
                    left.append(order)

        async with asyncio.TaskGroup() as group:
            for order in list(self.records.unknown()):
                group.create_task(one(order))
        return left

    def _next(self) -> Order:
        return draw(self.records.number(), self.shape, self.network, self.records.secret)
