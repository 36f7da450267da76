"""What no case of the matrix can show: parts of lists, evidence, a digest that ends too early."""

from dataclasses import replace
from datetime import datetime

import orjson
import pytest
from cryptography import x509

from services.signing.again import repeat
from services.signing.validation.algorithms import key_of
from services.signing.validation.file import validate
from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import RevocationList
from services.signing.validation.trust import Trust
from tests.conformance import cms, pdf
from tests.conformance.cases.renewed import renewed
from tests.conformance.pki import SUBSCRIBER
from tests.conformance.replay import stored
from tests.conformance.revocations import scope
from tests.conformance.trial import cases
from tests.conformance.world import DAY, NOW, World, blank, known, sealed


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
    assert repeat(one.evidence, one.kept, one.content).differs == ()


@pytest.mark.parametrize("later", [True, False])
def test_a_stamp_lasts_as_long_as_a_later_one_proves_it(*, later: bool):
    made_at = _proved(World(), later=later)
    assert made_at == ((NOW - 12 * DAY).isoformat() if later else None)


def _proved(world: World, *, later: bool) -> str | None:
    """Return what proves a seal whose own stamp is by SHA-384, which ended a minute ago."""
    early = cms.StampPlan(at=NOW - 12 * DAY, digest="sha384")
    file = sealed(blank(), world.seal, cms.Recipe(unsigned=cms.stamped((world.tsa, early))))
    if later:
        file = _stamped(world, file, NOW - 2 * DAY)
    ended = NEWEST.read_bytes().replace(b"sha384 = 2040-12-31", b"sha384 = 2026-11-30")
    setting = world.setting()
    trust = Trust(Material(ended, setting.authorities, setting.lists))
    (signature,) = validate(file.content, None, trust, NOW).signatures
    return signature.proved_at


def _stamped(world: World, file: pdf.Pdf, at: datetime) -> pdf.Pdf:
    place = pdf.Place(field="DauThoiGian", kind=b"DocTimeStamp", subfilter="ETSI.RFC3161")
    plan = cms.StampPlan(at=at)
    return pdf.signed(file, lambda covered: cms.stamp(covered, world.tsa, plan), place)
