"""A time-stamping authority of the bench, listed beside the development PKI, and what it proves."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from infra.pki.authority import Authority, Period, PrivateKey, new_key, root_of, sign_list, subject
from infra.pki.sign import Proof
from services.signing.validation import material
from services.signing.validation.material import Material

_ALWAYS = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Stamping:
    """A root that issues time-stamping units, its list, and one unit."""

    root: Authority
    own_list: bytes
    unit: x509.Certificate
    key: PrivateKey

    @classmethod
    def made(cls, period: Period) -> "Stamping":
        """Make all of it; the list names nobody."""
        root = root_of("CA dấu thời gian (đo)")
        key = new_key(rsa_bits=2048)  # all that the library's own unit signs with
        return cls(root, sign_list(root, number=1, period=period), _unit(root, key), key)

    def listed(self, own: Material) -> Material:
        """Return the material with this authority, for time stamps alone."""
        der = self.root.certificate.public_bytes(Encoding.DER)
        authority = material.Authority("stamps", der, True, _ALWAYS, None, ("timestamp",))
        return replace(
            own,
            authorities=(*own.authorities, authority),
            lists=(*own.lists, material.Listed("stamps", self.own_list)),
        )

    def stamps(self) -> Proof:
        """Return what makes PAdES B-T of a signature."""
        unit = asn1_x509.Certificate.load(self.unit.public_bytes(Encoding.DER))
        plain = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        store = SimpleCertificateStore.from_certs([unit])
        return Proof(DummyTimeStamper(unit, keys.PrivateKeyInfo.load(plain), store))

    def archive(self, trusted: Material) -> Proof:
        """Return what puts chains and lists into the file, too, and stamps it at its end."""
        ders: dict[bool, list[asn1_x509.Certificate]] = {True: [], False: []}
        for one in trusted.authorities:
            ders[one.anchor].append(asn1_x509.Certificate.load(one.der))
        context = ValidationContext(
            trust_roots=ders[True],
            other_certs=ders[False],
            crls=_lists(trusted),
            revocation_mode="hard-fail",
        )
        return replace(self.stamps(), context=context)


def _lists(trusted: Material) -> Sequence[bytes]:
    return [bytes(one.der) for one in trusted.lists]


def _unit(root: Authority, key: PrivateKey) -> x509.Certificate:
    """Return a unit's certificate (RFC 3161 2.3)."""
    period = Period.years(5)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return (
        x509.CertificateBuilder()
        .subject_name(subject(common_name="Dấu thời gian (đo)", organisation="Liên thông (đo)"))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.begins)
        .not_valid_after(period.ends)
        .add_extension(usage, critical=True)
        .add_extension(purposes, critical=True)
        .add_extension(identifier, critical=False)
        .sign(root.key, hashes.SHA256())
    )
