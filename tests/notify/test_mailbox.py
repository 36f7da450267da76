"""A lane under redelivery, gaps, disorder, duplicates and foreign hashes (pure)."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.notify.mailbox import (
    Finding,
    LaneState,
    Numbered,
    raise_behind,
    settle,
    take,
    take_all,
)
from shared.chain import GENESIS, link
from shared.ids import AgencyId

AGENCY = AgencyId(UUID(int=7))
EMPTY = LaneState(AGENCY, "normal")


def chain(length: int, *, salt: str = "") -> list[Numbered]:
    """Return the first entries of a lane; another `salt` is another history."""
    made: list[Numbered] = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        content = f"{salt}{sequence}".encode()
        hash_ = link(
            agency=AGENCY, lane="normal", sequence=sequence, previous=previous, entry=content
        )
        made.append(Numbered(AGENCY, "normal", sequence, previous, hash_, content))
        previous = hash_
    return made


ENTRIES = chain(8)
LOG = st.lists(st.sampled_from(ENTRIES), max_size=40)


@given(log=LOG)
def test_whatever_the_log_brings_the_lane_is_a_prefix_and_knows_what_it_misses(
    log: list[Numbered],
):
    lane, applied, stored = EMPTY, list[Numbered](), dict[int, bytes]()
    for entry in log:
        change = take(lane, entry, stored=stored, source="log")
        lane = change.lane
        applied += change.appended
        stored |= {one.sequence: one.hash for one in change.appended}
        assert change.alarms == ()
    assert applied == ENTRIES[: lane.sequence]
    assert lane.hash == (ENTRIES[lane.sequence - 1].hash if lane.sequence else GENESIS)
    highest = max((entry.sequence for entry in log), default=0)
    assert lane.sequence >= highest or lane.behind is not None
    assert lane.stopped is None


@given(log=LOG)
def test_one_transaction_or_many_end_the_same(log: list[Numbered]):
    together = take_all(EMPTY, log, stored={}, source="log")
    lane, stored = EMPTY, dict[int, bytes]()
    for entry in log:
        change = take(lane, entry, stored=stored, source="log")
        lane = change.lane
        stored |= {one.sequence: one.hash for one in change.appended}
    assert together.lane == lane


@given(log=LOG)
def test_catching_up_from_docs_ends_every_gap(log: list[Numbered]):
    lane = take_all(EMPTY, log, stored={}, source="log").lane
    missing = ENTRIES[lane.sequence :]
    caught = take_all(lane, missing, stored={}, source="docs").lane
    settled = settle(caught, docs_head=len(ENTRIES))
    assert (settled.sequence, settled.hash) == (len(ENTRIES), ENTRIES[-1].hash)
    assert settled.behind is None


@given(done=st.integers(1, 7), log=st.lists(st.sampled_from(chain(8, salt="other")), max_size=20))
def test_another_history_never_gets_in(done: int, log: list[Numbered]):
    lane = take_all(EMPTY, ENTRIES[:done], stored={}, source="log").lane
    stored = {one.sequence: one.hash for one in ENTRIES[:done]}
    change = take_all(lane, log, stored=stored, source="log")
    assert change.appended == ()
    assert (change.lane.sequence, change.lane.hash) == (done, ENTRIES[done - 1].hash)
    touched = any(entry.sequence <= done + 1 for entry in log)
    assert bool(change.alarms) == touched


def test_a_foreign_successor_stops_the_lane():
    foreign = chain(2, salt="other")[1]
    change = take_all(EMPTY, [ENTRIES[0], foreign], stored={}, source="log")
    assert change.lane.stopped == f"{Finding.FOREIGN_PREVIOUS} (2)"
    again = take(change.lane, ENTRIES[1], stored={}, source="docs")
    assert again.appended == ()
    assert again.lane.behind == 2


def test_a_foreign_hash_of_an_applied_number_is_an_alarm_and_changes_nothing():
    lane = take(EMPTY, ENTRIES[0], stored={}, source="log").lane
    other = chain(1, salt="other")[0]
    change = take(lane, other, stored={1: ENTRIES[0].hash}, source="log")
    assert change.lane == lane
    (alarm,) = change.alarms
    assert (alarm.finding, alarm.expected) == (Finding.FOREIGN_HASH, ENTRIES[0].hash)


def test_a_broken_record_is_asked_for_at_docs_and_only_docs_stops_the_lane():
    broken = replace(ENTRIES[0], content=b"changed on the way")
    change = take(EMPTY, broken, stored={}, source="log")
    assert (change.lane.behind, change.lane.stopped) == (1, None)
    assert take(change.lane, ENTRIES[0], stored={}, source="docs").appended == (ENTRIES[0],)
    assert take(change.lane, broken, stored={}, source="docs").lane.stopped is not None


def test_every_field_is_under_the_hash():
    entry = ENTRIES[1]
    assert entry.holds()
    for changed in (
        replace(entry, agency=AgencyId(UUID(int=8))),
        replace(entry, lane="urgent"),
        replace(entry, sequence=3),
        replace(entry, previous=GENESIS),
        replace(entry, content=b"2 "),
    ):
        assert not changed.holds()


@given(
    sequence=st.integers(0, 9),
    behind=st.none() | st.integers(1, 9),
    docs_head=st.integers(0, 9),
)
def test_behind_goes_only_when_nothing_can_be_missing(
    sequence: int, behind: int | None, docs_head: int
):
    lane = settle(replace(EMPTY, sequence=sequence, behind=behind), docs_head=docs_head)
    if behind is not None and sequence < behind and sequence < docs_head:
        assert lane.behind == behind
    else:
        assert lane.behind is None


@given(first=st.integers(0, 9), second=st.integers(0, 9), sequence=st.integers(0, 5))
def test_behind_is_the_highest_number_seen(first: int, second: int, sequence: int):
    lane = replace(EMPTY, sequence=sequence)
    raised = raise_behind(raise_behind(lane, first), second)
    highest = max(first, second)
    assert raised.behind == (highest if highest > sequence else None)
