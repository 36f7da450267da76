"""When a signer says it signed decides nothing: not even when what stands there is no time."""

import pytest

from services.signing.finding import Signature
from services.signing.validation.material import Material
from services.signing.validation.pades import validate_pdf
from services.signing.validation.policy import NEWEST
from services.signing.validation.trust import Trust
from tests.conformance import cms
from tests.conformance.der import tlv
from tests.conformance.pdf import Place
from tests.conformance.world import NOW, World, blank, sealed

WORLD = World()
USUAL = WORLD.setting()
TRUST = Trust(Material(NEWEST.read_bytes(), USUAL.authorities, USUAL.lists))
UTC_TIME = 0x17


def judged(recipe: cms.Recipe, place: Place) -> Signature:
    """Have a seal judged that is made like this."""
    file = sealed(blank(), WORLD.seal, recipe, place)
    (one,) = validate_pdf(file.content, TRUST, NOW).signatures
    return one


@pytest.mark.parametrize(
    ("claimed", "read"),
    [
        ("D:20261201080000Z", "2026-12-01T08:00:00+00:00"),
        ("D:20261201080000+07'00'", "2026-12-01T08:00:00+07:00"),
        ("", None),
        ("01/12/2026 08:00", None),
        ("D:20261345", None),
        ("D:20261201080000+99'99'", None),
        ("D:20261201080000Z00'00'", None),
    ],
)
def test_a_time_of_the_signature_that_is_none_is_left_out(claimed: str, read: str | None) -> None:
    one = judged(cms.PLAIN, Place(claimed=claimed))
    assert (one.indication, one.claimed_at) == ("TOTAL-PASSED", read)


def test_a_time_that_is_no_text_is_left_out() -> None:
    one = judged(cms.PLAIN, Place(claimed="", value=b"/M 7"))
    assert (one.indication, one.claimed_at) == ("TOTAL-PASSED", None)


@pytest.mark.parametrize("time", [b"", b"today", b"261345000000Z"])
def test_a_time_of_the_cms_that_is_none_is_left_out(time: bytes) -> None:
    value = cms.attribute(cms.SIGNING_TIME, tlv(UTC_TIME, time))
    recipe = cms.Recipe(attributes=lambda held: {**held, "t": value})
    one = judged(recipe, Place())
    assert (one.indication, one.claimed_at) == ("TOTAL-PASSED", None)
