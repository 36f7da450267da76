"""The whole matrix against the engine, and a part of it repeated from evidence alone."""

import logging

import pytest

from tests.conformance.__main__ import Tally
from tests.conformance.expected import expected
from tests.conformance.matrix import matrix
from tests.conformance.replay import repeater, stored

_EVERY = 7
"""One case in so many is repeated here; `make conformance REPLAY=1` repeats all."""


@pytest.mark.timeout(900)
def test_every_case_comes_out_as_it_is_written() -> None:
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    page, tally = expected(), Tally()
    for case in matrix():
        tally.count(case, page[case.name])
    assert tally.differences == []
    assert tally.cases >= 300


@pytest.mark.timeout(900)
def test_verdicts_are_repeated_without_network_and_database() -> None:
    with repeater() as other:
        for number, case in enumerate(matrix()):
            if number % _EVERY == 0:
                assert other.differences(stored(case)) == (), case.name
