"""Lets the engine judge a case: the only module of the matrix that knows the engine."""

from services.signing.finding import Finding
from services.signing.validation.cades import validate_detached
from services.signing.validation.material import Material
from services.signing.validation.pades import validate_pdf
from services.signing.validation.policy import NEWEST
from services.signing.validation.trust import Trust
from services.signing.verdict import judge
from tests.conformance.case import Case, Decision, Expected

_DECISIONS: dict[str, Decision] = {
    "TOTAL-PASSED": "accept",
    "TOTAL-FAILED": "refuse",
    "INDETERMINATE": "hold",
}


def judged(case: Case) -> tuple[Decision, str, str | None, str | None]:
    """Return decision, indication, sub-indication and rule."""
    known = Material(NEWEST.read_bytes(), case.authorities, case.lists, case.answers)
    found = _finding(case, Trust(known))
    said = judge(found, case.registered, role=case.role, sender=case.sender)
    return _DECISIONS[said.indication], said.validation, said.sub_indication, said.rule


def _finding(case: Case, trust: Trust) -> Finding:
    if case.content is None:
        return validate_pdf(case.file, trust, case.at)
    return validate_detached(case.content, case.file, trust, case.at)


def as_judged(expected: Expected) -> tuple[Decision, str, str | None, str | None]:
    """Return what `judged` must return."""
    return expected.decision, expected.indication, expected.sub_indication, expected.rule
