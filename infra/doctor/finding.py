"""What a check says: what it looked at, what it found, and the command that helps."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from infra.doctor.site import Site


class State(StrEnum):
    """How it is, from well to faulty."""

    WELL = "well"
    DOUBT = "doubt"
    """Nothing stands still, but somebody should look."""
    FAULT = "fault"


MARKS = {State.WELL: "√", State.DOUBT: "‼", State.FAULT: "×"}
_ORDER = tuple(State)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it has to be."""

    state: State
    found: str
    hint: str
    """What to do, with the command to type."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check has looked at, and what it found."""

    well: str
    """Said when nothing was found: the facts, in a few words."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A named question to a stack."""

    name: str
    ask: Callable[[Site], Awaitable[Seen]]


@dataclass(frozen=True, slots=True)
class Result:
    """A check's answer: one line for a person, one object for a program."""

    check: str
    seen: Seen

    @property
    def state(self) -> State:
        """The worst of what was found."""
        return max((f.state for f in self.seen.findings), key=_ORDER.index, default=State.WELL)

    def line(self) -> str:
        """Return the line to print."""
        begin = f"{MARKS[self.state]} {self.check:<13} "
        if self.state is State.WELL:
            return begin + self.seen.well
        worst_first = sorted(self.seen.findings, key=lambda f: -_ORDER.index(f.state))
        shown = "; ".join(finding.found for finding in worst_first[:_SHOWN])
        more = len(worst_first) - _SHOWN
        beyond = f"; and {more} more" if more > 0 else ""
        text = f"{begin}{shown}{beyond}  → {worst_first[0].hint}"
        return " ".join(text.splitlines())

    def as_json(self) -> dict[str, object]:
        """Return the same for a program."""
        findings = [
            {"state": f.state, "found": f.found, "hint": f.hint} for f in self.seen.findings
        ]
        return {
            "check": self.check,
            "state": self.state,
            "well": self.seen.well,
            "findings": findings,
        }


Findings: TypeAlias = list[Finding]


def fault(found: str, hint: str) -> Finding:
    """Return what somebody has to mend."""
    return Finding(State.FAULT, found, hint)


def doubt(found: str, hint: str) -> Finding:
    """Return what somebody should look at."""
    return Finding(State.DOUBT, found, hint)
