"""The matrix is whole: cases and rows match, and nothing that the policy refuses is left out."""

from collections import Counter
from functools import cache
from typing import get_args

import pytest

from services.signing.validation.policy import NEWEST, load
from tests.conformance.case import Case, Dimension, Form
from tests.conformance.expected import expected
from tests.conformance.matrix import matrix

_REFUSE_NOTHING = {
    "certificates.seal": "a signer that fits neither kind is told as certificates.leader",
    "certificates.timestamp": "a stamp that does not meet it is treated as none",
    "time.stamp_missing": "says only which time counts",
    "time.stamp_untrusted": "a stamp that does not meet it is treated as none",
}


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(matrix())


def test_every_case_has_one_row_and_every_row_one_case():
    names = Counter(case.name for case in _cases())
    assert [name for name, times in names.items() if times > 1] == []
    assert set(names) == set(expected())


def test_there_are_enough_cases_good_ones_among_them():
    page = expected()
    good = sum(row.decision == "accept" for row in page.values())
    assert len(page) >= 300
    assert good >= len(page) / 4


def test_every_dimension_and_both_forms_occur():
    assert {case.dimension for case in _cases()} == set(get_args(Dimension))
    assert {case.form for case in _cases()} == set(get_args(Form))
    for case in _cases():
        assert case.name.startswith(f"{case.dimension}.")
        assert case.name.endswith(f".{case.form}")
        assert (case.content is None) == (case.form == "pdf")


def test_every_dimension_has_good_and_bad_files():
    found = {(name.split(".")[0], row.decision == "accept") for name, row in expected().items()}
    assert found == {(name, good) for name in get_args(Dimension) for good in (True, False)}


def test_every_rule_that_can_refuse_occurs():
    rules = set(load(NEWEST.read_bytes()).rules())
    assert {row.rule for row in expected().values()} - {None} == rules - set(_REFUSE_NOTHING)


@pytest.mark.parametrize("decision", ["accept", "refuse", "hold"])
def test_a_decision_goes_with_its_indication(decision: str):
    for name, row in expected().items():
        if row.decision != decision:
            continue
        assert (row.indication == "TOTAL-PASSED") == (decision == "accept"), name
        known = row.rule in ("revocation.known", "revocation.fresh")
        held = known and row.sub_indication == "TRY_LATER"
        assert held == (decision == "hold"), name
        assert (row.rule is None) == (row.sub_indication is None) == (decision == "accept"), name
        assert row.clause, name


def test_no_two_files_are_the_same_case():
    seen = {
        (
            case.file,
            case.content,
            case.at,
            case.authorities,
            case.lists,
            case.answers,
            tuple(case.registered.values()),
            case.role,
        )
        for case in _cases()
    }
    assert len(seen) == len(_cases())
