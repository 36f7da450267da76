"""What no case of the matrix can show: parts of lists, evidence, a digest that ends too early."""

from dataclasses import replace
from datetime import datetime

import orjson
import pytest
from cryptography import x509

from services.signing.again import repeat
from services.signing.finding import Unit
from services.signing.validation.algorithms import key_of
from services.signing.validation.file import describe, validate
from services.signing.validation.given import Held
from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import RevocationList
from services.signing.validation.trust import Trust
from tests.conformance import cms, pdf
from tests.conformance.cases.renewed import renewed
from tests.conformance.pki import STAMPER, SUBSCRIBER, Holder
from tests.conformance.replay import stored
from tests.conformance.revocations import Entry, scope
from tests.conformance.trial import cases
from tests.conformance.world import DAY, NOW, Setting, World, blank, known, sealed


@pytest.mark.parametrize("authority", [True, False])
def test_a_list_is_for_what_a_certificate_says_it_is_wherever_it_stands(*, authority: bool):
    world = World()
    one = world.issued("CA cap duoi", replace(SUBSCRIBER, ca=authority))
    issuer = x509.load_der_x509_certificate(world.issuing.der)
    accepts = Trust(Material(NEWEST.read_bytes(), (), ())).accepts
    for extension, speaks in (
        (scope(authorities_only=True), authority),
        (scope(users_only=True), not authority),
    ):
        der = known("issuing", world.issuing, NOW, extra=(extension,)).der
        found = RevocationList.read(der, issuer, key_of(issuer), accepts)
        said = found.says(x509.load_der_x509_certificate(one.der))
        assert (said is not None) == speaks


@pytest.mark.parametrize("form", ["pdf", "detached"])
def test_evidence_has_a_list_that_stands_under_an_entry_that_leads_nowhere(form: str):
    name = f"chain.ca-renewed-under-another-root.{form}"
    (case,) = (one for one in cases("chain", renewed(World())) if one.name == name)
    one = stored(case)
    lists = orjson.loads(one.evidence)["finding"]["lists"]
    assert sorted(each["authority"] for each in lists) == ["old-one", "root"]
    with one.file:
        assert repeat(one.evidence, one.kept, one.file.read()).differs == ()


@pytest.mark.parametrize("later", [True, False])
def test_a_stamp_lasts_as_long_as_a_later_one_proves_it(*, later: bool):
    made_at = _proved(World(), later=later)
    assert made_at == ((NOW - 12 * DAY).isoformat() if later else None)


def _proved(world: World, *, later: bool) -> str | None:
    """Return what proves a seal whose own stamp is by SHA-384, which ended a minute ago."""
    early = cms.StampPlan(at=NOW - 12 * DAY, digest="sha384")
    file = sealed(blank(), world.seal, cms.Recipe(unsigned=cms.stamped((world.tsa, early))))
    if later:
        file = _stamped(file, world.tsa, NOW - 2 * DAY)
    ended = NEWEST.read_bytes().replace(b"sha384 = 2040-12-31", b"sha384 = 2026-11-30")
    setting = world.setting()
    trust = Trust(Material(ended, setting.authorities, setting.lists))
    (signature,) = validate(file.content, None, trust, NOW).signatures
    return signature.proved_at


def _stamped(file: pdf.Pdf, by: Holder, at: datetime) -> pdf.Pdf:
    place = pdf.Place(field="DauThoiGian", kind=b"DocTimeStamp", subfilter="ETSI.RFC3161")
    plan = cms.StampPlan(at=at)
    return pdf.signed(file, lambda covered: cms.stamp(covered, by, plan), place)


MADE = NOW - 12 * DAY


def _told(file: pdf.Pdf, setting: Setting) -> tuple[Unit, ...]:
    given = Material(NEWEST.read_bytes(), setting.authorities, setting.lists)
    return describe(Held(file.content), None, Trust(given), NOW).units


def test_the_units_are_told_whose_stamps_count_or_may_count_yet():
    world = World()
    stamped = sealed(blank(), world.seal, cms.Recipe(unsigned=world.stamped(MADE)))
    (unit,) = _told(stamped, world.setting())
    assert (unit.der, unit.sha256, unit.revoked) == (world.tsa.der, world.tsa.sha256, False)
    assert _told(stamped, world.setting().without("stamping")) == (unit,), "it may count yet"
    assert _told(stamped, world.setting().strange_to("stamping")) == ()
    assert _told(sealed(blank(), world.seal), world.setting()) == ()


@pytest.mark.parametrize(("reason", "told"), [("superseded", True), ("keyCompromise", False)])
def test_a_revoked_unit_is_told_of_when_its_stamps_count(reason: str, *, told: bool):
    world = World()
    stamped = sealed(blank(), world.seal, cms.Recipe(unsigned=world.stamped(MADE)))
    entry = Entry(serial=world.tsa.serial, at=NOW - DAY, reason=reason)
    units = _told(stamped, world.setting().instead(known("stamping", world.stamping, NOW, entry)))
    assert [one.revoked for one in units] == ([False] if told else [])


def test_a_compromised_unit_is_told_as_such_where_a_later_stamp_proves_its_own():
    world = World()
    later = world.made("Dau thoi gian thu hai", world.stamping, STAMPER)
    file = sealed(blank(), world.seal, cms.Recipe(unsigned=world.stamped(MADE)))
    file = _stamped(file, later, NOW - 2 * DAY)
    entry = Entry(serial=world.tsa.serial, at=NOW - DAY, reason="keyCompromise")
    units = _told(file, world.setting().instead(known("stamping", world.stamping, NOW, entry)))
    assert {one.sha256: one.revoked for one in units} == {
        world.tsa.sha256: True,
        later.sha256: False,
    }


def test_no_more_than_sixteen_units_are_told():
    world = World()
    file = blank()
    for field in ("ChuKy1", "ChuKy2"):
        units = [world.made("Dau thoi gian", world.stamping, STAMPER) for _ in range(9)]
        stamps = cms.stamped(*((one, cms.StampPlan(at=MADE)) for one in units))
        place = replace(pdf.USUAL, field=field, room=40_000)
        file = sealed(file, world.seal, cms.Recipe(unsigned=stamps), place)
    assert len(_told(file, world.setting())) == 16
