"""Every fail point: a service kills itself between two effects that are not one transaction."""

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.proof.faults.brokers import truncate, wipe
from tests.proof.faults.fault import OF_SERVICE, PATIENCE, Fault
from tests.proof.faults.processes import kills_told, until
from tests.proof.harness import Harness, NotDone
from tests.proof.session import Session

_DAMAGES = frozenset({"truncate", "wipe"})
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


def deaths(point: Point, first: str, *, quick: bool) -> Iterator[tuple[str, int]]:
    """Yield who dies at a point, each in its turn, and at which passing: the same in each run.

    A run that goes on after it was broken off begins with the first ones again.
    """
    at = point.services.index(first)
    turns = itertools.cycle([*point.services[at:], *point.services[:at]])
    for number, service in enumerate(turns):
        drawn = random.Random(f"{point.name} {number}")  # noqa: S311 (a run can be repeated)
        yield service, drawn.randint(1, latest(point, service, quick=quick))


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
    harness: Harness, session: Session, *, point: Point, deaths: Iterator[tuple[str, int]]
) -> float:
    """Start a service with the point armed, wait for its death there, and for the recovery."""
    service, nth = next(deaths)
    armed = f"{point.name}:{nth}"
    print(f"          {service} is to die at {armed}", flush=True)
    await harness.kill(service, hold=True)
    session.killed()
    before = kills_told(harness, service)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(harness.start(service, armed))
        driving = group.create_task(_drive(harness, session, point.drivers[service], service))
        await until(
            f"never reached: {service} passes {armed} ({point.place})",
            lambda: kills_told(harness, service) > before,
            PATIENCE,
        )
        died = time.monotonic()
        session.killed()
        if point.damages:
            await driving
        driving.cancel()
        await starting
    return await session.recovered(died, PATIENCE)


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
