"""Private keys and raw signatures of every algorithm that a file may come with, weak ones too."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from tests.conformance.der import NULL, explicit, integer, oid, sequence, tlv

Key: TypeAlias = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey
)
Scheme = Literal["pkcs1v15", "pss", "rsa", "ecdsa", "ed25519", "dsa"]
"""`rsa` is PKCS#1 v1.5 under the identifier rsaEncryption (RFC 3370 3.2), as OpenSSL writes it."""

DIGESTS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 (must be refused)
    "sha1": hashes.SHA1(),  # noqa: S303 (must be refused)
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
}
_RSA = {"md5": 4, "sha1": 5, "sha224": 14, "sha256": 11, "sha384": 12, "sha512": 13}
_ECDSA = {
    "sha1": "1.2.840.10045.4.1",
    "sha224": "1.2.840.10045.4.3.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
    "sha3_256": "2.16.840.1.101.3.4.3.10",
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "p224": ec.SECP224R1(),
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "k256": ec.SECP256K1(),
    "bp256": ec.BrainpoolP256R1(),
}
_NULL = tlv(NULL)


@dataclass(frozen=True, slots=True)
class How:
    """How something is signed."""

    digest: str = "sha256"
    scheme: Scheme | None = None
    """None: what the key is used with by default."""

    def of(self, key: Key) -> Scheme:
        """Return the scheme for a key."""
        return self.scheme or default(key)


def default(key: Key) -> Scheme:
    """Return the scheme that a key is used with by default."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "pkcs1v15"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "dsa" if isinstance(key, dsa.DSAPrivateKey) else "ecdsa"


@cache
def key(kind: str, owner: str) -> Key:
    """Return the key of an owner, made once: `p256`, `rsa2048`, `ed25519`, `dsa2048`, …"""
    del owner
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "dsa2048":
        return dsa.generate_private_key(2048)
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def public(of: Key) -> bytes:
    """Return the SubjectPublicKeyInfo of a key."""
    return of.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def digest_algorithm(name: str) -> bytes:
    """Return the AlgorithmIdentifier of a digest (RFC 5754 2: without parameters)."""
    return sequence(oid(DIGESTS[name]))


def algorithm(of: Key, how: How) -> bytes:
    """Return the AlgorithmIdentifier of a signature."""
    scheme = how.of(of)
    if scheme == "pkcs1v15":
        return sequence(oid(f"1.2.840.113549.1.1.{_RSA[how.digest]}"), _NULL)
    if scheme == "rsa":
        return sequence(oid("1.2.840.113549.1.1.1"), _NULL)
    if scheme == "pss":
        return sequence(oid("1.2.840.113549.1.1.10"), _pss(how.digest))
    if scheme == "ed25519":
        return sequence(oid("1.3.101.112"))
    if scheme == "dsa":
        return sequence(oid("2.16.840.1.101.3.4.3.2"))
    return sequence(oid(_ECDSA[how.digest]))


def _pss(digest: str) -> bytes:
    if digest == "sha1":
        return sequence()  # all of it is the default (RFC 4055 3.1), which DER leaves out
    one = sequence(oid(DIGESTS[digest]), _NULL)
    mask = sequence(oid("1.2.840.113549.1.1.8"), one)
    salt = integer(hashlib.new(digest).digest_size)
    return sequence(explicit(0, one), explicit(1, mask), explicit(2, salt))


def sign(by: Key, content: bytes, how: How) -> bytes:
    """Return a raw signature over `content`."""
    chosen = _HASHES[how.digest]
    if isinstance(by, rsa.RSAPrivateKey):
        if how.of(by) == "pss":
            salted = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
            return by.sign(content, salted, chosen)
        return by.sign(content, padding.PKCS1v15(), chosen)
    if isinstance(by, ed25519.Ed25519PrivateKey):
        return by.sign(content)
    if isinstance(by, dsa.DSAPrivateKey):
        return by.sign(content, chosen)
    return by.sign(content, ec.ECDSA(chosen))
