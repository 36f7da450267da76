"""The keys that sign access tokens: read from a folder, published before they sign, and after."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.tokens import LEEWAY, MAX_LIFETIME

PUBLISHED_FIRST = timedelta(minutes=10)
"""How long a key is published before it signs: longer than anyone keeps a key set."""
PUBLISHED_AFTER = timedelta(seconds=MAX_LIFETIME + 2 * LEEWAY)
"""How long a key stays published after it has left the folder: its last tokens have ended."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of the folder and what the world is told of it."""

    kid: str
    private: ec.EllipticCurvePrivateKey
    jwk: dict[str, Any]

    def sign(self, claims: dict[str, Any]) -> str:
        """Return an RFC 9068 access token with these claims."""
        headers = {"typ": "at+jwt", "kid": self.kid}
        return jwt.encode(claims, self.private, algorithm="ES256", headers=headers)


@dataclass(frozen=True, slots=True)
class Published:
    """A key as the database knows it, by its clock."""

    kid: str
    jwk: dict[str, Any]
    published_at: datetime


def read_folder(folder: Path) -> dict[str, SigningKey]:
    """Return the keys of the folder by id; a file that is no such key is named and passed over."""
    found: dict[str, SigningKey] = {}
    for file in sorted(folder.glob("*.pem")):
        try:
            found[file.stem] = _read(file)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            _log.warning("not a token key", file=file.name, cause=str(error))
    return found


def _read(file: Path) -> SigningKey:
    pem = file.read_bytes()
    private = serialization.load_pem_private_key(pem, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise TypeError("not a P-256 key")
    chain = x509.load_pem_x509_certificates(pem) if b"BEGIN CERTIFICATE" in pem else []
    public = private.public_key()
    if chain and chain[0].public_key() != public:
        raise ValueError("the first certificate is of another key")
    jwk: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(public))
    jwk |= {"kid": file.stem, "use": "sig", "alg": "ES256"}
    if chain:
        jwk["x5c"] = [_base64(certificate) for certificate in chain]
    return SigningKey(file.stem, private, jwk)


def _base64(certificate: x509.Certificate) -> str:
    lines = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii").splitlines()
    return "".join(lines[1:-1])  # RFC 7517 4.7: base64 of the DER, without the armour


def choose(
    keys: dict[str, SigningKey], published: Sequence[Published], *, now: datetime
) -> SigningKey | None:
    """Return the key that signs now: the newest that has been published long enough.

    When none has (a first start, or the old one taken away at once), the one published longest.
    """
    known = sorted(
        (row for row in published if row.kid in keys), key=lambda row: (row.published_at, row.kid)
    )
    ripe = [row for row in known if row.published_at <= now - PUBLISHED_FIRST]
    chosen = ripe[-1:] or known[:1]
    return keys[chosen[0].kid] if chosen else None
