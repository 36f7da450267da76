"""Signing whatever an attacker may want signed: JWS by hand, since no library would make these."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Key = ec.EllipticCurvePrivateKey
Members = Mapping[str, Any]
_SHA256 = hashes.SHA256()
HALF = 32
"""Bytes of each half of an ES256 signature."""
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group of P-256."""
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
"""Of the field over which P-256 is."""


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(part: str) -> bytes:
    """Return the bytes of one part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(value: Members | bytes) -> str:
    """Return a header or claims as a part of a token; bytes as they are."""
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def members(part: str) -> dict[str, Any]:
    """Return the header or claims in a part of a token."""
    return json.loads(unb64(part))


def signature(signed: str, key: Key, digest: hashes.HashAlgorithm = _SHA256) -> bytes:
    """Return an ES256 signature in the form of JWS (RFC 7518 3.4)."""
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(digest)))
    return r.to_bytes(HALF) + s.to_bytes(HALF)


def compact(header: Members | bytes, payload: Members | bytes, key: Key) -> str:
    """Return a token, signed by the rules whatever it says."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{b64(signature(signed, key))}"


def load(pem: bytes) -> Key:
    """Return the private key of a PEM file. Raises TypeError for another kind of key."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic-curve key")
    return key


def new_key() -> Key:
    """Return a new key, the attacker's own."""
    return ec.generate_private_key(ec.SECP256R1())


def public(key: Key, encoding: serialization.Encoding) -> bytes:
    """Return the public half, which everybody can know."""
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key: Key, **more: str) -> dict[str, str]:
    """Return the public half as a JWK."""
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(HALF)),
        "y": b64(numbers.y.to_bytes(HALF)),
        **more,
    }


def private(key: Key) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
