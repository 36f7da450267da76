"""What revocation lists do to a good letter: a revoked CA, lists too old, forged or missing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from infra.pki.authority import Authority, Period, sign_list
from infra.pki.establish import Office
from infra.pki.trusted import material
from services.signing import finding as reasons
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust
from tests.fixtures.papers import Papers, days

DER = serialization.Encoding.DER
Lists = dict[str, bytes]
GOOD = days(-1, 1)


def signed(by: Authority, *revoked: int, period: Period = GOOD) -> bytes:
    """Return a revocation list."""
    return sign_list(by, number=7, period=period, revoked=revoked)


def both(office: Office, **other: bytes) -> Lists:
    """Return good lists of both authorities, or others in their place."""
    return {"root": signed(office.root), "issuing": signed(office.issuing), **other}


CASES: dict[str, tuple[str, str | None, Callable[[Papers], Lists]]] = {
    "good lists": ("sound", None, lambda p: both(p.office)),
    "the CA revoked": (
        "bad",
        reasons.REVOKED,
        lambda p: both(
            p.office,
            root=signed(p.office.root, p.office.issuing.certificate.serial_number),
        ),
    ),
    "a list that has ended": (
        "unknown",
        reasons.REVOCATION_UNKNOWN,
        lambda p: both(p.office, issuing=signed(p.office.issuing, period=days(-9, -2))),
    ),
    "a list that begins tomorrow": (
        "unknown",
        reasons.REVOCATION_UNKNOWN,
        lambda p: both(p.office, issuing=signed(p.office.issuing, period=days(1, 2))),
    ),
    "a list signed by another CA of the same name": (
        "unknown",
        reasons.REVOCATION_UNKNOWN,
        lambda p: both(p.office, issuing=signed(p.foreign_office().issuing)),
    ),
    "no list of the issuing CA": (
        "unknown",
        reasons.REVOCATION_UNKNOWN,
        lambda p: {"root": signed(p.office.root)},
    ),
    "no list of the root": (
        "unknown",
        reasons.REVOCATION_UNKNOWN,
        lambda p: {"issuing": signed(p.office.issuing)},
    ),
}


def der(authority: Authority) -> bytes:
    """Return an authority's certificate."""
    return authority.certificate.public_bytes(DER)


@pytest.mark.parametrize("case", CASES)
def test_a_good_letter_is_worth_what_the_lists_say(papers: Papers, case: str) -> None:
    outcome, reason, make = CASES[case]
    office = papers.office
    trust = Trust(material(der(office.root), der(office.issuing), make(papers).items()))
    found = validate_pdf(papers.good_main.content, trust, datetime.now(UTC))
    assert (found.outcome, found.reason) == (outcome, reason)


def _by_no_known_algorithm(office: Office) -> bytes:
    own = office.issuing.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.subject)
        .issuer_name(own.subject)
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
    )
    return builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(DER)


ODD: dict[str, Callable[[Office], bytes]] = {
    "nothing": lambda _: b"",
    "junk": lambda _: b"0\x00",
    "of no known algorithm": _by_no_known_algorithm,
}


@pytest.mark.parametrize("odd", ODD)
def test_a_listed_authority_that_cannot_be_read_is_left_out(papers: Papers, odd: str) -> None:
    office = papers.office
    usual = material(der(office.root), der(office.issuing), both(office).items())
    strange = replace(usual.authorities[1], name="odd", der=ODD[odd](office))
    trust = Trust(replace(usual, authorities=(strange, *usual.authorities)))
    assert validate_pdf(papers.good_main.content, trust, datetime.now(UTC)).outcome == "sound"
