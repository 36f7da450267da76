"""Lets the engine judge a case: the only module of the matrix that knows the engine."""

from services.signing.finding import Finding
from services.signing.validation.file import validate
from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.trust import Trust
from services.signing.verdict import Verdict, judge
from tests.conformance.case import Case, Decision, Expected

_DECISIONS: dict[str, Decision] = {
    "TOTAL-PASSED": "accept",
    "TOTAL-FAILED": "refuse",
    "INDETERMINATE": "hold",
}


def judged(case: Case) -> tuple[Decision, str, str | None, str | None]:
    """Return decision, indication, sub-indication and rule."""
    _, said = examined(case, material(case))
    return _DECISIONS[said.indication], said.validation, said.sub_indication, said.rule


def material(case: Case) -> Material:
    """Return what a case is judged with."""
    return Material(NEWEST.read_bytes(), case.authorities, case.lists, case.answers)


def examined(case: Case, given: Material) -> tuple[Finding, Verdict]:
    """Return what is found in a case's file, and what follows from it."""
    content, signature = (case.file, None) if case.content is None else (case.content, case.file)
    trust = Trust(given)
    found = validate(content, signature, trust, case.at)
    return found, judge(found, case.registered, trust.policy, role=case.role, sender=case.sender)


def as_judged(expected: Expected) -> tuple[Decision, str, str | None, str | None]:
    """Return what `judged` must return."""
    return expected.decision, expected.indication, expected.sub_indication, expected.rule
