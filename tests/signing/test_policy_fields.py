"""Each field of the policy's page is read: changed on a page, another verdict comes out."""

from dataclasses import replace

import pytest

from services.signing import examine, pool
from services.signing.validation.file import validate
from services.signing.validation.policy import NEWEST, load
from services.signing.validation.trust import Trust
from services.signing.verdict import judge
from tests.conformance.case import Case
from tests.conformance.judging import material
from tests.conformance.matrix import matrix

PAGE = NEWEST.read_bytes()


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """Return the cases by name."""
    return {case.name: case for case in matrix()}


def _said(case: Case, page: bytes) -> tuple[str, str | None]:
    trust = Trust(replace(material(case), policy=page))
    content, signature = (case.file, None) if case.content is None else (case.content, case.file)
    found = validate(content, signature, trust, case.at)
    said = judge(found, case.registered, trust.policy, role=case.role, sender=case.sender)
    return said.indication, said.rule


_PASSED = ("TOTAL-PASSED", None)
_CHANGES = {
    "chain.path.longest": (
        "chain.three-tiers.pdf",
        b"longest = 8",
        b"longest = 2",
        _PASSED,
        ("TOTAL-FAILED", "chain.listed"),
    ),
    "chain.path.most_ways": (
        "chain.ca-renewed-before.pdf",
        b"most_ways = 8",
        b"most_ways = 1",
        _PASSED,
        ("TOTAL-FAILED", "time.validity"),
    ),
    "order.complete.annex": (
        "order.annex-seal.pdf",
        b'annex = ["seal"]',
        b'annex = ["leader", "seal"]',
        _PASSED,
        ("TOTAL-FAILED", "order.complete"),
    ),
    "order.sequence.sequence": (
        "order.main-seal-leader.pdf",
        b'sequence = ["leader", "seal"]',
        b'sequence = ["seal"]',
        ("TOTAL-FAILED", "order.sequence"),
        _PASSED,
    ),
    "limits.heavy.most_stamps": (
        "stamps.two-stamps-needed.pdf",
        b"most_stamps = 16",
        b"most_stamps = 1",
        _PASSED,
        ("TOTAL-FAILED", "limits.heavy"),
    ),
    "limits.heavy.most_certificates": (
        "chain.brings-its-cas.pdf",
        b"most_certificates = 64",
        b"most_certificates = 2",
        _PASSED,
        ("TOTAL-FAILED", "limits.heavy"),
    ),
    "limits.heavy.most_revocations": (
        "structure.brings-a-list-and-an-answer.pdf",
        b"most_revocations = 64",
        b"most_revocations = 1",
        _PASSED,
        ("TOTAL-FAILED", "limits.heavy"),
    ),
    "order.complete.main": (
        "order.main-leader.pdf",
        b'main = ["leader", "seal"]',
        b'main = ["leader"]',
        ("TOTAL-FAILED", "order.complete"),
        _PASSED,
    ),
    "revocation.revoked.retired_reasons": (
        "stamps.stamp-of-retired-unit-needed.pdf",
        b'"superseded", ',
        b"",
        _PASSED,
        ("TOTAL-FAILED", "time.validity"),
    ),
    "revocation.known.hold": (
        "revocation.no-list.pdf",
        b"hold = true",
        b"hold = false",
        ("INDETERMINATE", "revocation.known"),
        ("TOTAL-FAILED", "revocation.known"),
    ),
    "certificates.seal.certificate_policies": (
        "chain.two-tiers.pdf",
        b"certificate_policies = []",
        b'certificate_policies = ["1.3.6.1.4.1.55555.2.1"]',
        _PASSED,
        ("TOTAL-FAILED", "certificates.leader"),
    ),
}


@pytest.mark.parametrize("field", _CHANGES)
def test_a_changed_field_changes_the_verdict(field: str, cases: dict[str, Case]) -> None:
    name, before, after, said, then = _CHANGES[field]
    assert before in PAGE
    assert _said(cases[name], PAGE) == said
    assert _said(cases[name], PAGE.replace(before, after)) == then


def test_what_processes_may_use_is_what_the_page_says() -> None:
    heavy, limits = load(PAGE).page.limits.heavy, pool.Limits()
    assert (heavy.memory_mib << 20, heavy.cpu_seconds) == (limits.memory, limits.cpu_seconds)
    assert (heavy.wall_seconds, heavy.tries) == (limits.wall_seconds, examine.STRIKES)
