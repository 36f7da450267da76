"""How a client proves who it is at the token endpoint: a signed assertion, or a secret."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus

import jwt

from services.gateway.store import StoredClient
from shared.tokens import ALGORITHMS, LEEWAY, Refused, read, usable

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_ASSERTION = 300
"""Seconds that an assertion may be valid, so that used ones need not be kept for long."""
_LONGEST_JTI = 200


class NotProved(Exception):  # noqa: N818
    """The client has not proved who it says it is."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A signed assertion whose signer claims to be `client_id`; not checked yet."""

    client_id: str
    compact: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A client id and its secret (client_secret_basic)."""

    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Use:
    """What makes one use of an assertion different from any other."""

    jti: str
    expires_at: datetime
    earliest: datetime
    """Before this moment it was not used: when it was made, or may have been made."""


def by_assertion(form: dict[str, str]) -> dict[str, str]:
    """Read the JWT-bearer grant (RFC 7523 2.1) as what it proves: the client's own assertion.

    librdkafka (kcat, .NET, Go, PHP) can sign no other request for a token.
    """
    if form.get("grant_type") != JWT_BEARER or "client_assertion" in form:
        return form
    return form | {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": form.get("assertion", ""),
    }


def claimed(form: Mapping[str, str], authorization: str | None) -> Assertion | Secret:
    """Return the one proof that a token request brings. Raises NotProved."""
    proof = _proof(form, authorization)
    # No client is called so, and PostgreSQL's text cannot hold NUL or a lone surrogate.
    if not proof.client_id.isprintable() or form.get("client_id", proof.client_id) != (
        proof.client_id
    ):
        raise NotProved("client_id")
    return proof


def _proof(form: Mapping[str, str], authorization: str | None) -> Assertion | Secret:
    compact = form.get("client_assertion")
    if (compact is None) == (authorization is None) or "client_secret" in form:
        raise NotProved("exactly one way to authenticate")
    if compact is None:
        return _basic(authorization or "")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise NotProved("client_assertion_type")
    try:
        subject = read(compact)[1].get("sub")
    except Refused:
        raise NotProved("the assertion is no JWT") from None
    if not isinstance(subject, str):
        raise NotProved("sub")
    return Assertion(subject, compact)


def _basic(authorization: str) -> Secret:
    scheme, _, value = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotProved("Basic") from None
    if scheme.lower() != "basic" or not colon:
        raise NotProved("Basic")
    # RFC 6749 2.3.1: both are form-encoded before they are put together.
    return Secret(unquote_plus(name), unquote_plus(secret))


def check_secret(client: StoredClient, proof: Secret) -> None:
    """Raise NotProved unless the secret is this client's."""
    digest = hashlib.sha256(proof.secret.encode()).digest()
    if client.secret_sha256 is None or not hmac.compare_digest(digest, client.secret_sha256):
        raise NotProved("secret")


def check_assertion(client: StoredClient, proof: Assertion, *, audiences: Collection[str]) -> Use:
    """Return the use that must be noted, if a key of the client signed this (RFC 7523 3)."""
    for key in _keys(client, proof.compact):
        try:
            claims = jwt.decode(
                proof.compact,
                key,
                algorithms=[key.algorithm_name],
                audience=audiences,
                issuer=client.client_id,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "jti"], "strict_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            continue
        return _use(claims["jti"], claims["exp"], made=claims.get("iat"))
    raise NotProved("no key of the client fits")


def _keys(client: StoredClient, compact: str) -> list[jwt.PyJWK]:
    try:
        header, _ = read(compact)
    except Refused:
        raise NotProved("header") from None
    keys = [key for raw in client.jwks.get("keys", []) if (key := usable(raw)) is not None]
    wanted, algorithm = header.get("kid"), header.get("alg")
    return [
        key
        for key in keys
        if algorithm in ALGORITHMS
        and key.algorithm_name == algorithm
        and (wanted is None or key.key_id == wanted)
    ]


def _use(jti: object, expires: object, *, made: object) -> Use:
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI or not jti.isprintable():
        raise NotProved("jti")
    if isinstance(expires, bool) or not isinstance(expires, int):
        raise NotProved("exp")
    now = datetime.now(UTC).timestamp()
    if expires > now + LONGEST_ASSERTION + LEEWAY:
        raise NotProved("exp is too far away")
    earliest = expires - LONGEST_ASSERTION - LEEWAY
    if isinstance(made, int) and not isinstance(made, bool) and earliest < made <= now + LEEWAY:
        earliest = made
    return Use(jti, datetime.fromtimestamp(expires, UTC), datetime.fromtimestamp(earliest, UTC))
