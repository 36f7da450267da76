"""Turns: in the sender's order whatever the verdicts' times; nobody waits longer than he must."""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.docs.turns import HOLD_SECONDS, SILENCE_SECONDS, Queued, Verdict, decide
from shared.ids import DispatchId

NEVER = 10_000


@dataclass(frozen=True)
class Life:
    """How a simulated queue went: when each turn went, and who was held when."""

    went: dict[int, int]
    held: dict[int, int]


Verdicts: TypeAlias = dict[int, tuple[int, Verdict]]
"""By turn: when it comes, and what it is."""


def live(verdicts: Verdicts, doubted: set[int], *, until: int) -> Life:
    """Run the clock second by second; every second all that can go goes, one by one."""
    went: dict[int, int] = {}
    held: dict[int, int] = {}
    for now in range(until):
        while True:
            known = {turn: one for turn, (at, one) in verdicts.items() if at <= now}
            ripe, overripe = (
                max(
                    (
                        turn
                        for turn, (at, _) in verdicts.items()
                        if turn not in went and now - at >= seconds
                    ),
                    default=0,
                )
                for seconds in (HOLD_SECONDS, SILENCE_SECONDS)
            )
            queue = [
                Queued(
                    DispatchId(UUID(int=turn)),
                    turn,
                    known.get(turn),
                    turn in held,
                    turn in doubted,
                )
                for turn in sorted(verdicts)
                if turn not in went
            ]
            decision = decide(queue, ripe=ripe, overripe=overripe)
            held |= {one.turn: now for one in decision.hold}
            if decision.go is None:
                break
            assert decision.go.verdict is not None
            went[decision.go.turn] = now
    return Life(went, held)


TIMES = st.dictionaries(
    st.integers(1, 12),
    st.tuples(st.one_of(st.integers(0, 60), st.just(NEVER)), st.sampled_from(Verdict)),
    max_size=8,
)
DOUBTED = st.sets(st.integers(1, 12))
_END = 60 + int(SILENCE_SECONDS) + 40


@given(TIMES, DOUBTED)
def test_only_a_held_one_is_overtaken(verdicts: Verdicts, doubted: set[int]):
    life = live(verdicts, doubted, until=_END)
    for turn, at in life.went.items():
        for other, then in life.went.items():
            if turn < other and at > then:
                assert turn in life.held
                assert life.held[turn] <= then


@given(TIMES, DOUBTED)
def test_whoever_has_a_verdict_goes_within_the_hold(verdicts: Verdicts, doubted: set[int]):
    life = live(verdicts, doubted, until=_END)
    for turn, (at, _) in verdicts.items():
        silent = any(other < turn and other not in doubted for other in verdicts)
        longest = SILENCE_SECONDS if silent else HOLD_SECONDS
        if at == NEVER:
            assert turn not in life.went
        else:
            assert at <= life.went[turn] <= at + longest


@given(TIMES, DOUBTED)
def test_one_is_held_only_for_a_later_one_that_waited_the_whole_hold(
    verdicts: Verdicts, doubted: set[int]
):
    life = live(verdicts, doubted, until=_END)
    for turn, at in life.held.items():
        assert verdicts[turn][0] > at
        hold = HOLD_SECONDS if turn in doubted else SILENCE_SECONDS
        waited = [now for other, (now, _) in verdicts.items() if other > turn]
        assert any(at - now >= hold for now in waited)


@given(TIMES, DOUBTED)
def test_what_was_held_goes_at_once_when_its_verdict_comes(verdicts: Verdicts, doubted: set[int]):
    life = live(verdicts, doubted, until=_END)
    for turn in life.held:
        at, _ = verdicts[turn]
        assert life.went.get(turn) == (at if at < _END else None)
