"""What counts as telling foreign from absent, and as showing what is others'."""

import random
from collections.abc import Mapping

import pytest

from tests.proof.access.answers import Answer
from tests.proof.access.matrix import Findings
from tests.proof.access.timing import Timed, judge

_TRACE = "0123456789abcdef0123456789abcdef"
_HEADERS = {"Content-Length": "9", "Date": "now", "Trace-Id": _TRACE}


def _answer(
    status: int = 404, body: bytes = b"", *, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(status, {**_HEADERS, **(headers or {})}, body, 0.0)


def test_ids_that_were_asked_for_traces_and_dates_make_no_difference():
    one = _answer(body=b"no id-1, " + _TRACE.encode()).told(["id-1"])
    other = _answer(body=b"no id-2, " + _TRACE[::-1].encode(), headers={"Date": "later"}).told(
        ["id-2"]
    )
    assert one == other


@pytest.mark.parametrize(
    "other",
    [
        _answer(403),
        _answer(body=b"another text"),
        _answer(headers={"ETag": '"2"'}),
        _answer(headers={"Content-Length": "10"}),
    ],
    ids=["status", "body", "header", "length"],
)
def test_anything_else_does(other: Answer):
    assert _answer().told([]) != other.told([])


def test_words_of_others_are_found_in_bodies_and_headers_unless_asked_for():
    shown = _answer(body=b'{"subject": "secret"}', headers={"Link": "<id-7>"})
    assert set(shown.shows(["secret", "id-7", "id-8"], [])) == {"secret", "id-7"}
    assert shown.shows(["id-7"], ["id-7"]) == []


def test_findings_are_counted_and_named():
    found = Findings()
    found.read("GET /x", ["secret"])
    found.leak("GET /y", "404", "403")
    assert (found.foreign_reads, found.existence_leaks, len(found.faults)) == (1, 1, 2)


def test_times_that_differ_are_told_apart_and_equal_ones_are_not():
    dice = random.Random(7)  # noqa: S311 (a sample)
    nothing = [dice.gauss(10, 1) for _ in range(60)]
    same = [dice.gauss(10, 1) for _ in range(60)]
    slower = [dice.gauss(12, 1) for _ in range(60)]
    assert Timed("same", same, nothing).deviations < 3
    assert Timed("slower", slower, nothing).deviations > 6
    assert Timed("slower", slower, nothing).told_apart > 0.8


def test_what_is_asked_again_is_no_other_pair():
    found = Findings()
    for _ in range(3):
        found.ask("GET /x", "docs", "foreign sender, child", "sender")
    found.ask("GET /x", "gateway", "foreign sender, child", "sender")
    assert (found.requests, found.pairs) == (4, 2)


def test_times_that_are_apart_twice_are_a_leak_and_once_are_none():
    nothing, far = [float(n) for n in range(60)], [float(n) for n in range(100, 160)]
    once, twice = Findings(), Findings()
    assert judge([Timed("x", far, nothing), Timed("x", nothing, nothing)], once).deviations < 1
    judge([Timed("x", far, nothing), Timed("x", far, nothing)], twice)
    assert (once.existence_leaks, twice.existence_leaks) == (0, 1)
