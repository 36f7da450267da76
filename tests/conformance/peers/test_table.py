"""The table of agreement: what it counts, and that nothing passes without an explanation."""

from pathlib import Path

import pytest

from tests.conformance.peers.peer import Said, Worst
from tests.conformance.peers.table import Explanation, Row, Vague, agreement, load

_GOOD, _BAD = Said("good", "TOTAL-PASSED"), Said("bad", "TOTAL-FAILED HASH_FAILURE")
_SOFT = Explanation("pdfsig", "bad/good", "RFC 5280", "NSS soft-fails.", case="stale-*")


def _row(case: str, peer: str, theirs: Said) -> Row:
    return (case, "revocation", _BAD, {peer: theirs})


def test_pairs_are_counted_by_dimension_and_peer():
    said = agreement([_row("a", "dss", _BAD), _row("b", "dss", _BAD), _row("c", "dss", _GOOD)], [])
    assert "revocation  dss      bad/bad 2  bad/good 1" in said


def test_a_disagreement_without_explanation_is_counted():
    said = agreement([_row("stale-list", "dss", _GOOD)], [_SOFT])
    assert said.endswith("unexplained=1")
    assert "  stale-list: ours TOTAL-FAILED HASH_FAILURE; dss TOTAL-PASSED (bad/good)" in said


def test_an_explanation_holds_for_its_peer_cases_and_pair_only():
    said = agreement([_row("stale-list", "pdfsig", _GOOD)], [_SOFT])
    assert said.endswith("unexplained=0")
    assert "pdfsig bad/good ×1: NSS soft-fails. [RFC 5280]" in said
    assert agreement([_row("other", "pdfsig", _GOOD)], [_SOFT]).endswith("unexplained=1")
    unknown = Said("unknown", "TRY_LATER")
    assert agreement([_row("stale-list", "pdfsig", unknown)], [_SOFT]).endswith("unexplained=1")


def test_what_is_no_question_for_a_peer_is_no_disagreement():
    said = agreement([_row("a", "pdfsig", Said("not applicable", "reads PDF only"))], [])
    assert said.endswith("unexplained=0")


def test_an_explanation_that_explains_nothing_is_named():
    assert "explains nothing: pdfsig bad/good: NSS soft-fails." in agreement([], [_SOFT])


def test_an_explanation_without_a_clause_is_refused(tmp_path: Path):
    page = tmp_path / "explained.toml"
    page.write_text('[[difference]]\ncase = "*"\n', encoding="utf-8")
    with pytest.raises(Vague, match="clause"):
        load(page)


def test_each_explanation_is_for_one_pair_of_verdicts():
    verdicts = ("good", "bad", "unknown")
    pairs = {f"{ours}/{theirs}" for ours in verdicts for theirs in verdicts if ours != theirs}
    assert load()
    assert {one.pair for one in load()} <= pairs


@pytest.mark.parametrize(
    ("peer", "said"), [("openssl", Said("bad", "revoked")), ("dss", Said("unknown", "TRY_LATER"))]
)
@pytest.mark.parametrize("unit", ["unit", "unit-that-ceased", "unit-that-moved"])
@pytest.mark.parametrize("needed", [True, False])
def test_only_of_a_stamp_that_is_needed_a_retired_unit_is_explained(
    peer: str, said: Said, unit: str, *, needed: bool
):
    case = f"stamps.stamp-of-retired-{unit}{'' if needed else '-not'}-needed.pdf"
    table = agreement([(case, "stamps", _GOOD, {peer: said})])
    assert table.endswith(f"unexplained={0 if needed else 1}")


def test_what_takes_a_revoked_signer_is_not_explained_by_what_lacks_an_answer():
    rows = [("structure.brings-an-answer.pdf", "structure", _BAD, {"openssl": _GOOD})]
    assert agreement(rows).endswith("unexplained=1")


def test_of_several_signatures_the_gravest_tells_and_among_equals_the_first():
    good, odd = Said("good", "1"), Said("not applicable", "2")
    unknown, bad, worse = Said("unknown", "3"), Said("bad", "4"), Said("bad", "5")
    assert Worst([good, unknown, bad, worse]).as_one() == bad
    assert Worst([odd, good, unknown]).as_one() == unknown
    assert Worst([good, good]).as_one() == Said("good", "1; 1")
