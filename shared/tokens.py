"""RFC 9068 access tokens: strict form, fixed algorithms, every claim checked; pure but for keys."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from shared.faults import Json

ALGORITHMS = ("ES256", "EdDSA", "RS256")
"""Fixed in code (RFC 8725 3.1): a token does not choose how it is checked."""

MAX_AGENCIES = 200
MAX_LIFETIME = 900
"""Seconds from `iat` to `exp` at most."""
EXTERNAL_LIFETIME = 3600
"""The same for tokens of an external issuer."""
LEEWAY = 5
"""Seconds that clocks may differ."""

KAFKA_SCOPE = "documents.receive"
"""Only a token with it lets its bearer in at Kafka."""
KAFKA_CLAIM = "kafka_principal"
"""Who the bearer of a token is at Kafka; as `server.properties` names it."""

_LONGEST = 16_384
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
# No crit, b64, jwk, jku, x5u, x5c: a token neither brings its own key nor changes its form.
_HEADER = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})
_SMALLEST_RSA = 2048


class Refused(Exception):  # noqa: N818
    """The token is not one of ours for this audience; the reason is for the log only."""


class Keys(Protocol):
    """Where the issuer's public keys come from."""

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of this id, or None when the issuer has no such key."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """The claims of a verified token."""

    client_id: str
    audience: tuple[str, ...]
    agencies: tuple[str, ...] | None
    """None when an external issuer does not say: all that the client is registered for."""
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    client_version: int | None
    """Version of the client when the token was issued; None from an external issuer."""
    directory_version: int | None


def kafka_principal(client_id: str, not_before: datetime) -> str:
    """Return a client's user at Kafka: another one each time its older tokens come to an end."""
    since = not_before - datetime.fromtimestamp(0, UTC)
    return f"{client_id}@{since // timedelta(microseconds=1)}"


async def verify(
    compact: str, keys: Keys, *, issuer: str, now: float, longest: int = MAX_LIFETIME
) -> Token:
    """Return what a token says, if it is one of this issuer's. Raises Refused.

    `longest` is the most seconds from `iat` to `exp`.
    """
    header, claims = read(compact)
    head, body, signature = compact.split(".")
    kid, algorithm = header.get("kid"), header.get("alg")
    if set(header) - _HEADER or not isinstance(kid, str) or algorithm not in ALGORITHMS:
        raise Refused("header")
    if str(header.get("typ")).lower() not in _TYPES:
        raise Refused("typ")
    key = await keys.get(kid)
    if key is None or key.algorithm_name != algorithm:
        raise Refused("key")
    if not key.Algorithm.verify(f"{head}.{body}".encode(), key.key, _decode(signature)):
        raise Refused("signature")
    return _claims(claims, issuer=issuer, now=now, longest=longest)


def read(compact: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return header and claims of a signed token that can be read in one way only. Raises Refused.

    One form, canonical base64, no member twice; nothing is verified yet.
    """
    if len(compact) > _LONGEST or not _FORM.fullmatch(compact):
        raise Refused("form")
    head, body, signature = compact.split(".")
    _decode(signature)
    return _members(_decode(head)), _members(_decode(body))


def usable(raw: Mapping[str, Any]) -> jwt.PyJWK | None:
    """Return a key of a JWKS if it is one that our algorithms take, else None."""
    if raw.get("use", "sig") != "sig" or not isinstance(raw.get("kid"), str):
        return None
    try:
        key = jwt.PyJWK(dict(raw))
    except (jwt.PyJWTError, ValueError, TypeError, LookupError, NotImplementedError):
        return None
    curve, size = getattr(key.key, "curve", None), getattr(key.key, "key_size", 0)
    on_p256 = getattr(curve, "name", "") == "secp256r1"  # PyJWT takes any curve for ES256
    good = {"ES256": on_p256, "EdDSA": True, "RS256": size >= _SMALLEST_RSA}
    return key if good.get(str(key.algorithm_name), False) else None


def _claims(claims: Mapping[str, Json], *, issuer: str, now: float, longest: int) -> Token:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if claims.get("iss") != issuer:
        raise Refused("iss")
    if expires + LEEWAY <= now or expires - issued > longest:
        raise Refused("exp")
    starts = _seconds(claims, "nbf") if "nbf" in claims else issued
    if max(issued, starts) - LEEWAY > now:
        raise Refused("iat")
    if "cnf" in claims:
        # RFC 9449 7.2, RFC 8705 3: it is worth nothing without a proof, which nobody here asks for.
        raise Refused("cnf")
    client_id = _text(claims, "client_id")
    _text(claims, "sub")
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise Refused("scope")
    agencies = _texts(claims["agencies"]) if "agencies" in claims else None
    if agencies is not None and len(agencies) > MAX_AGENCIES:
        raise Refused("agencies")
    audience = claims.get("aud")
    return Token(
        client_id=client_id,
        audience=(audience,) if isinstance(audience, str) else _texts(audience),
        agencies=agencies,
        scopes=frozenset(scope.split()),
        issued_at=datetime.fromtimestamp(issued, UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
        client_version=_seconds(claims, "client_version") if "client_version" in claims else None,
        directory_version=(
            _seconds(claims, "directory_version") if "directory_version" in claims else None
        ),
    )


def _decode(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Refused("base64") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise Refused("base64 is not canonical")
    return raw


def _members(raw: bytes) -> dict[str, Json]:
    try:
        value: Json = json.loads(
            raw.decode(), object_pairs_hook=_once_each, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise Refused("JSON") from None
    if not isinstance(value, dict):
        raise Refused("JSON object")
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("a member twice")
    return members


def _no_constant(name: str) -> None:
    raise Refused(name)


def _seconds(claims: Mapping[str, Json], name: str) -> int:
    value = claims.get(name)
    # bool is an int in Python, and not a time.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise Refused(name)
    return value


def _text(claims: Mapping[str, Json], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(name)
    return value


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Refused("a list")
    texts = tuple(item for item in value if isinstance(item, str))
    if len(texts) != len(value):
        raise Refused("a list of strings")
    return texts
