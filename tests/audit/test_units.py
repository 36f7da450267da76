"""Rows of time-stamping units, which no register names: held against their bytes and lists."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from infra.audit.certificates import Register, check_certificate
from infra.audit.finding import Books
from tests.conformance.pki import STAMPER, SUBSCRIBER, Holder, Profile, issue, named
from tests.conformance.world import next_serial
from tests.signing.elsewhere import crl, make_ca, pem

CA = make_ca("CA dấu thời gian")
BY = Holder(
    CA.certificate.subject,
    CA.key,
    CA.certificate.public_bytes(Encoding.DER),
    CA.certificate.serial_number,
    CA.certificate.issuer,
)


def made(profile: Profile) -> Holder:
    """Return a certificate of the authority."""
    return issue(named("Dau thoi gian"), CA.key, BY, profile, serial=next_serial())


UNIT, SEAL = made(STAMPER), made(SUBSCRIBER)
RETIRED = x509.ReasonFlags.superseded


def found(of: Holder, *, reason: x509.ReasonFlags | None = RETIRED, **row: Any) -> list[str]:  # noqa: ANN401
    """Return what is wrong with a row, which the newest list names as revoked."""
    certificate = x509.load_der_x509_certificate(of.der)
    full = {
        "sha256": of.sha256,
        "der": of.der,
        "serial": of.serial,
        "issuer": "tsa",
        "kind": "timestamp",
        "agency_code": None,
        "agency_id": None,
        "person": None,
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "state": "revoked",
        "reason": "superseded",
        "changed_in": 1,
        "retired": False,
        "issued_by": pem(CA),
        "ended": False,
        **row,
    }
    newest = x509.load_der_x509_crl(crl(CA, of.serial, number=1, reason=reason))
    register = Register({}, {"tsa": newest}, {"tsa": 1}, {})
    case = {"certificate": [full]}
    return [one.what for one in check_certificate((of.sha256,), case, Books({}), register)]


def test_a_unit_is_a_unit_by_what_its_certificate_says() -> None:
    assert found(UNIT) == []
    assert found(UNIT, kind="authority")
    assert found(UNIT, agency_code="G22")
    assert found(UNIT, issued_by=None)
    assert found(SEAL), "nobody has registered it, and it stamps nothing"


@pytest.mark.parametrize(
    ("reason", "may_be"),
    [
        (x509.ReasonFlags.superseded, True),
        (x509.ReasonFlags.unspecified, True),
        (x509.ReasonFlags.key_compromise, False),
        (None, False),
    ],
)
def test_a_unit_is_retired_by_what_its_authority_states(
    reason: x509.ReasonFlags | None, *, may_be: bool
) -> None:
    assert (found(UNIT, reason=reason, retired=True) == []) == may_be
    assert found(UNIT, reason=reason, retired=False) == []


def test_only_a_revoked_unit_is_retired() -> None:
    assert found(UNIT, state="good", retired=True)
    assert found(SEAL, kind="authority", retired=True)
