"""Runs one case: load, drain, then the mailboxes' own account of what arrived when."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from infra.bench import processes
from infra.bench.cases import Case
from infra.bench.ears import Arrivals, Ears, Taken, listen, take
from infra.bench.load import Loader, Outcome, Sent
from infra.bench.plan import Mailbox, Plan
from infra.client import Client, ports

_DRAINED = (
    "lienthong_dispatches_waiting",
    "lienthong_outbox_pending",
    "lienthong_examinations_pending",
    "lienthong_consumer_lag",
    "lienthong_lanes_behind",
)
_DRAIN_SECONDS = 120.0
_RECEIPTS_SECONDS = 30.0
_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """What one case showed. Times in seconds from the scheduled moment, in no order."""

    case: Case
    agencies: int
    stored: int
    """Documents that were stored when it began."""
    documents: int
    deliveries: int
    seconds: float
    """From the first scheduled moment to the last arrival."""
    accept: list[float]
    mailbox: list[float]
    last_mailbox: list[float]
    """Per document: when the last of its recipients had it."""
    receipt: list[float]
    urgent_mailbox: list[float]
    failures: list[str]
    missing: int
    """Deliveries of accepted documents that never arrived."""
    doubled: int
    cpu: dict[str, float]
    """Seconds of CPU by process."""
    other_cpu: float
    """Seconds of CPU that others on this machine used meanwhile."""
    memory: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(slots=True)
class Bench:
    """One running stack under measurement."""

    run: Path
    session: aiohttp.ClientSession
    clients: dict[str, Client]
    plan: Plan
    loader: Loader
    arrivals: Arrivals
    say: Callable[[str], None]
    stored: int = 0

    async def measure(self, case: Case) -> Result:
        """Run one case to its end and account for every document that was accepted."""
        boxes = self._boxes(case)
        await self.arrivals.read(boxes)
        ears, taken = Ears(), Taken()
        async with self._recipients(case, ears, taken):
            before, machine = processes.cpu(self.run), processes.machine()
            outcome = await self.loader.run(case, ears, stored=self.stored, say=self.say)
            await self._drained(outcome, taken, case)
            cpu = processes.between(before, processes.cpu(self.run))
            other = processes.machine() - machine - sum(cpu.values())
            memory = processes.memory(self.run)
        arrived = await self.arrivals.read(boxes)
        stored = self.stored
        self.stored += len(outcome.sent)
        return _result(
            case,
            self.plan,
            outcome,
            arrived,
            taken,
            stored=stored,
            cpu=cpu,
            other=max(0.0, other),
            memory=memory,
        )

    def _boxes(self, case: Case) -> Sequence[Mailbox]:
        if case.recipients > len(self.plan.few):
            return self.plan.wide[: case.recipients]
        return self.plan.few

    @asynccontextmanager
    async def _recipients(self, case: Case, ears: Ears, taken: Taken) -> AsyncGenerator[None]:
        """Let streams and receiving systems work for the length of a `with`."""
        gateway, bound = str(ports(self.run)["gateway"]), asyncio.Semaphore(16)
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[None]] = []
            if case.loop == "closed":
                tasks += [
                    group.create_task(
                        listen(self.session, gateway, self.clients[box.client_id], box, ears)
                    )
                    for box in self.plan.watched(case.recipients)
                ]
            if case.receiving:
                tasks += [
                    group.create_task(take(self.clients[box.client_id], box, taken, bound))
                    for box in self.plan.receiving(case.recipients)
                ]
            await asyncio.sleep(1 if tasks else 0)  # streams and long polls stand before the load
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _drained(self, outcome: Outcome, taken: Taken, case: Case) -> None:
        """Wait until nothing is under way, and until receipts come no more."""
        began = told = time.monotonic()
        while time.monotonic() - began < _DRAIN_SECONDS:
            await asyncio.sleep(_LOOK)
            if await self.quiet():
                break
            if time.monotonic() - told > 2:  # noqa: PLR2004
                told = time.monotonic()
                self.say(f"draining, {told - began:.0f} s")
        if case.receiving:
            receiving = set(self.plan.receiving(case.recipients))
            due = sum(len(receiving & set(sent.recipients)) for sent in outcome.sent)
            end = time.monotonic() + _RECEIPTS_SECONDS
            while len(taken.receipts) < due and time.monotonic() < end:  # noqa: ASYNC110 (a count)
                await asyncio.sleep(_LOOK)

    async def quiet(self) -> bool:
        """Say whether every instance's gauges of work under way are 0."""
        metrics = ports(self.run)["metrics"]
        for url in (url for urls in metrics.values() for url in urls):
            async with self.session.get(f"{url}/metrics") as answer:
                for line in (await answer.text()).splitlines():
                    name, _, value = line.partition(" ")
                    if name in _DRAINED and float(value):
                        return False
        return True

    async def settled(self) -> None:
        """Wait until nothing is under way. Raises TimeoutError after two minutes."""
        async with asyncio.timeout(_DRAIN_SECONDS):
            while not await self.quiet():  # noqa: ASYNC110 (other processes' work)
                await asyncio.sleep(_LOOK)

    async def everybody(self) -> None:
        """Send one document to every commune, so that mailboxes are in use, and let it arrive."""
        self.say("a document to every commune")
        await self.loader.broadcast()
        await self.settled()

    async def idle(self, seconds: float) -> dict[str, float]:
        """Return the CPU that an idle stack uses, as milliseconds per second by process."""
        before = processes.cpu(self.run)
        await asyncio.sleep(seconds)
        used = processes.between(before, processes.cpu(self.run))
        return {name: 1000 * value / seconds for name, value in used.items()}


def _result(
    case: Case,
    plan: Plan,
    outcome: Outcome,
    arrived: dict[tuple[str, str], list[float]],
    taken: Taken,
    *,
    stored: int,
    cpu: dict[str, float],
    other: float,
    memory: dict[str, float],
) -> Result:
    seen = times_of(outcome.sent, arrived)
    receipts = [
        taken.receipts[sent.dispatch, box.code] - sent.scheduled
        for sent in outcome.sent
        for box in sent.recipients
        if (sent.dispatch, box.code) in taken.receipts
    ]
    ends = [at for times in arrived.values() for at in times]
    return Result(
        case=case,
        agencies=plan.agencies,
        stored=stored,
        documents=len(outcome.sent),
        deliveries=len(seen.mailbox) + len(seen.urgent),
        seconds=max([*ends, outcome.ended]) - outcome.began,
        accept=[sent.accepted - sent.scheduled for sent in outcome.sent],
        mailbox=seen.mailbox,
        last_mailbox=seen.last,
        receipt=receipts,
        urgent_mailbox=seen.urgent,
        failures=[*outcome.failures, *taken.troubles],
        missing=seen.missing,
        doubled=seen.doubled,
        cpu=cpu,
        other_cpu=other,
        memory=memory,
    )


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the scheduled moment to mailboxes, and how many deliveries are not as due."""

    mailbox: list[float]
    """Of the normal lane."""
    last: list[float]
    urgent: list[float]
    missing: int
    doubled: int


def times_of(sent: Sequence[Sent], arrived: Mapping[tuple[str, str], Sequence[float]]) -> Times:
    """Return what the mailboxes say of the documents that were accepted."""
    mailbox: list[float] = []
    last: list[float] = []
    urgent: list[float] = []
    missing = doubled = 0
    for one in sent:
        times = [arrived.get((one.dispatch, box.code), []) for box in one.recipients]
        missing += sum(1 for seen in times if not seen)
        doubled += sum(len(seen) - 1 for seen in times if len(seen) > 1)
        took = [seen[0] - one.scheduled for seen in times if seen]
        (urgent if one.urgent else mailbox).extend(took)
        if took and not one.urgent:
            last.append(max(took))
    return Times(mailbox, last, urgent, missing, doubled)
