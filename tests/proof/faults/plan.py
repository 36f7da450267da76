"""Which faults a run inflicts, how often and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from tests.proof.faults.brokers import of_kafka, of_three
from tests.proof.faults.clocks import jumps
from tests.proof.faults.databases import of_postgres
from tests.proof.faults.disks import small_disks
from tests.proof.faults.failpoints import Point, at_failpoints
from tests.proof.faults.fault import Fault
from tests.proof.faults.freezes import freezes
from tests.proof.faults.kills import at_any_moment, instances, of_everything
from tests.proof.faults.storage import flipped_bytes
from tests.proof.session import Plan


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a run goes. Pauses in seconds."""

    quick: bool
    load: Plan
    documents: int
    """Handed in at least."""
    kills: int
    """Processes killed at least."""
    passes: int
    """Of each fault at most."""
    power_cuts: int
    frozen: float
    """A service, past session (3 s) and lock limits (5 s)."""
    kafka_frozen: float
    kafka_stopped: float
    leaderless: float
    postgres_away: float
    clock: float
    disk: float
    flipped: int
    """Files at a time."""
    stacks: int = 1
    """Stacks of one broker that share the faults out: each is counted by itself, so that what
    one has shown stays shown when the next is broken off."""


QUICK = Extent(
    quick=True,
    load=Plan(rate=1.0, workers=1),  # the faults need the processors
    documents=0,
    kills=0,
    passes=1,
    power_cuts=1,
    frozen=8,
    kafka_frozen=8,
    kafka_stopped=8,
    leaderless=10,
    postgres_away=8,
    clock=4,
    disk=4,
    flipped=2,
)
WHOLE = Extent(
    quick=False,
    load=Plan(rate=1.5, workers=2),  # recovery is measured on two processors
    documents=20_000,
    kills=400,
    passes=20,
    power_cuts=20,
    frozen=30,
    kafka_frozen=60,
    kafka_stopped=120,
    leaderless=90,
    postgres_away=30,
    clock=20,
    disk=15,
    flipped=5,
    stacks=5,
)


def one_broker(extent: Extent, points: Sequence[Point]) -> list[Fault]:
    """Return what a stack with one broker goes through; small disks come while little is there.

    What may be inflicted side by side follows each other.
    """
    together = extent.quick
    some = chain(
        at_failpoints(points, together=together),
        at_any_moment(together=together),
        instances(),
        freezes(extent.frozen, together=together),
        of_postgres(extent.disk, away=extent.postgres_away),
        of_kafka(frozen=extent.kafka_frozen, stopped=extent.kafka_stopped),
        flipped_bytes(extent.flipped),
        jumps(extent.clock),
        of_everything(extent.power_cuts),
    )
    found = [*small_disks(extent.disk), *sorted(some, key=lambda fault: not fault.lane)]
    return [fault for fault in found if fault.quick or not extent.quick]


def share(faults: Sequence[Fault], passes: int, number: int, of: int) -> list[Fault]:
    """Return what stack `number` (from 0) of so many goes through: about as many passes as each.

    Faults keep their order, and each falls to one stack.
    """
    total = sum(min(fault.passes, passes) for fault in faults)
    found: list[Fault] = []
    before = 0
    for fault in faults:
        if before * of // max(total, 1) == number:
            found.append(fault)
        before += min(fault.passes, passes)
    return found


def three_brokers(extent: Extent) -> list[Fault]:
    """Return what a stack with three brokers goes through."""
    return list(of_three(extent.leaderless))
