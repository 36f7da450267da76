"""What is measured: the cases of each run, as data."""

from dataclasses import dataclass, replace
from typing import Literal

Size = Literal["100k", "1m"]
Loop = Literal["open", "closed"]

SIZES: dict[Size, int] = {"100k": 0, "1m": 900_000}
"""Bytes of noise (a scanned page) in a paper; a signed letter alone has about 112,000 bytes."""


@dataclass(frozen=True, slots=True)
class Case:
    """One load, and how long it lasts."""

    name: str
    loop: Loop
    size: Size = "100k"
    recipients: int = 1
    seconds: float = 15
    rate: float = 0
    """Documents per second that are due (open loop)."""
    flight: int = 0
    """Documents between hand-in and mailbox at any time (closed loop)."""
    urgent_rate: float = 0
    """Urgent documents per second that are due beside the others."""
    receiving: bool = False
    """Whether recipients lease, download and acknowledge meanwhile."""


@dataclass(frozen=True, slots=True)
class Network:
    """One stack of its own, and what is measured on it, in order."""

    seed: str
    cases: tuple[Case, ...]
    stored: tuple[Case, ...] = ()
    """Cases that run when 20,000 documents are stored."""
    everybody: bool = False
    """Whether a document to every commune goes before, so that all mailboxes are in use."""
    floors_seconds: float = 0
    """How long each floor is measured; 0: not on this one."""
    idle_seconds: float = 5


_CLOSED = (
    Case("closed-100k-1", "closed", flight=24, seconds=15),
    Case("closed-100k-8", "closed", recipients=8, flight=24, seconds=12),
    Case("closed-100k-161", "closed", recipients=161, flight=8, seconds=12),
    Case("closed-1m-1", "closed", size="1m", flight=24, seconds=12),
)
_OPEN = (
    Case("open-100k-1", "open", rate=20, seconds=20),
    Case("open-100k-1-receipts", "open", rate=10, receiving=True, seconds=15),
    Case("open-100k-8", "open", recipients=8, rate=10, seconds=12),
    Case("open-100k-161", "open", recipients=161, rate=1, seconds=15),
    Case("open-100k-161-receipts", "open", recipients=161, rate=0.5, receiving=True, seconds=12),
    Case("open-1m-1", "open", size="1m", rate=10, seconds=12),
)
_URGENT = Case("urgent-beside-bulk", "closed", flight=24, urgent_rate=2, seconds=20)
STORED = 20_000


def _renamed(suffix: str, *cases: Case) -> tuple[Case, ...]:
    return tuple(replace(case, name=f"{case.name}{suffix}") for case in cases)


FULL = (
    Network(
        "scale:242",
        (*_OPEN, *_CLOSED, _URGENT),
        stored=_renamed("-stored", _OPEN[0], _OPEN[3], _CLOSED[0], _CLOSED[2]),
        floors_seconds=3,
    ),
    Network(
        "scale:3000",
        _renamed("-3000", _OPEN[0], _OPEN[3], _CLOSED[0], _CLOSED[2]),
        everybody=True,
    ),
)


def _shorter(case: Case, seconds: float) -> Case:
    return replace(case, seconds=seconds)


QUICK = (
    Network(
        "scale:242",
        (
            *(_shorter(case, 5) for case in (_OPEN[0], _OPEN[1], _OPEN[3], _OPEN[5])),
            *(_shorter(case, 5) for case in (_CLOSED[0], _CLOSED[2], _CLOSED[3], _URGENT)),
        ),
        floors_seconds=1,
        idle_seconds=2,
    ),
)
TINY = (
    Network(
        "",
        (
            Case("open-100k-1-receipts", "open", rate=4, receiving=True, seconds=1),
            Case("open-1m-8", "open", size="1m", recipients=8, rate=2, seconds=1),
            Case("closed-100k-161", "closed", recipients=161, flight=2, seconds=0.5),
            Case("urgent-beside-bulk", "closed", flight=2, urgent_rate=2, seconds=1),
        ),
        floors_seconds=0.2,
        idle_seconds=0.2,
    ),
)


def only(networks: tuple[Network, ...], name: str) -> tuple[Network, ...]:
    """Return the networks with the cases whose name holds `name`; floors stay where they are."""
    kept = (
        replace(
            network,
            cases=tuple(case for case in network.cases if name in case.name),
            stored=tuple(case for case in network.stored if name in case.name),
        )
        for network in networks
    )
    return tuple(network for network in kept if network.cases or network.stored)
