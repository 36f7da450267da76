"""Certificates written by hand, right and wrong (RFC 5280 4)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.conformance.der import bits, explicit, integer, octets, oid, sequence, tlv
from tests.conformance.keys import How, Key, algorithm, public, sign

_UTC_TIME, _GENERALIZED = 0x17, 0x18
_TRUE = b"\x01\x01\xff"
_LAST_UTC_YEAR = 2049
Usage = Literal[
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
]
_USAGES: tuple[Usage, ...] = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)

EMAIL = "1.3.6.1.5.5.7.3.4"
DOCUMENTS = "1.3.6.1.5.5.7.3.36"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
CLIENT = "1.3.6.1.5.5.7.3.2"
SERVER = "1.3.6.1.5.5.7.3.1"
CODE = "1.3.6.1.5.5.7.3.3"
ANY_USE = "2.5.29.37.0"

_BEGINS, _ENDS = datetime(2024, 1, 1, tzinfo=UTC), datetime(2028, 12, 31, tzinfo=UTC)
CA_BEGINS, CA_ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension, encoded."""

    kind: str
    value: bytes
    critical: bool = False

    def dump(self) -> bytes:
        """Return its DER (RFC 5280 4.1)."""
        flag = (_TRUE,) if self.critical else ()
        return sequence(oid(self.kind), *flag, octets(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a certificate says; the default is what a good subscriber's says."""

    begins: datetime = _BEGINS
    ends: datetime = _ENDS
    ca: bool | None = False
    """None: no basic constraints."""
    path_length: int | None = None
    usage: tuple[Usage, ...] | None = ("content_commitment",)
    extended: tuple[str, ...] | None = (EMAIL,)
    extended_critical: bool = False
    extra: tuple[Extension, ...] = ()
    key_ids: bool = True
    how: How = field(default_factory=How)
    """How the issuer signs it."""
    signed_by: Key | None = None
    """Another key than the issuer's."""
    issuer_name: x509.Name | None = None
    """Another name than the issuer's."""


SUBSCRIBER = Profile()
AUTHORITY = Profile(
    begins=CA_BEGINS,
    ends=CA_ENDS,
    ca=True,
    usage=("key_cert_sign", "crl_sign"),
    extended=None,
)
STAMPER = Profile(
    ends=datetime(2044, 1, 1, tzinfo=UTC),
    usage=("digital_signature",),
    extended=(TIME_STAMPING,),
    extended_critical=True,
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and its key."""

    name: x509.Name
    key: Key
    der: bytes
    serial: int
    issuer: x509.Name

    @property
    def sha256(self) -> str:
        """Return its digest, lower-case hex: the name of its row."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def issuer_and_serial(self) -> bytes:
        """Return IssuerAndSerialNumber (RFC 5652 10.2.4)."""
        return sequence(self.issuer.public_bytes(), integer(self.serial))


def named(common: str, *, organisation: str = "Văn phòng Chính phủ") -> x509.Name:
    """Return a subject name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def key_id(of: Key) -> bytes:
    """Return a key identifier (RFC 5280 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(of.public_key()).digest


def moment(at: datetime) -> bytes:
    """Return a Time (RFC 5280 4.1.2.5)."""
    if at.year > _LAST_UTC_YEAR:
        return tlv(_GENERALIZED, at.strftime("%Y%m%d%H%M%SZ").encode())
    return tlv(_UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode())


def generalized(at: datetime) -> bytes:
    """Return a GeneralizedTime."""
    return tlv(_GENERALIZED, at.strftime("%Y%m%d%H%M%SZ").encode())


def issue(name: x509.Name, key: Key, by: Holder | None, profile: Profile, *, serial: int) -> Holder:
    """Return a certificate issued by a holder; by itself when that is None."""
    issuer = profile.issuer_name or (by.name if by else name)
    signer = profile.signed_by or (by.key if by else key)
    body = sequence(
        explicit(0, integer(2)),
        integer(serial),
        algorithm(signer, profile.how),
        issuer.public_bytes(),
        sequence(moment(profile.begins), moment(profile.ends)),
        name.public_bytes(),
        public(key),
        explicit(3, sequence(*(one.dump() for one in _extensions(key, by, profile)))),
    )
    value = sign(signer, body, profile.how)
    der = sequence(body, algorithm(signer, profile.how), bits(value))
    return Holder(name, key, der, serial, issuer)


def _extensions(key: Key, by: Holder | None, profile: Profile) -> Sequence[Extension]:
    found: list[Extension] = []
    if profile.ca is not None:
        constraints = x509.BasicConstraints(ca=profile.ca, path_length=profile.path_length)
        found.append(Extension("2.5.29.19", constraints.public_bytes(), critical=True))
    if profile.usage is not None:
        found.append(Extension("2.5.29.15", _usage(profile.usage), critical=True))
    if profile.extended is not None:
        uses = sequence(*(oid(one) for one in profile.extended))
        found.append(Extension("2.5.29.37", uses, critical=profile.extended_critical))
    if profile.key_ids:
        found.append(Extension("2.5.29.14", octets(key_id(key))))
        if by:
            found.append(Extension("2.5.29.35", sequence(tlv(0x80, key_id(by.key)))))
    return [*found, *profile.extra]


def _usage(usages: Sequence[Usage]) -> bytes:
    flags = {f"{name}": name in usages for name in _USAGES}
    return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False).public_bytes()


UNKNOWN = "1.3.6.1.4.1.55555.7.1"
"""An extension that nobody knows."""


def unknown(*, critical: bool) -> Extension:
    """Return an extension that nobody knows."""
    return Extension(UNKNOWN, tlv(0x0C, b"gi do"), critical)


def constrained(
    *,
    permitted: Sequence[x509.GeneralName] | None = None,
    excluded: Sequence[x509.GeneralName] | None = None,
) -> Extension:
    """Return name constraints (RFC 5280 4.2.1.10)."""
    value = x509.NameConstraints(permitted, excluded).public_bytes()
    return Extension("2.5.29.30", value, critical=True)


def subtree(*, country: str = "VN", organisation: str | None = None) -> x509.DirectoryName:
    """Return a directory subtree for name constraints."""
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, country)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.DirectoryName(x509.Name(parts))


def mail(address: str) -> Extension:
    """Return a subject alternative name with one mail address."""
    value = x509.SubjectAlternativeName([x509.RFC822Name(address)]).public_bytes()
    return Extension("2.5.29.17", value)


def policies(*identifiers: str, critical: bool = False) -> Extension:
    """Return certificate policies (RFC 5280 4.2.1.4)."""
    value = sequence(*(sequence(oid(one)) for one in identifiers))
    return Extension("2.5.29.32", value, critical)


def explicit_policy(skip: int = 0) -> Extension:
    """Return policy constraints that ask for a policy (RFC 5280 4.2.1.11)."""
    return Extension("2.5.29.36", sequence(tlv(0x80, bytes([skip]))), critical=True)


def list_at(address: str) -> Extension:
    """Return a CRL distribution point."""
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(address)], None, None, None)
    return Extension("2.5.29.31", x509.CRLDistributionPoints([point]).public_bytes())
