"""Cursors say the same after a round trip, and strangers' texts are refused."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.cursor import (
    LONGEST,
    EventCursor,
    Unreadable,
    event_cursor,
    lane_cursor,
    mark,
    read_event_cursor,
    read_lane_cursor,
)
from services.notify.mailbox import LaneKey
from shared.chain import LANES
from shared.ids import AgencyId, uuid7

AGENCIES = st.uuids().map(AgencyId)
NUMBERS = st.integers(1, (1 << 62) - 1)


@given(epoch=st.uuids(), numbers=st.dictionaries(AGENCIES, NUMBERS, max_size=5))
def test_an_event_cursor_comes_back(epoch: UUID, numbers: dict[AgencyId, int]):
    agencies = list(numbers) or [AgencyId(UUID(int=1))]
    text = event_cursor(EventCursor(epoch, numbers), agencies=agencies)
    read = read_event_cursor(text, agencies=agencies)
    assert read.epoch == epoch
    assert {one: number for one, number in read.numbers.items() if number} == numbers


@given(numbers=st.dictionaries(st.tuples(AGENCIES, st.sampled_from(LANES)), NUMBERS, max_size=5))
def test_a_lane_cursor_comes_back(numbers: dict[LaneKey, int]):
    marked = {mark(key): number for key, number in numbers.items()}
    assert read_lane_cursor(lane_cursor(marked)) == marked


def test_the_longest_cursor_that_is_handed_out_is_taken_back():
    # A token's 200 agencies, each with fourteen that it succeeds, all lanes far along.
    agencies = [AgencyId(uuid7()) for _ in range(200 * 15)]
    lanes = {mark((agency, lane)): 1_000_000 for agency in agencies for lane in LANES}
    assert len(lane_cursor(lanes)) <= LONGEST < 1 << 16
    events = EventCursor(UUID(int=9), dict.fromkeys(agencies, 1_000_000))
    assert len(event_cursor(events, agencies=agencies)) <= LONGEST


def test_a_cursor_of_a_full_token_fits_common_urls():
    agencies = [AgencyId(uuid7()) for _ in range(200)]
    lanes = {mark((agency, lane)): 20_000 for agency in agencies for lane in LANES}
    assert len(lane_cursor(lanes)) < 4_096


def test_one_agency_reads_its_cursor_in_the_clear():
    agency, epoch = AgencyId(UUID(int=5)), UUID(int=9)
    assert event_cursor(EventCursor(epoch, {agency: 3}), agencies=[agency]) == f"{epoch}.3"


def test_a_cursor_keeps_its_place_when_an_agency_is_added():
    first, second = AgencyId(UUID(int=5)), AgencyId(UUID(int=6))
    text = event_cursor(EventCursor(UUID(int=9), {first: 3}), agencies=[first])
    assert read_event_cursor(text, agencies=[first, second]).numbers == {first: 3}


@given(text=st.text(max_size=60))
def test_other_texts_are_read_or_refused_and_nothing_else(text: str):
    for read in (
        lambda: read_lane_cursor(text),
        lambda: read_event_cursor(text, agencies=[AgencyId(UUID(int=1))]),
    ):
        try:
            read()
        except Unreadable:
            continue


@pytest.mark.parametrize(
    "text", ["x", "abc.1", f"{UUID(int=1)}.-1", f"{UUID(int=1)}.1e3", "====", "é"]
)
def test_odd_texts_are_refused(text: str):
    with pytest.raises(Unreadable):
        read_event_cursor(text, agencies=[AgencyId(UUID(int=1))])
