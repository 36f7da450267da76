"""A list that speaks of some certificates alone replaces no whole one, and clears nobody else."""

from typing import Any

import pytest
from cryptography import x509

from services.signing.pipe import ListFacts, Reading
from services.signing.reading import read
from tests.signing.elsewhere import DER, crl, der, leaf
from tests.signing.test_fetch import states
from tests.signing.test_heeding import registered
from tests.signing.test_reading import BELOW, ROOT, TRUST
from tests.signing.trusting import Trusting

HOLD = x509.ReasonFlags.certificate_hold
_POINT: dict[str, Any] = {
    "full_name": None,
    "relative_name": None,
    "only_contains_user_certs": False,
    "only_contains_ca_certs": False,
    "only_some_reasons": None,
    "indirect_crl": False,
    "only_contains_attribute_certs": False,
}


def point(**scope: Any) -> x509.IssuingDistributionPoint:  # noqa: ANN401 (fields)
    """Return an issuing distribution point."""
    return x509.IssuingDistributionPoint(**_POINT | scope)


def at(address: str) -> x509.IssuingDistributionPoint:
    """Return that of a list which is one part, for those whose certificates name this address."""
    return point(full_name=[x509.UniformResourceIdentifier(address)])


async def suspended(idle: Trusting) -> list[int]:
    """Register two certificates, the first of which a whole list suspends."""
    serials = await registered(idle)
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=2, reason=HOLD))
    await idle.again()
    assert await states(idle, serials) == ["suspended", "good"]
    return serials


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        (point(only_contains_ca_certs=True), "authorities alone"),
        (point(only_contains_attribute_certs=True), "partial"),
        (point(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise])), "partial"),
        (point(indirect_crl=True), "indirect"),
        (x509.DeltaCRLIndicator(2), "the changes of a list alone"),
    ],
)
async def test_a_list_of_less_is_not_taken_and_told(
    idle: Trusting, scope: x509.ExtensionType, why: str
) -> None:
    serials = await suspended(idle)
    idle.site.serve("/crl", crl(idle.ca, number=3, scope=scope))
    await idle.again()
    told = await idle.freshness()
    assert (told.number, told.failures) == (2, 1)
    assert why in (told.failure or "")
    assert await states(idle, serials) == ["suspended", "good"]


async def test_a_list_of_users_is_taken_where_there_are_signers(idle: Trusting) -> None:
    serials = await suspended(idle)
    users = point(only_contains_user_certs=True)
    idle.site.serve("/crl", crl(idle.ca, serials[1], number=3, scope=users))
    await idle.again()
    assert (await idle.freshness()).number == 3
    assert await states(idle, serials) == ["good", "revoked"]


async def test_a_list_of_users_is_not_taken_of_who_is_trusted_for_authorities(
    idle: Trusting,
) -> None:
    for scope, taken in (
        (point(only_contains_user_certs=True), None),
        (point(only_contains_ca_certs=True), 1),
    ):
        idle.site.serve("/crl", crl(idle.ca, number=1, scope=scope))
        if taken is None:
            await idle.agree(idle.adding(purposes=["authority"]))
        await idle.again()
        assert (await idle.freshness()).number == taken


async def test_a_part_of_a_list_clears_only_those_of_whom_it_speaks(idle: Trusting) -> None:
    serials = await suspended(idle)
    elsewhere = at("http://crl.example/khac")
    idle.site.serve("/crl", crl(idle.ca, number=3, scope=elsewhere))
    await idle.again()
    assert (await idle.freshness()).number == 3
    assert await states(idle, serials) == ["suspended", "good"], "nothing is said of it"
    idle.site.serve("/crl", crl(idle.ca, number=4, scope=at(await named_by(idle, serials[0]))))
    await idle.again()
    assert await states(idle, serials) == ["good", "good"]


async def named_by(idle: Trusting, serial: int) -> str:
    """Return where a registered certificate says that its list is found."""
    content = await idle.desk.db.as_worker(
        lambda conn: conn.fetchval("select der from certificates where serial = $1", serial)
    )
    one = x509.load_der_x509_certificate(content)
    points = one.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = points[0].full_name
    assert names
    return str(names[0].value)


@pytest.mark.parametrize(
    ("scope", "leaves", "authorities"),
    [
        (None, True, True),
        (point(only_contains_user_certs=True), True, False),
        (point(only_contains_ca_certs=True), False, True),
        (at("http://crl.example/khac"), False, False),
    ],
)
def test_a_list_says_of_whom_it_speaks(
    scope: x509.ExtensionType | None, *, leaves: bool, authorities: bool
) -> None:
    one = x509.load_der_x509_certificate(leaf(ROOT))
    asked = (one.public_bytes(DER), der(BELOW))
    content = crl(ROOT, number=1, scope=scope)
    found = read(Reading("list", content, authority="other", certificates=asked), TRUST)
    assert isinstance(found, ListFacts)
    both = ((one, leaves), (BELOW.certificate, authorities))
    spoken_of = tuple(f"{each.serial_number:x}" for each, said in both if said)
    assert found.spoken_of == (None if scope is None else spoken_of)
