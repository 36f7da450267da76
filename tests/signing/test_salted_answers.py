"""OCSP answers by RSASSA-PSS, and of responders whose certificate is signed by it, are heard."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.signing.pipe import AnswerFacts, Reading
from services.signing.reading import read
from services.signing.validation.material import Authority, Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust
from tests.conformance.keys import How, key
from tests.conformance.pki import AUTHORITY, OCSP_SIGNING, SUBSCRIBER, Holder, issue, named
from tests.conformance.revocations import AnswerPlan, answer, no_check

NOW = datetime.now(UTC).replace(microsecond=0)
PSS = How("sha256", "pss")
ROOT = issue(named("CA gốc"), key("rsa3072", "root"), None, AUTHORITY, serial=1)
LEAF = issue(named("Lê Minh An"), key("p256", "leaf"), ROOT, SUBSCRIBER, serial=2)
PLAN = AnswerPlan(this=NOW, next=NOW + timedelta(hours=1), how=PSS)
TRUST = Trust(
    Material(
        NEWEST.read_bytes(),
        (Authority("other", ROOT.der, True, NOW - timedelta(days=9), None, ("leader",)),),
        (),
    )
)


def responder(how: How) -> Holder:
    """Return a responder to whom the root has delegated, by a signature of this kind."""
    delegated = replace(
        SUBSCRIBER,
        usage=("digital_signature",),
        extended=(OCSP_SIGNING,),
        extra=(no_check(),),
        how=how,
    )
    return issue(named("OCSP"), key("rsa3072", "ocsp"), ROOT, delegated, serial=3)


def heard(plan: AnswerPlan) -> AnswerFacts:
    """Have an answer about the leaf read."""
    der = answer(LEAF, ROOT, plan)
    job = Reading("answer", der, authority="other", certificate=LEAF.der, at=NOW)
    found = read(job, TRUST)
    assert isinstance(found, AnswerFacts)
    return found


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_an_answer_that_the_issuer_signed_is_heard(digest: str) -> None:
    plan = replace(PLAN, how=How(digest, "pss"))
    assert heard(plan).reason is None
    revoked = replace(plan, status="revoked", revoked_at=NOW, reason="keyCompromise")
    assert heard(revoked).reason == "keyCompromise"


@pytest.mark.parametrize("certified", [PSS, How("sha512", "pss"), How()])
@pytest.mark.parametrize("how", [PSS, How()])
def test_an_answer_of_a_delegated_responder_is_heard(certified: How, how: How) -> None:
    assert heard(replace(PLAN, responder=responder(certified), how=how)).reason is None


def test_what_the_policy_does_not_know_is_not_heard() -> None:
    weak = How("sha1", "pss")
    for plan in (replace(PLAN, how=weak), replace(PLAN, responder=responder(weak))):
        with pytest.raises(Unusable):
            heard(plan)


def test_an_answer_by_another_key_is_not_heard() -> None:
    another = key("rsa3072", "another")
    for plan in (PLAN, replace(PLAN, responder=responder(PSS))):
        with pytest.raises(Unusable):
            heard(replace(plan, signed_by=another))
