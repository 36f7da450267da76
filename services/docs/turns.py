"""Whose turn it is among one sender's dispatches of one lane (protocol.md 5, Clear); pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.ids import DispatchId

HOLD_SECONDS = 10.0
"""How long a later dispatch must have had its verdict before an earlier one is held of which
signing cannot tell."""
SILENCE_SECONDS = 300.0
"""The same for one of which signing has said nothing: a log or a process may be away, and no file
is the cause; but its sender does not wait for ever."""


class Verdict(StrEnum):
    """What was judged of a dispatch, all its files together."""

    GOOD = "good"
    BAD = "bad"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Queued:
    """A dispatch that is not done: neither cleared, refused nor withdrawn."""

    id: DispatchId
    turn: int
    verdict: Verdict | None
    held: bool
    doubted: bool = False
    """Signing has the file and cannot tell yet."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens now: these lose their place, and this one goes."""

    hold: tuple[Queued, ...]
    go: Queued | None


def decide(queue: Sequence[Queued], *, ripe: int, overripe: int) -> Decision:
    """Choose the first of `queue` (in order of turn) that may go now.

    One that waits for its verdict stops all later ones, unless it is held. It becomes held when a
    later one has had its verdict for `HOLD_SECONDS` and signing doubts it, or for
    `SILENCE_SECONDS`; `ripe` and `overripe` are the highest turns of which that is true (0: none).
    A held one goes as soon as its verdict comes, before all later ones.
    """
    hold: list[Queued] = []
    for queued in queue:
        if queued.verdict is not None:
            return Decision(tuple(hold), queued)
        if queued.held:
            continue
        if queued.turn > (ripe if queued.doubted else overripe):
            return Decision((), None)  # nobody would pass those before it either
        hold.append(queued)
    return Decision(tuple(hold), None)
