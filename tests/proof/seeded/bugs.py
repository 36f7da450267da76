"""The seeded bugs: what each breaks, the load and the fault under which it shows, and as what."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from tests.proof.checker import Counts
from tests.proof.faults.processes import kills_told, until
from tests.proof.harness import Harness
from tests.proof.session import Plan, Session

Inflict: TypeAlias = Callable[[Harness, Session], Awaitable[None]]

LOAD = Plan(
    rate=8.0,
    workers=4,
    sizes=((30_000, 1),),
    large_every=0,
    wide_every=0,
    extras=False,
)
_DENSE = replace(LOAD, rate=15.0, workers=12)
_DENSEST = replace(_DENSE, recipients=((8, 1),))
_SECONDS_TO_DIE = 30.0


@dataclass(frozen=True, slots=True)
class Bug:
    """One wrong way to build the exchange; the control is the right one."""

    name: str
    """Of its patch."""
    shows_as: frozenset[str]
    """The checker's counters of which one at least must not be 0; of the control: none may.

    Never `stuck`: that an exchange has come to no end may be the machine's doing.
    """
    inflict: Inflict
    plan: Plan = LOAD

    def shown(self, counts: Counts) -> bool:
        """Say whether a count is as it has to be: red for the bug's own reason, or all clean."""
        if not self.shows_as:
            return counts.clean
        return any(getattr(counts, name) for name in self.shows_as)

    def word(self, *, shown: bool) -> str:
        """Return in a word what came of it."""
        good = "caught" if self.shows_as else "clean"
        return good if shown else f"NOT {good.upper()}"


async def _load(_harness: Harness, session: Session, *, documents: int) -> None:
    await session.until_accepted(documents)


async def _kill(
    harness: Harness, session: Session, *, process: str, times: int, documents: int
) -> None:
    """Kill a process again and again under load."""
    for _ in range(times):
        await session.until_accepted(documents)
        await harness.kill(process)
        session.killed()
        await harness.wait(process)
    await session.until_accepted(documents)


async def _die(
    harness: Harness, session: Session, *, service: str, points: tuple[str, ...]
) -> None:
    """Let a service kill itself at these fail points, one life at each."""
    for point in points:
        await session.until_accepted(10)
        await harness.kill(service, hold=True)
        session.killed()
        before = kills_told(harness, service)
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(harness.start(service, point))
            await until(
                f"{service} passes {point}",
                partial(_died, harness, service, before),
                _SECONDS_TO_DIE,
            )
            session.killed()
            await starting
    await session.until_accepted(10)


def _died(harness: Harness, service: str, before: int) -> bool:
    return kills_told(harness, service) > before


async def _join_and_leave(harness: Harness, session: Session, *, service: str, times: int) -> None:
    """Let a second instance come and go under load: what the first one handles changes hands."""
    for _ in range(times):
        for instances in (2, 1):
            await session.until_accepted(20)
            await harness.scale(service, instances)
    await session.until_accepted(20)


def _bug(name: str, *shows_as: str, inflict: Inflict, plan: Plan = LOAD) -> Bug:
    return Bug(name, frozenset(shows_as), inflict, plan)


BUGS = (
    _bug(
        "01-id-cursor-relay",
        # Seen: reordered=4 unreceipted=9, and stuck=8.
        *("lost", "unreceipted", "reordered"),
        inflict=partial(_load, documents=300),
        plan=_DENSE,
    ),
    _bug(
        "02-asynchronous-commit",
        # Seen: lost=126 gaps=0 dup_effect=4 corrupt=23.
        *("lost", "gaps", "phantom", "dup_effect"),
        inflict=partial(_kill, process="postgres", times=3, documents=20),
    ),
    _bug(
        "03-check-then-act-inbox",
        "dup_effect",
        inflict=partial(_join_and_leave, service="notify", times=3),
    ),
    _bug(
        "04-four-relays",
        "reordered",
        inflict=partial(_load, documents=300),
        plan=_DENSEST,
    ),
    _bug(
        "05-answer-before-commit",
        "lost",
        inflict=partial(_kill, process="docs", times=4, documents=15),
    ),
    _bug(
        "06-offset-before-effect",
        # Seen: unreceipted=21, and stuck=1.
        *("lost", "unreceipted"),
        inflict=partial(_die, service="docs", points=("consumer.after_inbox:9",) * 4),
    ),
    _bug(
        "07-new-event-id-on-retry",
        "dup_effect",
        inflict=partial(_die, service="docs", points=("relay.before_mark:5",) * 3),
    ),
    _bug(
        "08-swapped-addressees",
        *("misdelivered", "lost"),
        inflict=partial(_load, documents=100),
    ),
    _bug("09-flipped-byte", "corrupt", inflict=partial(_load, documents=60)),
    _bug("10-dropped-receipt", "unreceipted", inflict=partial(_load, documents=100)),
    _bug(
        "11-cleared-in-order-of-verdict",
        "reordered",
        inflict=partial(_die, service="signing", points=("signing.claimed:7",) * 3),
        plan=replace(LOAD, rate=15.0, recipients=((8, 1),), urgent=0.0),
    ),
    _bug(
        "12-idempotency-on-its-own",
        "lost",
        inflict=partial(_kill, process="docs", times=5, documents=12),
        plan=replace(LOAD, rate=5.0, workers=2),
    ),
    _bug("13-receipt-made-anew", "dup_effect", inflict=partial(_load, documents=80)),
    _bug(
        "14-setting-left-on-a-connection",
        *("lost", "gaps", "misdelivered", "corrupt"),
        inflict=partial(_load, documents=60),
    ),
)

CONTROL = _bug("control", inflict=partial(_load, documents=300), plan=_DENSEST)
"""No patch and no fault: what is red here is red by the load or the machine alone."""
