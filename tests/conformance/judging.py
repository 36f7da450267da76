"""Lets the engine judge a case: the only module of the matrix that knows the engine."""

from importlib import import_module
from typing import Any

from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from tests.conformance.case import Case, Decision, Expected

_HOLDS = ("revocation.known", "revocation.fresh")


def judged(case: Case) -> tuple[Decision, str, str | None, str | None]:
    """Return decision, indication, sub-indication and rule."""
    trust: Any = import_module("services.signing.validation.trust")
    verdict: Any = import_module("services.signing.verdict")
    known = Material(NEWEST.read_bytes(), case.authorities, case.lists, case.answers)
    found = _finding(case, trust.Trust(known))
    said = verdict.judge(found, case.registered, role=case.role, sender=case.sender)
    if said.indication == "TOTAL-PASSED":
        return "accept", said.indication, None, None
    decision: Decision = "hold" if said.rule in _HOLDS else "refuse"
    return decision, said.indication, said.sub_indication, said.rule


def _finding(case: Case, trust: Any) -> Any:  # noqa: ANN401
    if case.content is None:
        pades: Any = import_module("services.signing.validation.pades")
        return pades.validate_pdf(case.file, trust, case.at)
    cades: Any = import_module("services.signing.validation.cades")
    return cades.validate_detached(case.content, case.file, trust, case.at)


def as_judged(expected: Expected) -> tuple[Decision, str, str | None, str | None]:
    """Return what `judged` must return."""
    return expected.decision, expected.indication, expected.sub_indication, expected.rule
