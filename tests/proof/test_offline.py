"""What is verified offline: papers, receipts, chains as they have to be, and each one spoilt."""

import base64
import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from tests.proof.cms import PASSWORD
from tests.proof.offline import (
    GENESIS,
    RECEIPT_SUBJECT,
    Trust,
    link,
    paper_fault,
    receipt_fault,
    trust,
)
from tests.proof.papers import CANARY, Desk, canary

NOW = dt.datetime.now(dt.UTC)
MARK = canary(7, "secret")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that issues others."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(
        self, key: ec.EllipticCurvePrivateKey, *names: tuple[x509.ObjectIdentifier, str]
    ) -> x509.Certificate:
        """Return a certificate for a key."""
        return _certificate(key, self.certificate.subject, self.key, *names)

    def revoked(self, *numbers: int) -> bytes:
        """Return its revocation list."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(NOW).next_update(NOW + dt.timedelta(days=1))
        for number in numbers:
            gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW)
            builder = builder.add_revoked_certificate(gone.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name | None,
    by: ec.EllipticCurvePrivateKey,
    *names: tuple[x509.ObjectIdentifier, str],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - dt.timedelta(days=1))
    return builder.not_valid_after(NOW + dt.timedelta(days=9)).sign(by, hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Country:
    """A root, its issuing CA, and an agency A that signs."""

    folder: Path
    root: Authority
    issuing: Authority
    desk: Desk
    receipts: ec.EllipticCurvePrivateKey
    receipts_certificate: x509.Certificate
    leader: x509.Certificate

    def trust(self, *revoked: int) -> Trust:
        """Return the trust of a recipient."""
        lists = {"root": self.root.revoked(), "issuing": self.issuing.revoked(*revoked)}
        pem = self.root.certificate.public_bytes(Encoding.PEM)
        return trust(pem, self.issuing.certificate.public_bytes(Encoding.DER), lists)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    folder = tmp_path_factory.mktemp("pki")
    root_key, issuing_key, receipts = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = Authority(
        root_key, _certificate(root_key, None, root_key, (NameOID.COMMON_NAME, "root"))
    )
    issuing = Authority(issuing_key, root.issue(issuing_key, (NameOID.COMMON_NAME, "issuing")))
    made: dict[str, x509.Certificate] = {}
    for use in ("leader", "seal"):
        key = ec.generate_private_key(ec.SECP256R1())
        names = (NameOID.COMMON_NAME, use), (NameOID.ORGANIZATION_IDENTIFIER, "A")
        made[use] = issuing.issue(key, *names)
        stored = pkcs12.serialize_key_and_certificates(
            None, key, made[use], None, BestAvailableEncryption(PASSWORD)
        )
        (folder / f"A.{use}.p12").write_bytes(stored)
    own = issuing.issue(receipts, (NameOID.COMMON_NAME, RECEIPT_SUBJECT))
    desk = Desk(folder, folder / "papers")
    return Country(folder, root, issuing, desk, receipts, own, made["leader"])


@pytest.fixture(scope="module")
def paper(country: Country) -> bytes:
    country.desk.prepare([30_000])  # by pyHanko, so what is read here was not written here alone
    return country.desk.write("A", 30_000, MARK)


# pyHanko runs an event loop of its own: these tests and fixtures have none.
def test_a_paper_is_signed_and_the_same_each_time(country: Country, paper: bytes) -> None:
    assert paper_fault(paper, "A", country.trust()) == ""
    assert country.desk.write("A", 30_000, MARK) == paper
    assert country.desk.digest(30_000, paper) == hashlib.sha256(paper).hexdigest()
    assert CANARY.findall(paper) == [MARK.encode()]


def test_every_changed_byte_of_a_paper_is_noticed(country: Country, paper: bytes) -> None:
    trusted = country.trust()
    # All but the last signature itself, which no signature covers: there the digests tell.
    *_, last = re.findall(rb"/ByteRange \[0 (\d+) (\d+) ", paper)
    for place in range(0, len(paper), 199):
        if int(last[0]) <= place < int(last[1]):
            continue
        spoilt = bytearray(paper)
        spoilt[place] ^= 1
        assert paper_fault(bytes(spoilt), "A", trusted), place


def test_a_stranger_s_or_revoked_signature_is_noticed(country: Country, paper: bytes) -> None:
    assert "not by B" in paper_fault(paper, "B", country.trust())
    assert "revoked" in paper_fault(paper, "A", country.trust(country.leader.serial_number))
    assert "after the last" in paper_fault(paper + b"\n", "A", country.trust())
    other = ec.generate_private_key(ec.SECP256R1())
    stranger = Authority(other, _certificate(other, None, other, (NameOID.COMMON_NAME, "other")))
    pem = stranger.certificate.public_bytes(Encoding.PEM)
    der = country.issuing.certificate.public_bytes(Encoding.DER)
    assert "lead to the root" in paper_fault(paper, "A", trust(pem, der, {}))


SAID = {"delivery_id": "d", "sequence": 3, "to": "B", "from": "A", "digests": ["00"]}
CLAIMS = {
    "delivery_id": "d",
    "sequence": 3,
    "from": {"code": "A"},
    "to": {"code": "B"},
    "files": [{"sha256": "00"}],
}


def receipt(country: Country, **changed: object) -> str:
    """Return a receipt as the exchange gives it."""
    der = country.receipts_certificate.public_bytes(Encoding.DER)
    chain = [base64.b64encode(der).decode()]
    header = {"alg": "ES256", "typ": "lienthong-receipt+jwt", "x5c": chain} | changed
    parts = [_text(json.dumps(part).encode()) for part in (header, CLAIMS)]
    value = country.receipts.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(value)
    return ".".join([*parts, _text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_receipt_is_verified_and_a_spoilt_one_is_noticed(country: Country) -> None:
    trusted, good = country.trust(), receipt(country)
    assert receipt_fault(good, SAID, trusted) == ""
    assert receipt_fault(good, SAID | {"sequence": 4}, trusted) != ""
    assert receipt_fault(good[:-4] + "AAAA", SAID, trusted) != ""
    assert receipt_fault(receipt(country, alg="none"), SAID, trusted) != ""
    assert receipt_fault("", SAID, trusted) != ""
    der = country.leader.public_bytes(Encoding.DER)
    foreign = receipt(country, x5c=[base64.b64encode(der).decode()])
    assert "not a key that signs receipts" in receipt_fault(foreign, SAID, trusted)


def test_a_chain_binds_all_that_it_has_to() -> None:
    agency = UUID("00000000-0000-0000-0000-000000000001")
    first = link(agency, "normal", 1, GENESIS, b"entry")
    # The rule of the protocol, worked out by hand once.
    fields = [
        b"lienthong/mailbox/1",
        agency.bytes,
        b"normal",
        (1).to_bytes(8, "big"),
        GENESIS,
        hashlib.sha256(b"entry").digest(),
    ]
    joined = b"".join(len(one).to_bytes(4, "big") + one for one in fields)
    assert first == hashlib.sha256(joined).digest()
    others = {
        link(UUID(int=2), "normal", 1, GENESIS, b"entry"),
        link(agency, "urgent", 1, GENESIS, b"entry"),
        link(agency, "normal", 2, GENESIS, b"entry"),
        link(agency, "normal", 1, first, b"entry"),
        link(agency, "normal", 1, GENESIS, b"other"),
    }
    assert len(others | {first}) == 6
