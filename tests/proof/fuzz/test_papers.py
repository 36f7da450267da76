"""What a changed letter may come to."""

from pathlib import Path

from tests.proof.fuzz.papers import judge, judge_word
from tests.proof.fuzz.tally import Shot, Tally

_SHOT = Shot("pdf", "flip", "gateway", b"PUT")


def test_a_changed_letter_that_is_refused_is_as_it_should_be(tmp_path: Path):
    tally = Tally(tmp_path, 1)
    judge(tally, _SHOT, {"state": "refused", "verdicts": []})
    assert tally.good()
    assert not [*tmp_path.iterdir()]


def test_a_changed_letter_that_is_cleared_fails_the_run_and_is_kept(tmp_path: Path):
    tally = Tally(tmp_path, 1)
    judge(tally, _SHOT, {"state": "cleared", "verdicts": []})
    assert not tally.good()
    assert b"PUT" in {file.read_bytes() for file in tmp_path.glob("*.request")}


def test_signatures_that_are_said_to_hold_after_a_change_fail_the_run(tmp_path: Path):
    tally = Tally(tmp_path, 1)
    judge_word(tally, _SHOT, {"indication": "INDETERMINATE"})
    assert tally.good()
    judge_word(tally, _SHOT, {"indication": "TOTAL-PASSED"})
    assert not tally.good()
