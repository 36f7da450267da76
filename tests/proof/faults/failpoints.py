"""Every fail point: a service kills itself between two effects that are not one transaction."""

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.proof.faults.brokers import truncate, wipe
from tests.proof.faults.fault import OF_SERVICE, PATIENCE, Fault, NotReached
from tests.proof.faults.processes import kills_told, until
from tests.proof.harness import Harness, NotDone
from tests.proof.session import Session

_DAMAGES = frozenset({"truncate", "wipe"})
_SOON = 8.0
"""Seconds in which who runs has to come to a point; what only a start passes is started for."""
_PASSES, _PASSES_OF_EACH = 8, 4
_LATEST = {
    "blobs.": (4, 3),
    "consumer.offsets_shown": (3, 2),  # every five seconds
    "consumer.": (6, 3),
    "database.": (40, 8),
    "http.": (40, 8),
    "internal.": (4, 3),
    "relay.": (6, 3),
}
"""By how a point begins: at which passing of its life a service dies at the latest, in a whole
run and in a quick one. The first is always the same moment of a start; later ones are any."""
_LATEST_OF_GATEWAY = {"database.": (4, 2)}
"""It writes what it has counted every five seconds, and little else."""
_LATEST_OF_PROBES = (3, 2)
"""Where the load does not lead: a probe takes its time."""


@dataclass(frozen=True, slots=True)
class Point:
    """A fail point as `python -m infra.failpoints` lists it."""

    name: str
    services: tuple[str, ...]
    """Which pass it."""
    drivers: Mapping[str, str]
    """What makes each pass it: the load, a probe's kind, or damage to a topic."""
    place: str
    """File and line."""

    @property
    def damages(self) -> bool:
        """Say whether a topic has to be damaged for it."""
        return not _DAMAGES.isdisjoint(self.drivers.values())


@dataclass(frozen=True, slots=True)
class Death:
    """Who is to die at a point."""

    service: str
    nth: int
    """At which passing: since it was told, or since its start."""
    running: bool
    """It is told as it runs; else it is started with it."""


async def listed(harness: Harness) -> list[Point]:
    """Ask the tree that runs for its fail points. Raises NotDone."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.failpoints"),
        cwd=harness.tree,
        stdout=asyncio.subprocess.PIPE,
    )
    said = (await process.communicate())[0].decode()
    if process.returncode or not said.strip():
        raise NotDone(f"infra.failpoints: exit {process.returncode}")
    return [read(row) for row in said.splitlines() if row.strip()]


def read(row: str) -> Point:
    """Read a row of the list. Raises NotDone when it is not one."""
    words = row.split()
    if len(words) != 4:
        raise NotDone(f"infra.failpoints printed {row!r}, not name, services, driver, place")
    services, (driver, *apart) = words[1].split(","), words[2].split(",")
    drivers = dict.fromkeys(services, driver) | dict(one.split("=") for one in apart)
    return Point(words[0], tuple(services), drivers, words[3])


def at_failpoints(points: Sequence[Point], *, together: bool) -> Iterator[Fault]:
    """Yield a fault for each point; one that several services pass is first of who has fewest.

    Of those whom the load leads there, that is: a probe takes longer. `together`: one service of
    each kind dies at a time, which is quicker, and promises no time of recovery. Points that a
    topic has to be damaged for come last and alone.
    """
    has = Counter(point.services[0] for point in points if len(point.services) == 1)
    for point in sorted(points, key=lambda point: point.damages):
        first = min(point.services, key=lambda one: (point.drivers[one] != "load", has[one]))
        has[first] += len(point.services) > 1
        yield Fault(
            name=f"fail point {point.name}",
            group="fail points of healing" if point.damages else "fail points",
            inflict=partial(_die, point=point, deaths=deaths(point, first, quick=together)),
            passes=max(_PASSES, _PASSES_OF_EACH * len(point.services)),
            lane=first if together and not point.damages else "",
            bound=0 if together or point.damages else OF_SERVICE,
        )


def deaths(point: Point, first: str, *, quick: bool) -> Iterator[Death]:
    """Yield who dies at a point, each in its turn, and at which passing: the same in each run.

    Each dies by turns as it runs and soon after its start; in a quick run as it runs. A run that
    goes on after it was broken off begins with the first ones again.
    """
    at = point.services.index(first)
    turns = itertools.cycle([*point.services[at:], *point.services[:at]])
    for number, service in enumerate(turns):
        drawn = random.Random(f"{point.name} {number}")  # noqa: S311 (a run can be repeated)
        nth = drawn.randint(1, latest(point, service, quick=quick))
        yield Death(service, nth, running=quick or number // len(point.services) % 2 == 0)


def latest(point: Point, service: str, *, quick: bool) -> int:
    """Return at which passing of a point a service dies at the latest.

    Points of one service and those that damage leads to are passed for one reason: the first will
    do.
    """
    known = _LATEST | _LATEST_OF_GATEWAY if service == "gateway" else _LATEST
    found = next((some for start, some in known.items() if point.name.startswith(start)), None)
    if found is None:
        return 1
    if point.drivers[service] != "load":
        found = _LATEST_OF_PROBES
    return found[1 if quick else 0]


async def _die(
    harness: Harness, session: Session, *, point: Point, deaths: Iterator[Death]
) -> float:
    """Arm a point of a service, wait for its death there, and for the recovery.

    Who runs and does not come there in time passes it as it starts, or later in its life.
    """
    death = next(deaths)
    service, armed = death.service, f"{point.name}:{death.nth}"
    print(f"          {service} is to die at {armed}{' as it runs' * death.running}", flush=True)
    died = None
    if death.running:
        harness.arm(service, armed)
        died = await _death_of(
            harness, session, point, service, PATIENCE if point.damages else _SOON
        )
        harness.disarm(service)
    if died is None:
        await harness.kill(service, hold=True)
        session.killed()
        starting = harness.start(service, armed)
        died = await _death_of(harness, session, point, service, PATIENCE, starting=starting)
    if died is None:
        raise NotReached(f"never reached: {service} passes {armed} ({point.place})")
    session.killed()
    return await session.recovered(died, PATIENCE)


async def _death_of(
    harness: Harness,
    session: Session,
    point: Point,
    service: str,
    patience: float,
    *,
    starting: Coroutine[None, None, None] | None = None,
) -> float | None:
    """Lead a service to a point until it dies; return when it did, None when it did not in time."""
    before, died = kills_told(harness, service), None
    async with asyncio.TaskGroup() as group:
        driving = group.create_task(_drive(harness, session, point.drivers[service], service))
        if starting is not None:
            group.create_task(starting)
        with suppress(NotReached):
            await until("it dies", lambda: kills_told(harness, service) > before, patience)
            died = time.monotonic()
        if died is not None and point.damages:
            await driving
        driving.cancel()
    return died


async def _drive(harness: Harness, session: Session, driver: str, service: str) -> None:
    """Do what makes the service pass the point, until cancelled; damage is done once."""
    if driver in _DAMAGES:
        with suppress(NotDone):  # it dies as it starts where an earlier fault left damage to heal
            await harness.wait(service)
    if driver == "wipe":
        await wipe(harness, session)
    elif driver == "truncate":
        await truncate(harness, session, writers=iter([service]))
    else:
        await _ask(session, driver)


async def _ask(session: Session, driver: str) -> None:
    while driver != "load":
        await session.probe(driver)  # pyright: ignore[reportArgumentType] (the list names a probe)
