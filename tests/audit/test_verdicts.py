"""Withdrawals of docs and of signing, without any database."""

import hashlib
import json
from datetime import UTC, datetime
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
        "docs_verdict": [
            {**one, "reason": "SIG-4222", "told_reason": "SIG-4222"} for one in judged
        ],
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
    good = {"sha256": FILE, "indication": "TOTAL-PASSED", "reason": None, "told_reason": None}
    failed = {"indication": "TOTAL-FAILED", "reason": "SIG-4222", "told_reason": "SIG-4222"}
    bad, other = {"sha256": FILE, **failed}, {"sha256": "b" * 64, **failed}
    assert weigh(files, [], []) == (None, set())
    assert weigh(files, [good, other], []) == ("good", set())
    assert weigh(files, [good, bad], []) == ("bad", {"SIG-4222"})
    assert weigh(files, [good], [{"reason": "SIG-4225"}]) == ("withdrawn", {"SIG-4225"})


def test_a_refusal_may_have_the_reason_of_before_it_was_judged_again() -> None:
    again = {"indication": "TOTAL-FAILED", "reason": "SIG-4221", "told_reason": "SIG-4222"}
    found = weigh([{"sha256": FILE}], [{"sha256": FILE, **again}], [])
    assert found == ("bad", {"SIG-4221", "SIG-4222"})


def judged(*, leans: bool, unit: dict[str, Any] | None = None) -> bytes:
    """Return evidence of a seal with several time stamps; `unit`: what is said of its unit."""
    stamps: list[dict[str, Any]] = [
        {"made_at": "2026-02-01T00:00:00+00:00", "chain": ["late"]},
        {"made_at": "2026-01-01T00:00:00+00:00", "chain": ["root", "tsa"]},
        {"made_at": None, "chain": []},
    ]
    seal: dict[str, Any] = {"certificate": "seal", "chain": ["root", "seal"], "stamps": stamps}
    evidence = {
        "subject": {"dispatch_id": str(DISPATCH), "sha256": FILE, "sender_id": str(SENDER)},
        "verdict": {"indication": "TOTAL-PASSED", "reason": None},
        "registered": [
            {"sha256": "root"},
            {"sha256": "seal"},
            {"sha256": "tsa", **(unit or {})},
        ],
        "finding": {"signatures": [{**seal, "leans": leans}]},
        "material": None,
    }
    return json.dumps(evidence).encode()


def proved(
    *,
    leans: bool,
    unit: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401 (columns)
) -> list[str]:
    """Return what is found at a verdict whose signature leans on a time stamp, or not."""
    evidence = judged(leans=leans, unit=unit)
    rests = ["root", "seal", "tsa"] if leans else ["root", "seal"]
    row = {
        "dispatch": DISPATCH,
        "sha256": FILE,
        "sender": SENDER,
        "judgement": 1,
        "indication": "TOTAL-PASSED",
        "reason": None,
        "evidence": evidence,
        "evidence_sha256": hashlib.sha256(evidence).hexdigest(),
        "certificates": rests,
        "proved": [datetime(2026, 1, 1, tzinfo=UTC) if one == "seal" else None for one in rests],
        "proved_by": ["root tsa" if one == "seal" else "" for one in rests],
        "signature": None,
        **changed,
    }
    one = {**case(ours=[], theirs=[]), "verdict": [row]}
    found = [finding.what for finding in check_verdicts("d", one, Books({}))]
    return [what for what in found if "time stamps" in what or "does not rest" in what]


@pytest.mark.parametrize("leans", [True, False])
def test_a_verdict_is_proved_by_what_its_evidence_names(*, leans: bool) -> None:
    assert proved(leans=leans) == []
    assert proved(leans=leans, proved_by=[""] * (2 + leans))
    assert proved(leans=leans, proved=[None] * (2 + leans))
    assert proved(leans=leans, certificates=["seal"])


def test_a_time_stamp_is_rested_on_where_a_signature_leans_on_it() -> None:
    usual = ["root", "seal"]
    stamped = [None, datetime(2026, 1, 1, tzinfo=UTC)]
    less: dict[str, Any] = {"certificates": usual, "proved": stamped, "proved_by": ["", "root tsa"]}
    assert proved(leans=True, **less)
    assert not proved(leans=False, **less)


def test_a_unit_that_a_signature_leans_on_is_proved_by_its_own_word() -> None:
    unit = {"kind": "timestamp", "retired": False}
    made = datetime(2026, 1, 1, tzinfo=UTC)
    its_own: dict[str, Any] = {"proved": [None, made, made], "proved_by": ["", "root tsa", ""]}
    assert proved(leans=True, unit=unit), "the row does not say until when it stamped"
    assert not proved(leans=True, unit=unit, **its_own)
    assert proved(leans=True, **its_own), "of what is no unit nothing is proved so"
    before = {"kind": "timestamp"}
    assert not proved(leans=True, unit=before), "software that knew of no units"
    assert not proved(leans=False, unit=unit)
