"""The report in ETSI's form: names of TS 119 102-2, and no more said than is known."""

import re
from base64 import b64decode
from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.signing.evidence import Incomplete
from services.signing.finding import TOO_HEAVY, Signature
from services.signing.report.etsi import report
from services.signing.verdict import unread as no_answer
from tests.signing.reported import (
    HELD,
    JUDGED_AT,
    POLICY,
    REVOKED,
    SEALED,
    SOUND,
    STAMPED,
    STAMPED_AT,
    evidence,
    unread,
)

MAIN = "urn:etsi:019102:mainindication:"
SUB = "urn:etsi:019102:subindication:"


def parts(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reports on single signatures."""
    return report(stored, POLICY, withdrawn=None)["ValidationReport"]["SignatureValidationReport"]


def status(one: dict[str, Any]) -> tuple[str, list[str]]:
    """Return main indication and sub-indications."""
    said = one["SignatureValidationStatus"]
    return said["MainIndication"], said.get("SubIndication", [])


def constraints(one: dict[str, Any]) -> dict[str, str]:
    """Return what came of the rules: an indication, or why there is none."""
    held = one["ValidationConstraintsEvaluationReport"]["ValidationConstraint"]
    return {
        rule["ValidationConstraintIdentifier"].rsplit(":", 1)[1]: rule.get(
            "ValidationStatus", {"MainIndication": rule["ConstraintStatus"]["Status"]}
        )["MainIndication"].rsplit(":", 1)[1]
        for rule in held
    }


def references(value: object) -> set[str]:
    """Return all ids that something refers to."""
    lists = re.findall(r'"VOReference":\[([^\]]*)\]', orjson.dumps(value).decode())
    return {name for one in lists for name in re.findall(r'"([^"]+)"', one)}


def test_what_passes_is_total_passed_by_every_rule_that_was_applied() -> None:
    for one in parts(evidence(SOUND, SEALED)):
        assert status(one) == (f"{MAIN}total-passed", [])
        held = constraints(one)
        assert list(held) == list(POLICY.rules())
        assert {rule for rule, said in held.items() if said != "passed"} == {
            "certificates.timestamp",
            "time.stamp_untrusted",
        }


@pytest.mark.parametrize(
    ("first", "main", "sub"),
    [
        (REVOKED, "indeterminate", "REVOKED_NO_POE"),
        (HELD, "indeterminate", "TRY_LATER"),
        (
            replace(
                SOUND,
                indication="TOTAL-FAILED",
                sub_indication="HASH_FAILURE",
                rule="signature.digest",
                problem="SIG-4222",
            ),
            "total-failed",
            "HASH_FAILURE",
        ),
    ],
)
def test_each_signature_has_its_own_status(first: Signature, main: str, sub: str) -> None:
    bad, good = parts(evidence(first, SEALED))
    assert status(bad) == (f"{MAIN}{main}", [f"{SUB}{sub}"])
    assert status(good) == (f"{MAIN}total-passed", [])
    held = constraints(bad)
    assert first.rule
    assert held[first.rule] == main.removeprefix("total-")
    rules = list(held)
    assert held["format.coverage"] == "passed"
    assert {held[rule] for rule in rules[rules.index("binding.row") :][:3]} == {"disabled"}


def test_what_is_after_the_first_failure_is_not_claimed() -> None:
    weak = replace(
        SOUND,
        indication="INDETERMINATE",
        sub_indication="CRYPTO_CONSTRAINTS_FAILURE",
        rule="algorithms.curves",
        problem="SIG-4229",
    )
    held = constraints(parts(evidence(weak))[0])
    passed = {rule for rule, said in held.items() if said == "passed"}
    assert passed == {"limits.heavy", "format.pdf", "format.coverage"}
    assert held["algorithms.curves"] == "indeterminate"


def test_what_the_whole_lacks_counts_for_its_signatures() -> None:
    (one,) = parts(evidence(SOUND))
    assert status(one) == (f"{MAIN}indeterminate", [f"{SUB}SIG_CONSTRAINTS_FAILURE"])
    assert constraints(one)["order.complete"] == "indeterminate"
    data = one["SignatureValidationStatus"]["AssociatedValidationReportData"][0]
    told = {
        item["Type"].rsplit(":", 1)[1]: item["Value"]
        for item in data["AdditionalValidationReportData"]["ReportData"]
    }
    assert told["decision"] == "TOTAL-FAILED"
    assert told["document-problem"] == "SIG-4226"


def test_the_best_time_is_the_earliest_stamp_or_the_moment_that_was_judged() -> None:
    stamped, plain = parts(evidence(STAMPED, SEALED))
    assert stamped["ValidationTimeInfo"] == {
        "ValidationTime": JUDGED_AT,
        "BestSignatureTime": {
            "POETime": STAMPED_AT,
            "TypeOfProof": "urn:etsi:019102:poetype:validation",
            "POEObject": {"VOReference": ["T-1-2"]},
        },
    }
    assert plain["ValidationTimeInfo"]["BestSignatureTime"]["POETime"] == JUDGED_AT
    assert stamped["SignatureAttributes"]["SigningTime"]["Time"] == SOUND.claimed_at
    assert constraints(stamped)["time.stamp_untrusted"] == "passed"


def test_all_that_is_referred_to_is_there_by_its_digest() -> None:
    stored = evidence(STAMPED, SEALED)
    whole = report(stored, POLICY, withdrawn=None)["ValidationReport"]
    objects = whole["SignatureValidationObjects"]["ValidationObject"]
    names = [one["id"] for one in objects]
    signatures = [one["SignatureIdentifier"]["id"] for one in parts(stored)]
    assert len(set(names)) == len(names)
    assert references(whole) <= {*names, *signatures}
    kinds = {one["ObjectType"].rsplit(":", 1)[1] for one in objects}
    assert kinds == {"certificate", "CRL", "OCSPResponse", "timestamp", "signedData", "other"}
    listed = {
        b64decode(one["ValidationObjectRepresentation"]["DigestAlgAndValue"]["DigestValue"]).hex()
        for one in objects
        if "DigestAlgAndValue" in one["ValidationObjectRepresentation"]
    }
    assert {SOUND.certificate, SEALED.certificate, POLICY.sha256} < listed
    assert stored["subject"]["sha256"] in listed


def test_a_revocation_is_told_with_time_and_reason() -> None:
    data = parts(evidence(REVOKED))[0]["SignatureValidationStatus"]
    told = data["AssociatedValidationReportData"][0]["RevocationStatusInformation"]
    assert told["RevocationTime"] == "2026-11-20T17:00:00Z"
    assert told["RevocationReason"] == "urn:etsi:019102:revocationReason:keyCompromise"


@pytest.mark.parametrize(
    ("first", "before", "after", "sub"),
    [
        (SOUND, "total-passed", "indeterminate", "SIG_CONSTRAINTS_FAILURE"),
        (REVOKED, "indeterminate", "indeterminate", "REVOKED_NO_POE"),
    ],
)
def test_what_was_withdrawn_is_not_said_to_have_passed(
    first: Signature, before: str, after: str, sub: str
) -> None:
    stored = evidence(first, SEALED)
    assert status(parts(stored)[0])[0] == f"{MAIN}{before}"
    whole = report(stored, POLICY, withdrawn="SIG-4225")["ValidationReport"]
    one, sealed = whole["SignatureValidationReport"]
    assert status(one) == (f"{MAIN}{after}", [f"{SUB}{sub}"])
    assert status(sealed) == (f"{MAIN}indeterminate", [f"{SUB}SIG_CONSTRAINTS_FAILURE"])
    for each in (one, sealed):
        (data,) = each["SignatureValidationStatus"]["AssociatedValidationReportData"]
        told = data["AdditionalValidationReportData"]["ReportData"]
        assert told[0] == {"Type": "urn:lienthong:signing:withdrawn", "Value": "SIG-4225"}
        facts = {one["Type"].removeprefix("urn:lienthong:signing:"): one["Value"] for one in told}
        assert facts["decision-before"] == stored["verdict"]["indication"]
        assert "decision" not in facts
    assert "withdrawn" not in str(report(stored, POLICY, withdrawn=None))
    empty = unread(no_answer(TOO_HEAVY, "time", final=True))
    assert "SIG-4225" in str(report(empty, POLICY, withdrawn="SIG-4225"))


def test_the_software_is_that_which_judged_not_todays() -> None:
    stored = evidence(SOUND, SEALED)
    validator = report(stored, POLICY, withdrawn=None)["ValidationReport"]["SignatureValidator"]
    assert validator["OtherInformation"] == {
        "Name": "lienthong",
        "Version": "unknown",
        "Libraries": {"pyHanko": "0.38.0"},
    }
    stored["finding"]["libraries"]["lienthong"] = "0.0.7"
    validator = report(stored, POLICY, withdrawn=None)["ValidationReport"]["SignatureValidator"]
    assert validator["OtherInformation"]["Version"] == "0.0.7"
    assert validator["OtherInformation"]["Libraries"] == {"pyHanko": "0.38.0"}


@pytest.mark.parametrize("final", [True, False])
def test_a_file_without_an_answer_is_reported_on_by_itself(*, final: bool) -> None:
    (one,) = parts(unread(no_answer(TOO_HEAVY, "time", final=final)))
    assert status(one) == (f"{MAIN}indeterminate", [f"{SUB}TRY_LATER"])
    assert "SignatureIdentifier" not in one
    assert "ValidationTimeInfo" not in one


def test_evidence_that_is_not_one_is_refused() -> None:
    good = evidence(SOUND, SEALED)
    other = {**good, "finding": {**good["finding"], "policy_sha256": "0" * 64}}
    subject = {**good, "subject": {**good["subject"], "sha256": "../../x"}}
    for bad in ({}, {**good, "schema": "lienthong/verdict/1"}, other, subject):
        with pytest.raises(Incomplete):
            report(bad, POLICY, withdrawn=None)
