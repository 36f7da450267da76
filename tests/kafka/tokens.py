"""An issuer of a test's own: keys, their JWKS, and access tokens as the gateway signs them."""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.settings import AUDIENCE
from shared.tokens import KAFKA_CLAIM, kafka_principal

ISSUER = "http://127.0.0.1:1"
"""What `OwnKafka` takes for the issuer."""


def user(client: str, *, since: int = 0) -> str:
    """Return who the bearer of a client's token is, if its older tokens ended at a second."""
    return kafka_principal(client, datetime.fromtimestamp(since, UTC))


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key that signs access tokens."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def jwk(self) -> dict[str, Any]:
        """Return the public key as the gateway publishes its own."""
        public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.private.public_key()))
        return public | {"kid": self.kid, "use": "sig", "alg": "ES256"}

    def token(self, client: str, *, life: int = 600, **claims: object) -> str:
        """Return a token of this client; `claims` replace or add to the right ones."""
        now = int(time.time())
        content: dict[str, object] = {
            "iss": ISSUER,
            "sub": client,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + life,
            "jti": str(uuid4()),
            "client_id": client,
            KAFKA_CLAIM: user(client),
            "agencies": ["G22"],
            "scope": "documents.receive",
            "client_version": 1,
            "directory_version": 1,
        }
        headers = {"typ": "at+jwt", "kid": self.kid}
        return jwt.encode(content | claims, self.private, algorithm="ES256", headers=headers)
