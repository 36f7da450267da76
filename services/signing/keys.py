"""The authorities' certificates and keys: the only module that touches a CA's key."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.signing.store.certificates import Revoked
from services.signing.store.lists import Published

AUTHORITIES = ("root", "issuing")
LIST_LIFE = dt.timedelta(days=1)
"""How long a revocation list of the issuing CA may be believed."""
_CLOCKS_APART = dt.timedelta(seconds=2)


class Authorities:
    """The two authorities of the folder; the issuing one can sign revocation lists."""

    def __init__(self, folder: Path) -> None:
        """Read certificates and key. Raises OSError, ValueError, TypeError: missing or odd ones."""
        self.folder = folder
        self._certificates = {
            name: x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
            for name in AUTHORITIES
        }
        raw = (folder / "issuing.key.pem").read_bytes()
        key = serialization.load_pem_private_key(raw, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError("issuing.key.pem: neither RSA nor elliptic curve")
        self._key = key

    def der(self, name: str) -> bytes:
        """Return an authority's certificate."""
        return self._certificates[name].public_bytes(serialization.Encoding.DER)

    def pem(self, name: str) -> bytes:
        """Return an authority's certificate as PEM."""
        return self._certificates[name].public_bytes(serialization.Encoding.PEM)

    def root_list(self) -> Published | None:
        """Return the root's list, which the root's holder puts into the folder."""
        path = self.folder / "root.crl"
        if not path.exists():
            return None
        der = path.read_bytes()
        known = x509.load_der_x509_crl(der)
        number = known.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        ends = known.next_update_utc or known.last_update_utc
        return Published("root", number, known.last_update_utc, ends, der)

    def sign_list(self, number: int, revoked: Sequence[Revoked]) -> Published:
        """Sign the issuing CA's revocation list."""
        issuer = self._certificates["issuing"]
        begins = dt.datetime.now(dt.UTC).replace(microsecond=0) - _CLOCKS_APART
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(begins)
            .next_update(begins + LIST_LIFE)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(authority_key, critical=False)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(_entry(one))
        signed = builder.sign(self._key, hashes.SHA256())
        der = signed.public_bytes(serialization.Encoding.DER)
        return Published("issuing", number, begins, begins + LIST_LIFE, der)


def _entry(one: Revoked) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.revoked_at)
    )
    flag = x509.ReasonFlags(one.reason)
    if flag is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: then the entry says nothing
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    return builder.build()
