"""What a fault is, and how it says that it could not be inflicted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.proof.harness import Harness
from tests.proof.session import Session

Inflict: TypeAlias = Callable[[Harness, Session], Awaitable[float]]
"""Breaks something under load, waits until it is whole, returns the seconds to recovery."""
SERVICES = ("docs", "signing", "notify", "gateway")
PATIENCE = 120.0
"""Seconds until what should happen counts as not happening, on a machine with other work too."""
OF_SERVICE = 5.0
"""Seconds that p95 of recovery may have after the kill of a service."""
OF_PART = 15.0
"""The same from the return of PostgreSQL or Kafka."""
LONG = 4
"""Passes of a fault that lasts for half a minute or more."""


class NotReached(Exception):  # noqa: N818 (a finding about the run, not an error of this program)
    """What should have happened did not: a fail point was never passed, a fault broke nothing."""


class Broken(Exception):  # noqa: N818 (a finding)
    """The exchange answered a fault in a way that it must not. Text: what it did."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break the running exchange."""

    name: str
    group: str
    """What it is counted under in the table."""
    inflict: Inflict
    passes: int = 8
    """In the whole run; a quick run passes each once."""
    quick: bool = True
    """Whether the quick run has it."""
    lane: str = ""
    """Faults of different lanes may be inflicted at the same time; empty: alone."""
    bound: float = 0
    """Seconds that p95 of its group's recovery may have; 0: none is promised."""
    patience: float = 300
    """Seconds until a pass has failed."""
