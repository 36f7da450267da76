"""A stretch of load with its readers, and the settling of accounts after it."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from tests.proof.accounts import accounts
from tests.proof.arrivals import Arrivals
from tests.proof.checker import Counts, check
from tests.proof.client import Door, Unreachable, opened, systems
from tests.proof.collect import trusted
from tests.proof.harness import Harness
from tests.proof.kafka import Mailbox
from tests.proof.mailboxes import Receiving
from tests.proof.network import choose
from tests.proof.orders import LARGE, SMALL, Shape, order
from tests.proof.papers import Desk
from tests.proof.probes import NotEnded, Probes
from tests.proof.quiet import backlog
from tests.proof.readers import Reader
from tests.proof.records import Records
from tests.proof.workload import Workload

Extra: TypeAlias = Literal[
    "signature", "status", "subscription", "draft", "client", "certificate", "withdrawal"
]
KINDS: tuple[Extra, ...] = get_args(Extra)
Probe: TypeAlias = Extra | Literal["agency", "trust"]
"""Beside what is done all the time: agencies and changes of the trust list are kept for ever."""
_PATIENCE = 180.0
"""Seconds that a request is repeated: longer than any fault keeps the exchange away."""
_LAST_ANSWERS, _CLOSING = 60.0, 10.0
_EXTRA_PAUSE = 5.0
_SOON, _SLOWEST = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much load, of what shape. Weights need no sum."""

    rate: float = 2.0
    """Documents per second at fixed moments; 0: none."""
    workers: int = 3
    """Senders of the closed loop: each hands in its next document when the last one arrived."""
    sizes: tuple[tuple[int, float], ...] = ((30_000, 50), (120_000, 40), (1_000_000, 8))
    """Bytes of a file, and how often; every `large_every`th has 5 MB."""
    large_every: int = 50
    recipients: tuple[tuple[int, float], ...] = ((1, 55), (2, 25), (4, 15), (8, 5))
    """Addressees, and how often; every `wide_every`th goes to 172."""
    wide_every: int = 100
    urgent: float = 0.25
    """Part of the documents that is urgent."""
    seed: int = 1
    extras: bool = True
    """Also sign by kept keys, report statuses, subscribe: so that their fail points are passed."""


@dataclass(slots=True)
class Session:
    """Load that runs while it is lent."""

    harness: Harness
    plan: Plan
    journal: Path
    door: Door
    workload: Workload
    probes: Probes
    group: asyncio.TaskGroup
    asking: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    """Documents handed in to see whether anything arrives; they go on to their answer."""

    @property
    def troubles(self) -> Counter[str]:
        """Return the answers that had to be tried again, by status or kind of error."""
        return self.door.troubles

    @property
    def accepted(self) -> int:
        """Return how many documents have been acknowledged so far, by this session."""
        return self.workload.accepted

    async def until_accepted(self, n: int) -> None:
        """Return when n more documents have been acknowledged."""
        await self.workload.until(self.workload.accepted + n)

    async def recovered(self, since: float, timeout: float) -> float:  # noqa: ASYNC109 (seconds of patience)
        """Return the seconds from `since` (monotonic) until a document begun after it has arrived.

        It hands in documents of its own for that, so the load's state does not matter. Raises
        TimeoutError after `timeout` seconds.
        """
        arrived = self.workload.arrivals.after(since)
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            going_on = group.create_task(self._ask_on())
            seen = await arrived
            going_on.cancel()
        return seen - since

    async def backlog(self) -> float:
        """Return how many documents wait for verdict or turn; infinite: nobody tells."""
        return await backlog(self.door)

    async def hand_in_for(self, seconds: float) -> None:
        """Hand in small documents for so long, whatever becomes of them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ask_on()

    async def _ask_on(self) -> None:
        """Hand in a small document again and again, to recipients that see it at once."""
        network, records = self.workload.network, self.workload.records
        quick = (*network.reading("lease")[:1], *network.reading("sse")[:1])
        for number in itertools.count():
            asked = order(
                records.number(),
                sender=network.senders[number % len(network.senders)],
                to=quick,
                size=SMALL,
                urgency="urgent",
                secret=records.secret,
            )
            task = self.group.create_task(self.workload.hand_in(asked))
            self.asking.add(task)
            task.add_done_callback(self.asking.discard)
            await asyncio.sleep(min(_SLOWEST, _SOON * 2**number))

    async def probe(self, kind: Probe) -> None:
        """Pass once through what the load passes seldom, with retries until it has ended well.

        Raises NotEnded after two minutes.
        """
        await self.probes.pass_once(kind)

    def killed(self, n: int = 1) -> None:
        """Write down that n processes were killed: it goes into the line."""
        self.workload.records.killed(n)

    @asynccontextmanager
    async def doubting(self) -> AsyncGenerator[None]:
        """Write down that a fault makes signing unable to tell meanwhile: what it has may be held.

        A run that is broken off leaves it open until the next one has a stack that is whole.
        """
        doubt = await self.workload.records.doubting()
        try:
            yield
        finally:
            self.workload.records.certain(doubt)


@asynccontextmanager
async def proving(harness: Harness, plan: Plan, journal: Path) -> AsyncGenerator[Session]:
    """Run load and readers for the length of a `with`; `journal` is a folder that is gone on with.

    What an earlier run left unknown is asked again first, with the same Idempotency-Key. At the
    end the load stops, and what is on its way to an answer is waited for.
    """
    records = Records(journal)
    try:
        async with opened(harness) as door, asyncio.TaskGroup() as group:
            files = [group.create_task(log.keep()) for log in (records.work, records.seen)]
            session = await _begin(door, group, harness, plan, records)
            readers = [group.create_task(work) for work in _readers(session)]
            if plan.extras:
                readers.append(group.create_task(_extras(session)))
            loads = [group.create_task(work) for work in _loads(session)]
            try:
                yield session
                await _ended(session, loads)
            finally:
                tasks = (*loads, *readers, *session.asking)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=_CLOSING)
                for task in files:
                    task.cancel()
    finally:
        records.close()


async def _begin(
    door: Door, group: asyncio.TaskGroup, harness: Harness, plan: Plan, records: Records
) -> Session:
    known, network = systems(door, patience=_PATIENCE), choose(harness.clients())
    desk = Desk(harness.run / "pki", records.folder / "papers")
    await asyncio.to_thread(desk.prepare, {*(size for size, _ in plan.sizes), SMALL, LARGE})
    arrivals = Arrivals(records)
    shape = Shape(
        sizes=plan.sizes,
        large_every=plan.large_every,
        recipients=plan.recipients,
        wide_every=plan.wide_every,
        urgent=plan.urgent,
        seed=plan.seed,
    )
    workload = Workload(known, network, desk, records, arrivals, shape)
    trust = await trusted(harness, known[network.hub])
    receiving = Receiving(records, arrivals, trust, reporting=plan.extras)
    await workload.ask_unknown(patience=_PATIENCE)
    workload.accepted = 0
    return Session(
        harness=harness,
        plan=plan,
        journal=records.folder,
        door=door,
        workload=workload,
        probes=Probes(workload, receiving),
        group=group,
    )


def _readers(session: Session) -> Iterator[Coroutine[Any, Any, None]]:
    workload, receiving = session.workload, session.probes.receiving
    network, wide = workload.network, bool(session.plan.wide_every)
    near = {network.hub, *(network.serving[code] for code in network.few)}
    for client_id, kind in network.readers.items():
        if not wide and client_id not in near:
            continue  # nothing is sent to it; after quiet its mailbox is read all the same
        reader = Reader(workload.systems[client_id], kind, receiving)
        yield reader.work()
        if kind == "kafka":
            yield Mailbox(reader.system, workload.records, reader.ring).work()
    # One that acts for many agencies has a Kafka mailbox besides.
    hub = Reader(workload.systems[network.hub], "kafka", receiving)
    yield Mailbox(hub.system, workload.records, hub.ring).work()


def _loads(session: Session) -> Iterator[Coroutine[Any, Any, None]]:
    workload = session.workload
    yield workload.fixed(session.plan.rate)
    for _ in range(session.plan.workers):
        yield workload.closed()


async def _extras(session: Session) -> None:
    """Pass through every kind of what is seldom, one after another."""
    for kind in itertools.cycle(KINDS):
        if session.workload.stopping:
            return
        try:
            await session.probes.pass_once(kind)
        except NotEnded as error:
            session.workload.records.seen.note({"e": "trouble", "kind": kind, "why": str(error)})
        await asyncio.sleep(_EXTRA_PAUSE)


async def _ended(session: Session, loads: Sequence[asyncio.Task[None]]) -> None:
    """Stop the load; wait a while for the answers that are still due."""
    session.workload.stopping = True
    await asyncio.wait((*loads, *session.asking), timeout=_LAST_ANSWERS)


async def settle(
    harness: Harness,
    journal: Path,
    timeout: float = 120,  # noqa: ASYNC109 (seconds of patience)
) -> Counts:
    """Wait for quiet, read every mailbox, receipt and log from outside, and count.

    No quiet within `timeout` seconds counts as `stuck`, with what is stuck and where in
    `findings`; the rest is counted all the same.
    """
    try:
        return check(await accounts(harness, journal, timeout))
    except ExceptionGroup as error:
        away, other = error.split(Unreachable)
        if away is None or other is not None:
            raise
        return Counts(stuck=1, findings=(f"stuck: the exchange does not answer: {away!r}",))
