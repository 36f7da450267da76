"""What a lapsed certificate has signed has to be refused, and is counted when it is delivered."""

from tests.proof.checker import check
from tests.proof.planting import clean, lapsed


def test_what_a_lapsed_certificate_has_signed_is_counted_when_it_is_there() -> None:
    history = clean()
    lapsed(there=True)(history)
    counts = check(history)
    assert (counts.phantom, counts.clean) == (1, False), counts.findings


def test_what_a_lapsed_certificate_has_signed_is_refused_and_that_is_no_fault() -> None:
    history = clean()
    lapsed(there=False)(history)
    counts = check(history)
    assert counts.clean, counts.findings
    assert (counts.refused, counts.held) == (0, 0)
