"""Certificate authorities of the development PKI and the profiles of what they issue."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from infra.pki.files import write

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_ORGANISATION = "Liên thông (môi trường phát triển)"
_CA_YEARS = 20
"""Decree 68/2024 art. 9: a CA's certificate lasts 20 years, a new subscriber's at most 5."""
_LEAF_YEARS = 5
_NAME_LIMIT = 64
"""RFC 5280 appendix A, ub-common-name and ub-organization-name."""
_ROOT_LIST_LIFE = dt.timedelta(days=365)


class Use(StrEnum):
    """What a certificate is for."""

    LEADER = "leader"
    SEAL = "seal"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA's certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Period:
    """When a certificate is valid."""

    begins: dt.datetime
    ends: dt.datetime

    @classmethod
    def years(cls, years: int) -> "Period":
        """Return a period that began an hour ago, for clocks that are a little behind."""
        begins = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1)
        return cls(begins, begins + dt.timedelta(days=365 * years))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where certificates say that their issuer's certificate and revocation list are found."""

    base: str
    """Base URL of the service `signing`."""

    def issuer(self, authority: str) -> x509.AuthorityInformationAccess:
        """Return the AIA extension of a certificate issued by `root` or `issuing`."""
        place = x509.UniformResourceIdentifier(f"{self.base}/pki/{authority}/ca.crt")
        method = AuthorityInformationAccessOID.CA_ISSUERS
        return x509.AuthorityInformationAccess([x509.AccessDescription(method, place)])

    def revocations(self, authority: str) -> x509.CRLDistributionPoints:
        """Return the CRL distribution points of a certificate issued by `root` or `issuing`."""
        place = x509.UniformResourceIdentifier(f"{self.base}/pki/{authority}/crl")
        return x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])


def new_key(*, rsa_bits: int | None = None) -> PrivateKey:
    """Return a fresh key: P-256, or RSA when a size is named."""
    if rsa_bits is None:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)


def subject(*, common_name: str, organisation: str, code: str | None = None) -> x509.Name:
    """Return a subject name; what is too long for X.520 is cut, the stored row is the truth."""
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation)),
    ]
    if code:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, code))
    parts.append(x509.NameAttribute(NameOID.COMMON_NAME, _cut(common_name)))
    return x509.Name(parts)


def _cut(name: str) -> str:
    # The library counts bytes of UTF-8, where X.520 counts characters.
    return name.encode()[:_NAME_LIMIT].decode(errors="ignore").rstrip()


def make_root(folder: Path) -> Authority:
    """Load the root CA from `folder`, or make it."""
    if (folder / "root.pem").exists() and (folder / "root.key.pem").exists():
        return load(folder, "root")
    return _store(folder, "root", root_of("CA gốc chuyên dùng công vụ (phát triển)"))


def root_of(common_name: str) -> Authority:
    """Make a root that is kept nowhere."""
    name = subject(common_name=common_name, organisation=_ORGANISATION)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key.public_key(), Period.years(_CA_YEARS))
    builder = _as_authority(builder, key.public_key(), path_length=None)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def make_issuing(folder: Path, root: Authority, addresses: Addresses) -> Authority:
    """Load the CA that serves state agencies from `folder`, or have the root issue it."""
    if (folder / "issuing.pem").exists() and (folder / "issuing.key.pem").exists():
        issuing = load(folder, "issuing")
        if issuing.certificate.issuer == root.certificate.subject:
            return issuing
    name = subject(
        common_name="CA phục vụ các cơ quan Nhà nước (phát triển)", organisation=_ORGANISATION
    )
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(
        name, root.certificate.subject, key.public_key(), Period.years(_CA_YEARS // 2)
    )
    builder = _as_authority(builder, key.public_key(), path_length=0)
    builder = _issued_by(builder, root, addresses, "root")
    return _store(folder, "issuing", Authority(builder.sign(root.key, hashes.SHA256()), key))


def load(folder: Path, name: str) -> Authority:
    """Load `<name>.pem` and `<name>.key.pem`."""
    key = serialization.load_pem_private_key((folder / f"{name}.key.pem").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{name}.key.pem is not an elliptic-curve key")
    certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    return Authority(certificate, key)


def issue(
    issuing: Authority,
    name: x509.Name,
    key: PrivateKey,
    *,
    use: Use,
    addresses: Addresses,
    period: Period | None = None,
) -> x509.Certificate:
    """Issue a subscriber's certificate."""
    builder = _builder(
        name,
        issuing.certificate.subject,
        key.public_key(),
        period or Period.years(_LEAF_YEARS),
    )
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_key_usage(use), critical=True)
    purpose = (
        ExtendedKeyUsageOID.CLIENT_AUTH
        if use is Use.PROTOCOL
        else ExtendedKeyUsageOID.EMAIL_PROTECTION
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    builder = _issued_by(builder, issuing, addresses, "issuing")
    return builder.sign(issuing.key, hashes.SHA256())


def make_root_list(folder: Path, root: Authority) -> None:
    """Write `root.crl`, the root's revocation list, unless one is there that lasts a month."""
    path = folder / "root.crl"
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    number = 1
    if path.exists():
        old = x509.load_der_x509_crl(path.read_bytes())
        if old.issuer == root.certificate.subject and old.is_signature_valid(root.key.public_key()):
            ends = old.next_update_utc
            if ends and ends - now > dt.timedelta(days=30):
                return
            number = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    period = Period(now - dt.timedelta(hours=1), now + _ROOT_LIST_LIFE)
    write(path, sign_list(root, number=number, period=period))


def sign_list(by: Authority, *, number: int, period: Period, revoked: Sequence[int] = ()) -> bytes:
    """Return a revocation list (DER) with these serial numbers."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(period.begins)
        .next_update(period.ends)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority_key(by), critical=False)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(period.begins).build())
    return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _store(folder: Path, name: str, authority: Authority) -> Authority:
    write(folder / f"{name}.key.pem", key_pem(authority.key), secret=True)
    write(folder / f"{name}.pem", pem(authority.certificate))
    return authority


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    period: Period,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.begins)
        .not_valid_after(period.ends)
    )


def _as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey, *, path_length: int | None
) -> x509.CertificateBuilder:
    usage = _usage(key_cert_sign=True, crl_sign=True)
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued_by(
    builder: x509.CertificateBuilder, issuer: Authority, addresses: Addresses, authority: str
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(_authority_key(issuer), critical=False)
        .add_extension(addresses.revocations(authority), critical=False)
        .add_extension(addresses.issuer(authority), critical=False)
    )


def _authority_key(issuer: Authority) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _key_usage(use: Use) -> x509.KeyUsage:
    # An official's and an organisation's signature bind (nonRepudiation); a protocol key does not.
    return _usage(digital_signature=True, content_commitment=use is not Use.PROTOCOL)


def _usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
