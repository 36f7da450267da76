"""The table of agreement: what it counts, and that nothing passes without an explanation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.peers.peer import Said, Worst
from tests.conformance.peers.table import Explanation, Row, Vague, agreement, load

_GOOD, _BAD = Said("good", "TOTAL-PASSED"), Said("bad", "TOTAL-FAILED HASH_FAILURE")
_SOFT = Explanation("pdfsig", "bad/good", "RFC 5280", "NSS soft-fails.", case="stale-*")


def agreed(rows: Sequence[Row], explanations: Sequence[Explanation] | None = None) -> str:
    """Return the table."""
    return agreement(rows, explanations).text


def _row(case: str, peer: str, theirs: Said) -> Row:
    return (case, "revocation", _BAD, {peer: theirs})


def test_pairs_are_counted_by_dimension_and_peer():
    said = agreed([_row("a", "dss", _BAD), _row("b", "dss", _BAD), _row("c", "dss", _GOOD)], [])
    assert "revocation  dss      bad/bad 2  bad/good 1" in said


def test_a_disagreement_without_explanation_is_counted():
    said = agreed([_row("stale-list", "dss", _GOOD)], [_SOFT])
    assert said.endswith("unexplained=1")
    assert "  stale-list: ours TOTAL-FAILED HASH_FAILURE; dss TOTAL-PASSED (bad/good)" in said


def test_an_explanation_holds_for_its_peer_cases_and_pair_only():
    said = agreed([_row("stale-list", "pdfsig", _GOOD)], [_SOFT])
    assert said.endswith("unexplained=0")
    assert "pdfsig bad/good ×1: NSS soft-fails. [RFC 5280]" in said
    assert agreed([_row("other", "pdfsig", _GOOD)], [_SOFT]).endswith("unexplained=1")
    unknown = Said("unknown", "TRY_LATER")
    assert agreed([_row("stale-list", "pdfsig", unknown)], [_SOFT]).endswith("unexplained=1")


def test_what_is_no_question_for_a_peer_is_no_disagreement():
    said = agreed([_row("a", "pdfsig", Said("not applicable", "reads PDF only"))], [])
    assert said.endswith("unexplained=0")


def test_an_explanation_that_explains_nothing_is_named_and_counted():
    assert "explains nothing: pdfsig bad/good: NSS soft-fails." in agreed([], [_SOFT])
    assert agreement([], [_SOFT]).idle == 1
    assert agreement([_row("stale-list", "pdfsig", _GOOD)], [_SOFT]).idle == 0
    assert agreement([], [replace(_SOFT, varies="By chance.")]).idle == 0


def test_an_explanation_without_a_clause_is_refused(tmp_path: Path):
    page = tmp_path / "explained.toml"
    page.write_text('[[difference]]\ncase = "*"\n', encoding="utf-8")
    with pytest.raises(Vague, match="clause"):
        load(page)


@pytest.mark.parametrize(
    "lines",
    [
        'peer = "pdfsig"\ntheirs = "Certificate *"\ndimension = "stamps"',
        'peer = "pdfsig"\ntheirs = "Certificate has Expired"',
        'peer = "pdfsig"\ntheirs = "Certificate has Expired"\ncase = "*.pdf"',
        'peer = "pdfsig"\ntheirs = "Certificate has Expired"\ncase = ["stamps.one.pdf", "*"]',
        'peer = "pdfsig"\ntheirs = ["Certificate has Expired", "*"]\ncase = "stamps.one.pdf"',
        'peer = "pdfsig"\ncase = "stamps.one.pdf"',
        'peer = "*"\ntheirs = "Certificate has Expired"\ncase = "stamps.one.pdf"',
    ],
)
def test_that_a_peer_refuses_what_we_accept_is_not_explained_at_large(lines: str, tmp_path: Path):
    page = tmp_path / "explained.toml"
    said = 'pair = "good/bad"\nclause = "RFC 5280"\nwhy = "It is so."\n'
    page.write_text(f"[[difference]]\n{said}{lines}\n", encoding="utf-8")
    with pytest.raises(Vague, match="exact words"):
        load(page)


_CHAIN = "INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE (BBB_XCV_SUB_ANS, BBB_XCV_IARDPFC_ANS"


@pytest.mark.parametrize(
    ("peer", "theirs"),
    [
        ("pdfsig", Said("bad", "Certificate has been Revoked.")),
        ("pdfsig", Said("bad", "Certificate issuer isn't Trusted.")),
        ("pdfsig", Said("bad", "Certificate has Expired")),
        ("pdfsig", Said("bad", "Certificate issuer is unknown.")),
        ("pdfsig", Said("bad", "Not total document signed")),
        ("openssl", Said("bad", "certificate revoked")),
        ("openssl", Said("bad", "certificate has expired")),
        ("openssl", Said("unknown", "unable to get certificate CRL")),
        ("dss", Said("unknown", f"{_CHAIN}, BBB_XCV_REVOC_AFTER_CERT_NOT_BEFORE_ANS)")),
        ("dss", Said("unknown", f"{_CHAIN}, BBB_XCV_REVOC_HAS_CERT_INFO_ANS)")),
        ("dss", Said("unknown", "INDETERMINATE TRY_LATER (BBB_XCV_SUB_ANS, BBB_RFC_IRIF_ANS)")),
        ("dss", Said("bad", "TOTAL_FAILED HASH_FAILURE (BBB_CV_IRDOI_ANS)")),
    ],
    ids=lambda one: one if isinstance(one, str) else one.words[-40:],
)
@pytest.mark.parametrize(
    "case",
    [
        "chain.two-tiers.pdf",
        "revocation.list-fresh.pdf",
        "validity.in-the-middle.pdf",
        "stamps.stamp-not-needed.pdf",
        "structure.plain.pdf",
        "changes.two-signatures.pdf",
        "usage.commitment.pdf",
        "moment.now.pdf",
    ],
)
def test_that_a_peer_refuses_a_plain_good_case_is_not_explained(peer: str, theirs: Said, case: str):
    good = Said("good", "TOTAL-PASSED")
    assert agreement([(case, case.split(".", 1)[0], good, {peer: theirs})]).unexplained == 1


@pytest.mark.parametrize(
    ("case", "peer", "theirs"),
    [
        ("stamps.stamp-needed.pdf", "pdfsig", "Certificate has been Revoked."),
        ("revocation.revoked-since-the-stamp.pdf", "pdfsig", "Certificate issuer isn't Trusted."),
        ("changes.archive-twice.pdf", "pdfsig", "Certificate has Expired"),
        ("chain.anchor-below-a-root.pdf", "openssl", "certificate revoked"),
        ("validity.begins-now.pdf", "dss", f"{_CHAIN}, BBB_XCV_ISCUKN_ANS)"),
    ],
)
def test_another_word_of_a_peer_on_a_case_that_is_explained_is_not_explained(
    case: str, peer: str, theirs: str
):
    good = Said("good", "TOTAL-PASSED")
    for verdict in ("bad", "unknown"):
        row = (case, case.split(".", 1)[0], good, {peer: Said(verdict, theirs)})
        assert agreement([row]).unexplained == 1


def test_each_explanation_is_for_one_pair_of_verdicts():
    verdicts = ("good", "bad", "unknown")
    pairs = {f"{ours}/{theirs}" for ours in verdicts for theirs in verdicts if ours != theirs}
    assert load()
    assert {one.pair for one in load()} <= pairs


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ("openssl", Said("bad", "certificate has expired")),
        (
            "dss",
            Said(
                "unknown",
                "INDETERMINATE TRY_LATER (BBB_XCV_SUB_ANS, BBB_RFC_IRIF_ANS, ARCH_LTAIVMP_ANS)",
            ),
        ),
    ],
)
@pytest.mark.parametrize("unit", ["unit", "unit-that-ceased", "unit-that-moved"])
@pytest.mark.parametrize("needed", [True, False])
def test_only_of_a_stamp_that_is_needed_a_retired_unit_is_explained(
    peer: str, said: Said, unit: str, *, needed: bool
):
    case = f"stamps.stamp-of-retired-{unit}{'' if needed else '-not'}-needed.pdf"
    table = agreed([(case, "stamps", _GOOD, {peer: said})])
    assert table.endswith(f"unexplained={0 if needed else 1}")


def test_what_takes_a_revoked_signer_is_not_explained_by_what_lacks_an_answer():
    rows = [("structure.brings-an-answer.pdf", "structure", _BAD, {"openssl": _GOOD})]
    assert agreed(rows).endswith("unexplained=1")


def test_of_several_signatures_the_gravest_tells_and_among_equals_the_first():
    good, odd = Said("good", "1"), Said("not applicable", "2")
    unknown, bad, worse = Said("unknown", "3"), Said("bad", "4"), Said("bad", "5")
    assert Worst([good, unknown, bad, worse]).as_one() == bad
    assert Worst([odd, good, unknown]).as_one() == unknown
    assert Worst([good, good]).as_one() == Said("good", "1; 1")
