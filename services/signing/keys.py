"""Keys of the issuing CA and of those who sign: the only module that touches any of them."""

import base64
import datetime as dt
import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jwt
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from services.signing.store.lists import Published
from services.signing.store.standing import Revoked
from shared.failpoint import reach

AUTHORITIES = ("root", "issuing")
ISSUING = "issuing"
"""The one whose lists are made here."""
LIST_LIFE = dt.timedelta(days=1)
"""How long a revocation list of the issuing CA may be believed."""
_CLOCKS_APART = dt.timedelta(seconds=2)
_FOR_OTHERS = 0o077
_JWS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_log = structlog.get_logger()


class WrongPin(Exception):  # noqa: N818 (what the person did)
    """The PIN does not open the key."""


class NoKey(Exception):  # noqa: N818 (as above)
    """There is no key of this certificate, or what lies in its place cannot be used."""


class SigningKey(Protocol):
    """An opened private key."""

    def sign(self, content: bytes) -> bytes:
        """Sign the SHA-256 of `content`. The same content always gives the same bytes."""
        ...


class KeyStore(Protocol):
    """Where the keys of certificates are kept, each behind its holder's PIN.

    Encrypted files (`KeyFiles`) or a security module (PKCS#11): nothing else knows which.
    """

    def holds(self, certificate: str) -> bool:
        """Say whether the key of a certificate (SHA-256 of its DER) is kept here."""
        ...

    def unlock(self, certificate: str, pin: str) -> SigningKey:
        """Open a key; takes as long as the PIN is hard to guess. Raises WrongPin, NoKey."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    """A key out of a file; it is parsed and checked once, then used as often as need be."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def sign(self, content: bytes) -> bytes:
        """Sign by RSA PKCS#1 v1.5, or ECDSA with the nonce of RFC 6979: never at random."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(content, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Keys as PKCS#12 files `<sha256 of the certificate>.p12`, encrypted under the PIN."""

    folder: Path

    def holds(self, certificate: str) -> bool:
        """Say whether the certificate has its file."""
        return self._path(certificate).is_file()

    def unlock(self, certificate: str, pin: str) -> SigningKey:
        """Decrypt the file. Raises WrongPin, NoKey; a file that others may read is not used."""
        path = self._path(certificate)
        try:
            shared = path.stat().st_mode & _FOR_OTHERS
            content = path.read_bytes()
        except OSError:
            raise NoKey(certificate) from None
        if shared:
            _log.error("key file is open to others", certificate=certificate)
            raise NoKey(certificate)
        try:
            key, holder, _ = pkcs12.load_key_and_certificates(content, pin.encode())
        except ValueError:
            raise WrongPin from None
        fits = holder is not None and holder.fingerprint(hashes.SHA256()).hex() == certificate
        if not fits or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            _log.error("key file holds another key", certificate=certificate)
            raise NoKey(certificate)
        return _Opened(key)

    def _path(self, certificate: str) -> Path:
        return self.folder / f"{certificate}.p12"


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

    def begins(self, name: str) -> dt.datetime:
        """Return from when on an authority's certificate is valid."""
        return self._certificates[name].not_valid_before_utc

    def sign_statement(self, claims: Mapping[str, Any], *, kind: str) -> str:
        """Sign claims as the issuing CA: a JWS (compact form) with the chain to the root in it."""
        chain = [base64.b64encode(self.der(name)).decode() for name in ("issuing", "root")]
        algorithm = (
            "RS256" if isinstance(self._key, rsa.RSAPrivateKey) else _JWS[self._key.curve.name]
        )
        headers = {"typ": kind, "x5c": chain}
        return jwt.encode(dict(claims), self._key, algorithm=algorithm, headers=headers)

    def own_statement(self, compact: str, *, kind: str) -> dict[str, Any]:
        """Return the claims of a statement that this authority has signed. Raises ValueError."""
        try:
            if jwt.get_unverified_header(compact).get("typ") != kind:
                raise ValueError(f"no statement of the kind {kind}")
            key = self._key.public_key()
            return jwt.decode(compact, key, algorithms=["RS256", *_JWS.values()])
        except jwt.PyJWTError as error:
            raise ValueError(f"not signed by the issuing CA: {type(error).__name__}") from None

    def root_list(self) -> bytes | None:
        """Return what the root's holder put into the folder as its list, unread; None: nothing."""
        path = self.folder / "root.crl"
        return path.read_bytes() if path.exists() else None

    def issuing_list(self) -> Published | None:
        """Return the issuing CA's list as it was laid into the folder last; None: never.

        Raises ValueError for one that this authority has not signed.
        """
        found = self._list_in_folder()
        if found is not None:
            signed = x509.load_der_x509_crl(found.der)
            if not signed.is_signature_valid(self._key.public_key()):
                raise ValueError("issuing.crl is not of the issuing CA")
        return found

    def keep_list(self, published: Published) -> None:
        """Lay a list of the issuing CA into the folder, unless a later one lies there.

        Durable when this returns. Raises OSError, and ValueError for what lies there and is none.
        """
        with (self.folder / ".issuing.crl.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # else an earlier one could replace a later one
            there = self._list_in_folder()
            if there is None or there.number < published.number:
                self._lay(published.der)

    def _lay(self, der: bytes) -> None:
        half = self.folder / ".issuing.crl"
        with half.open("wb") as file:
            file.write(der)
            file.flush()
            os.fsync(file.fileno())
            reach("signing.list.synced")
        half.replace(self.folder / "issuing.crl")
        reach("signing.list.laid")
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)  # the name has to last as well
            reach("signing.list.lasts")
        finally:
            os.close(descriptor)

    def _list_in_folder(self) -> Published | None:
        path = self.folder / "issuing.crl"
        if not path.exists():
            return None
        der = path.read_bytes()
        known = x509.load_der_x509_crl(der)
        try:
            number = known.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except x509.ExtensionNotFound:
            raise ValueError("a list without a number (RFC 5280 5.2.3)") from None
        ends = known.next_update_utc or known.last_update_utc
        return Published(ISSUING, number, known.last_update_utc, ends, der)

    def sign_list(self, number: int, revoked: Sequence[Revoked], *, at: dt.datetime) -> Published:
        """Sign the issuing CA's revocation list. `at`: now, by the clock that judgements have."""
        issuer = self._certificates["issuing"]
        begins = at.replace(microsecond=0) - _CLOCKS_APART
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
