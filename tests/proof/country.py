"""A small country for tests of what is verified offline: a root, its issuing CA, an agency A."""

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.proof.cms import PASSWORD
from tests.proof.offline import RECEIPT_SUBJECT, Trust, trust
from tests.proof.papers import Desk

Name: TypeAlias = tuple[x509.ObjectIdentifier, str]
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
BINDS = (ExtendedKeyUsageOID.EMAIL_PROTECTION, True)
"""Purpose of an official's or an organisation's key, and that what it signs binds."""
PROTOCOL = (ExtendedKeyUsageOID.CLIENT_AUTH, False)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that issues others."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(
        self,
        key: ec.EllipticCurvePrivateKey,
        *names: Name,
        use: tuple[x509.ObjectIdentifier, bool] | None = None,
        days: int = 9,
    ) -> x509.Certificate:
        """Return a certificate for a key."""
        builder = _builder(key, self.certificate.subject, names, days)
        if use is not None:
            limits = x509.BasicConstraints(ca=False, path_length=None)
            builder = builder.add_extension(limits, critical=True)
            builder = builder.add_extension(_usage(binds=use[1]), critical=True)
            builder = builder.add_extension(x509.ExtendedKeyUsage([use[0]]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoked(self, *numbers: int, begins: dt.datetime = NOW) -> bytes:
        """Return its revocation list."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(begins).next_update(begins + DAY)
        for number in numbers:
            gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(begins)
            builder = builder.add_revoked_certificate(gone.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def root_of(name: str) -> Authority:
    """Return an authority that issued itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = ((NameOID.COMMON_NAME, name),)
    builder = _builder(key, _subject(names), names, 9)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def _builder(
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    names: Sequence[Name],
    days: int,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_subject(names)).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(NOW - DAY).not_valid_after(NOW + days * DAY)


def _subject(names: Sequence[Name]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in names])


def _usage(*, binds: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=binds,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class Country:
    """A root, its issuing CA, and an agency A that signs."""

    folder: Path
    root: Authority
    issuing: Authority
    desk: Desk
    receipts: ec.EllipticCurvePrivateKey
    receipts_certificate: x509.Certificate

    @property
    def leader(self) -> x509.Certificate:
        """Return the certificate of A's leader."""
        return self.desk.signer("A", "leader").certificate

    def trust(
        self,
        *revoked: int,
        by_root: Sequence[int] = (),
        issuing: x509.Certificate | None = None,
        at: dt.datetime = NOW,
    ) -> Trust:
        """Return the trust of a recipient."""
        lists = {"root": self.root.revoked(*by_root), "issuing": self.issuing.revoked(*revoked)}
        pem = self.root.certificate.public_bytes(Encoding.PEM)
        der = (issuing or self.issuing.certificate).public_bytes(Encoding.DER)
        return trust(pem, der, lists, at=at)

    def signer(self, use: str, *names: Name, binds: bool = True) -> None:
        """Put a new key for A where its desk looks for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        kind = BINDS if binds else PROTOCOL
        certificate = self.issuing.issue(key, *names, OF_A, use=kind)
        self.put(use, key, certificate)

    def put(self, use: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        """Keep a key where A's desk looks for it."""
        stored = pkcs12.serialize_key_and_certificates(
            None, key, certificate, None, BestAvailableEncryption(PASSWORD)
        )
        (self.folder / f"A.{use}.p12").write_bytes(stored)


OF_A = (NameOID.ORGANIZATION_IDENTIFIER, "A")
OFFICE = (NameOID.ORGANIZATION_NAME, "Office A")
PERSON, ORGANISATION = (NameOID.COMMON_NAME, "Minh"), (NameOID.COMMON_NAME, "Office A")


def founded(folder: Path) -> Country:
    """Return a country whose agency A can sign and whose exchange can make receipts."""
    issuing_key, receipts = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = root_of("root")
    issuing = Authority(issuing_key, root.issue(issuing_key, (NameOID.COMMON_NAME, "issuing")))
    own = issuing.issue(receipts, (NameOID.COMMON_NAME, RECEIPT_SUBJECT), use=PROTOCOL)
    country = Country(folder, root, issuing, Desk(folder, folder / "papers"), receipts, own)
    country.signer("leader", PERSON, OFFICE)
    country.signer("seal", ORGANISATION, OFFICE)
    return country


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
