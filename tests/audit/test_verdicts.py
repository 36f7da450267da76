"""Withdrawals of docs and of signing, without any database."""

from typing import Any
from uuid import UUID

import pytest

from infra.audit.finding import Books
from infra.audit.verdicts import check_verdicts, weigh

DISPATCH, SENDER, DOCUMENT = UUID(int=1), UUID(int=2), UUID(int=3)
FILE = "a" * 64


def case(
    *, ours: list[int], theirs: list[int], bad: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Return a dispatch of which docs and signing know these withdrawals, by judgement."""
    judged = [{"sha256": FILE, "judgement": 2, "indication": "TOTAL-FAILED"}] if bad else []
    return {
        "docs_verdict": [{**one, "reason": "SIG-4222"} for one in judged],
        "verdict": [],
        "examination": [],
        "resting": [{"sha256": FILE, "judgement": 1, "certificate": "c"} for _ in theirs],
        "docs_withdrawal": [{"judgement": number, "reason": "SIG-4225"} for number in ours],
        "withdrawal": [
            {
                "judgement": number,
                "reason": "SIG-4225",
                "certificate": "c",
                "state": "revoked",
                "document": DOCUMENT,
                "sender": SENDER,
            }
            for number in theirs
        ],
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "bad", "wrong"),
    [
        ([1], [1], False, False),
        ([], [1], False, True),
        ([1], [], False, True),
        ([0], [], True, False),
        ([0], [], False, True),
        ([0], [1], False, True),
        ([0], [1], True, False),
        ([2], [1], False, True),
    ],
)
def test_a_withdrawal_is_known_to_both_or_is_docs_own(
    ours: list[int], theirs: list[int], *, bad: bool, wrong: bool
) -> None:
    one = case(ours=ours, theirs=theirs, bad=bad)
    found = [finding.what for finding in check_verdicts("d", one, Books({}))]
    said = [what for what in found if what != "is not at signing" and "resting" not in what]
    # That no verdict stands behind a certificate is another finding, made on purpose here.
    said = [what for what in said if "rests on a certificate" not in what]
    assert bool(said) == wrong, said


def test_judgements_come_to_what_docs_decides() -> None:
    files = [{"sha256": FILE}]
    good = {"sha256": FILE, "indication": "TOTAL-PASSED", "reason": None}
    bad = {"sha256": FILE, "indication": "TOTAL-FAILED", "reason": "SIG-4222"}
    other = {"sha256": "b" * 64, "indication": "TOTAL-FAILED", "reason": "SIG-4222"}
    assert weigh(files, [], []) == (None, set())
    assert weigh(files, [good, other], []) == ("good", set())
    assert weigh(files, [good, bad], []) == ("bad", {"SIG-4222"})
    assert weigh(files, [good], [{"reason": "SIG-4225"}]) == ("withdrawn", {"SIG-4225"})
