"""Which algorithm a signature was made with, whether its value is right, until when it may be."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from services.signing.finding import WEAK
from services.signing.validation.failures import UNREAD
from services.signing.validation.indication import Refused, refused
from services.signing.validation.policy import Policy
from services.signing.validation.structures import PssParameters, SignatureAlgorithm, Signed

Key: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
PSS = "rsassa_pss"
_PKCS1, _ECDSA = "rsassa_pkcs1v15", "ecdsa"
SIGNATURES: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.1": (_PKCS1, None),
    "1.2.840.113549.1.1.4": (_PKCS1, "md5"),
    "1.2.840.113549.1.1.5": (_PKCS1, "sha1"),
    "1.2.840.113549.1.1.14": (_PKCS1, "sha224"),
    "1.2.840.113549.1.1.11": (_PKCS1, "sha256"),
    "1.2.840.113549.1.1.12": (_PKCS1, "sha384"),
    "1.2.840.113549.1.1.13": (_PKCS1, "sha512"),
    "1.2.840.113549.1.1.10": (PSS, None),
    "1.2.840.10045.4.1": (_ECDSA, "sha1"),
    "1.2.840.10045.4.3.1": (_ECDSA, "sha224"),
    "1.2.840.10045.4.3.2": (_ECDSA, "sha256"),
    "1.2.840.10045.4.3.3": (_ECDSA, "sha384"),
    "1.2.840.10045.4.3.4": (_ECDSA, "sha512"),
}
"""By object identifier: the algorithm, and the digest where the identifier fixes it."""
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a signature was made."""

    algorithm: str
    digest: str
    salt: int = 0
    """Bytes of salt, PSS only."""


@dataclass(frozen=True, slots=True)
class Term:
    """Until when something may be used, by the policy."""

    rule: str
    name: str
    ends: datetime | None
    """None: it may never be used."""


def digest_of(identifier: str) -> str:
    """Return a digest algorithm's name. Raises Refused for one that cannot be computed."""
    if identifier not in DIGESTS:
        raise never("algorithms.digests", f"digest {identifier}")
    return DIGESTS[identifier]


def hashed(content: bytes, digest: str) -> bytes:
    """Return the digest of some bytes."""
    return hashlib.new(digest, content, usedforsecurity=False).digest()


def scheme(asked: SignatureAlgorithm, digest: str) -> Scheme | None:
    """Return how a signature was made; None when its parameters contradict each other.

    Raises Refused for an algorithm that is not known.
    """
    identifier = asked.algorithm.dotted_string
    if identifier not in SIGNATURES:
        raise never("algorithms.signatures", f"algorithm {identifier}")
    algorithm, fixed = SIGNATURES[identifier]
    if fixed not in (None, digest):
        return None
    if algorithm == PSS:
        return _pss(asked.parameters, digest)
    # RFC 5754 3.2, 3.3: NULL, or absent, for RSA; absent for ECDSA.
    rsa = algorithm == _PKCS1 and not isinstance(asked.parameters, PssParameters)
    return Scheme(algorithm, digest) if rsa or asked.parameters is None else None


def _pss(given: object, digest: str) -> Scheme | None:
    if not isinstance(given, PssParameters) or given.digest is None or given.mask is None:
        raise never("algorithms.digests", "RSASSA-PSS with its default, SHA-1")
    named = (given.digest, given.mask.parameters)
    alike = all(DIGESTS.get(one.algorithm.dotted_string) == digest for one in named)
    mgf1 = given.mask.algorithm.dotted_string == "1.2.840.113549.1.1.8"
    return Scheme(PSS, digest, given.salt) if alike and mgf1 and given.trailer == 1 else None


def salted(der: bytes) -> Scheme:
    """Return how a certificate or an OCSP answer (`Signed`) was signed by RSASSA-PSS.

    The library tells neither their salts nor their masks. Raises Refused, ValueError.
    """
    asked = asn1.decode_der(Signed, der).algorithm
    given = asked.parameters
    named = given.digest if isinstance(given, PssParameters) else None
    how = _pss(given, digest_of(named.algorithm.dotted_string) if named else "sha1")
    if how is None:
        raise never("algorithms.signatures", "RSASSA-PSS whose parameters contradict each other")
    return how


def key_of(certificate: x509.Certificate) -> Key:
    """Return a certificate's key. Raises Refused for a kind that no policy knows."""
    try:
        key = certificate.public_key()
    except UNREAD:
        raise never("algorithms.curves", "a key that cannot be read") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise never("algorithms.signatures", f"key {type(key).__name__}")
    return key


def is_right(key: Key, value: bytes, content: bytes, how: Scheme) -> bool:
    """Say whether a signature's value is right for these bytes."""
    algorithm = _HASHES[how.digest]()
    try:
        match key:
            case rsa.RSAPublicKey() if how.algorithm == _PKCS1:
                key.verify(value, content, padding.PKCS1v15(), algorithm)
            case rsa.RSAPublicKey() if how.algorithm == PSS:
                pss = padding.PSS(padding.MGF1(algorithm), how.salt)
                key.verify(value, content, pss, algorithm)
            case ec.EllipticCurvePublicKey() if how.algorithm == _ECDSA:
                key.verify(value, content, ec.ECDSA(algorithm))
            case _:
                return False
    except (InvalidSignature, *UNREAD):
        return False
    return True


def terms(policy: Policy, how: Scheme) -> tuple[Term, ...]:
    """Return until when the algorithms of a signature may be used."""
    return (
        Term("algorithms.digests", f"digest {how.digest}", policy.digest_ends(how.digest)),
        Term(
            "algorithms.signatures",
            f"algorithm {how.algorithm}",
            policy.algorithm_ends(how.algorithm),
        ),
    )


def key_term(policy: Policy, key: Key) -> Term:
    """Return until when a key may be used."""
    if isinstance(key, rsa.RSAPublicKey):
        return Term("algorithms.rsa", f"rsa {key.key_size}", policy.rsa_ends(key.key_size))
    return Term("algorithms.curves", f"ec {key.curve.name}", policy.curve_ends(key.curve.name))


def never(rule: str, detail: str) -> Refused:
    """Return the exception for an algorithm that may not be used at all."""
    return refused("CRYPTO_CONSTRAINTS_FAILURE", rule, WEAK, detail)


def certificate_scheme(one: x509.Certificate | x509.CertificateRevocationList) -> Scheme:
    """Return how a certificate or a revocation list was signed. Raises Refused."""
    identifier = one.signature_algorithm_oid.dotted_string
    if identifier not in SIGNATURES:
        raise never("algorithms.signatures", f"algorithm {identifier}")
    algorithm, digest = SIGNATURES[identifier]
    if digest is None:
        try:
            hashing = one.signature_hash_algorithm
        except UNREAD:
            hashing = None
        digest = hashing.name if hashing else "unknown"
    return Scheme(algorithm, digest)
