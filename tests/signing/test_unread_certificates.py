"""What the library cannot read of a certificate, list or answer is told, and stops no worker."""

from dataclasses import replace

import pytest

from services.signing.pipe import Facts, ListFacts, Reading
from services.signing.reading import read
from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust
from tests.conformance.case import Decision
from tests.conformance.der import sequence, tlv
from tests.conformance.judging import judged
from tests.conformance.pki import SUBSCRIBER, Extension, Holder
from tests.conformance.revocations import AnswerPlan, Entry, answer, no_check
from tests.conformance.trial import Trial, cases
from tests.conformance.world import DAY, HOUR, ISSUING, NOW, Setting, World, authority, known
from tests.signing.unread import with_version

Told = tuple[Decision, str, str | None, str | None]
WORLD = World()
_X400 = tlv(0xA3, b"\x30\x00")
"""A name of a kind that RFC 5280 4.2.1.6 allows, and the library does not know."""
NAMED = Extension("2.5.29.17", sequence(_X400))
"""A subject alternative name."""
HELD = ("hold", "INDETERMINATE", "TRY_LATER", "revocation.known")


def told(by: Holder, setting: Setting | None = None) -> set[Told]:
    """Return what is told of a file that a holder has sealed, as a PDF and beside it."""
    trial = Trial(name="unread", by=by, setting=setting or WORLD.setting())
    return {judged(case) for case in cases("structure", [trial])}


@pytest.mark.parametrize(
    "signer",
    [
        WORLD.issued("Con dau", replace(SUBSCRIBER, extra=(NAMED,))),
        with_version(WORLD.issued("Con dau"), 3, by=WORLD.issuing),
    ],
    ids=["name", "version"],
)
def test_a_signers_certificate_that_cannot_be_read_is_told(signer: Holder) -> None:
    assert told(signer) == {("refuse", "TOTAL-FAILED", "FORMAT_FAILURE", "format.cms")}


def test_an_authority_that_cannot_be_read_is_left_out() -> None:
    strange = WORLD.made("CA la", WORLD.root, replace(ISSUING, extra=(NAMED,)))
    listed = WORLD.setting().trusting(authority("strange", strange, "leader", "seal"))
    listed = listed.knowing(known("strange", strange, NOW))
    of_it = WORLD.made("Con dau", strange, SUBSCRIBER)
    assert {rule for *_, rule in told(of_it, listed)} == {"chain.listed"}
    assert {decision for decision, *_ in told(WORLD.seal, listed)} == {"accept"}


_ISSUER = Extension("2.5.29.29", sequence(_X400))
_REASON = Extension("2.5.29.21", tlv(0x0A, b"\x01"))
_UNUSED = Extension("2.5.29.21", tlv(0x0A, b"\x07"))
"""The reason whose number is not used (RFC 5280 5.3.1)."""


def facts_of(setting: Setting) -> Facts:
    """Have a worker read what a list of the issuing CA says of the seal's certificate."""
    der = next(one.der for one in setting.lists if one.authority == "issuing")
    reading = Reading("list", der, authority="issuing", serials=(f"{WORLD.seal.serial:x}",))
    return read(reading, Trust(Material(NEWEST.read_bytes(), setting.authorities, ())))


def test_a_list_that_cannot_be_read_tells_nothing() -> None:
    extra = (Extension("2.5.29.18", sequence(_X400)),)
    setting = WORLD.setting().instead(known("issuing", WORLD.issuing, NOW, extra=extra))
    assert told(WORLD.seal, setting) == {HELD}
    with pytest.raises(Unusable):
        facts_of(setting)


@pytest.mark.parametrize(
    "extra", [(_ISSUER,), (_REASON, _REASON), (_UNUSED,)], ids=["issuer", "reason twice", "unused"]
)
def test_who_stands_on_a_list_is_revoked_whatever_cannot_be_read_there(
    extra: tuple[Extension, ...],
) -> None:
    """Else its other sources would count, and all others on that list would not be heard of."""
    entry = Entry(serial=WORLD.seal.serial, at=NOW - DAY, extra=extra)
    good = answer(WORLD.seal, WORLD.issuing, AnswerPlan(this=NOW - 2 * HOUR, next=NOW + HOUR))
    setting = WORLD.setting().instead(known("issuing", WORLD.issuing, NOW, entry)).answered(good)
    refused = ("refuse", "INDETERMINATE", "REVOKED_NO_POE", "revocation.revoked")
    assert told(WORLD.seal, setting) == {refused}
    facts = facts_of(setting)
    assert isinstance(facts, ListFacts)
    (gone,) = facts.revoked
    assert (gone.reason, gone.retired) == ("unspecified", False)


def test_a_suspension_on_a_list_that_has_ended_is_held_not_refused() -> None:
    """It may have been lifted since (EN 319 102-1 5.2.5): its authority is asked, if it answers."""
    entry = Entry(serial=WORLD.seal.serial, at=NOW - 3 * DAY, reason="certificateHold")
    ended = known("issuing", WORLD.issuing, NOW - 2 * DAY, entry)
    setting = WORLD.setting().instead(ended)
    assert told(WORLD.seal, setting) == {("hold", "INDETERMINATE", "TRY_LATER", "revocation.fresh")}
    lifted = answer(WORLD.seal, WORLD.issuing, AnswerPlan(this=NOW - HOUR, next=NOW + HOUR))
    assert {decision for decision, *_ in told(WORLD.seal, setting.answered(lifted))} == {"accept"}


def test_an_answer_that_cannot_be_read_tells_nothing() -> None:
    profile = replace(
        SUBSCRIBER,
        usage=("digital_signature",),
        extended=("1.3.6.1.5.5.7.3.9",),
        extra=(no_check(), NAMED),
    )
    plan = AnswerPlan(this=NOW - HOUR, next=NOW + HOUR)
    delegated = replace(plan, responder=WORLD.issued("OCSP", profile))
    for one in (replace(plan, extra=(_ISSUER,)), delegated):
        given = answer(WORLD.seal, WORLD.issuing, one)
        assert told(WORLD.seal, WORLD.setting().without("issuing").answered(given)) == {HELD}
