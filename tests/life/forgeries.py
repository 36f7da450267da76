"""Tokens that no service may accept, made from a good one with all that an attacker can know."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Material:
    """A good token, the key that signs tokens, and other tokens of the exchange."""

    good: str
    key: ec.EllipticCurvePrivateKey
    foreign: Mapping[str, str]
    """Signed by the exchange itself, but for something else: internal audience, receipt, …"""

    @property
    def header(self) -> dict[str, Any]:
        """Return the good token's header."""
        return jwt.get_unverified_header(self.good)

    @property
    def claims(self) -> dict[str, Any]:
        """Return the good token's claims."""
        return jwt.decode(self.good, options={"verify_signature": False})

    def signed(self, *, header: Mapping[str, Any] | None = None, **claims: object) -> str:
        """Return a token rightly signed by the exchange's key, with other header or claims.

        A claim of None is left out.
        """
        content = {k: v for k, v in {**self.claims, **claims}.items() if v is not None}
        return self.compact({**self.header, **(header or {})}, json.dumps(content).encode())

    def compact(self, header: Mapping[str, Any], payload: bytes) -> str:
        """Sign any bytes."""
        signer = jwt.PyJWS()
        rest = {k: v for k, v in header.items() if v is not None}
        return signer.encode(payload, self.key, algorithm="ES256", headers=rest)


def forgeries(material: Material) -> Iterator[tuple[str, Headers]]:
    """Yield a name and the headers of a request for each forgery."""
    yield "no token", {}
    for name, value in {
        "empty": "Bearer ",
        "basic": "Basic " + base64.b64encode(b"sys-g22:x").decode(),
        "token without scheme": material.good,
        "two tokens in one header": f"Bearer {material.good}, Bearer {material.good}",
        "white space": f"Bearer  {material.good} ",
    }.items():
        yield name, {"Authorization": value}
    yield "cookie", {"Cookie": f"access_token={material.good}"}
    for name, token in [*_structure(material), *_algorithms(material), *_headers(material)]:
        yield name, {"Authorization": f"Bearer {token}"}
    for name, token in [*_claims(material), *material.foreign.items()]:
        yield name, {"Authorization": f"Bearer {token}"}


def _structure(material: Material) -> Iterator[tuple[str, str]]:
    head, payload, signature = material.good.split(".")
    other = _b64(json.dumps({**material.claims, "agencies": ["H14"]}).encode())
    yield "payload changed", f"{head}.{other}.{signature}"
    yield "signature cut", material.good[:-8]
    yield "signature empty", f"{head}.{payload}."
    yield "signature missing", f"{head}.{payload}"
    yield "signature of zeros", f"{head}.{payload}.{_b64(bytes(64))}"
    yield "signature padded", material.good + "=="
    yield "five parts", f"{material.good}.a.b"
    yield "JSON form", json.dumps({"payload": payload, "protected": head, "signature": signature})
    yield "garbage", "x" * 20_000
    yield "not ASCII", "văn.bản.điện-tử".encode().decode("latin-1")


def _algorithms(material: Material) -> Iterator[tuple[str, str]]:
    payload = material.good.split(".")[1]
    for none in ("none", "None", "nOnE", ""):
        head = _b64(json.dumps({**material.header, "alg": none}).encode())
        yield f"alg {none!r}", f"{head}.{payload}."
    public = material.key.public_key()
    secrets: dict[str, bytes] = {
        "PEM": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "DER": public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }
    for name, secret in secrets.items():
        head = _b64(json.dumps({**material.header, "alg": "HS256"}).encode())
        mac = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
        yield f"HS256 with the public key as {name}", f"{head}.{payload}.{_b64(mac)}"


def _headers(material: Material) -> Iterator[tuple[str, str]]:
    own = ec.generate_private_key(ec.SECP256R1())
    stranger = Material(material.good, own, {})
    yield "another key under our kid", stranger.signed()
    jwk = json.loads(ECAlgorithm.to_jwk(own.public_key()))
    yield "key in the header (jwk)", stranger.signed(header={"jwk": jwk})
    yield "jku", stranger.signed(header={"jku": "http://127.0.0.1:9/jwks.json", "kid": "x"})
    yield "x5u", stranger.signed(header={"x5u": "http://127.0.0.1:9/x.pem", "kid": "x"})
    for name, kid in {
        "path": "../../../../dev/null",
        "SQL": "' or 1=1 --",
        "URL": "http://127.0.0.1:9/key",
        "long": "k" * 5_000,
    }.items():
        yield f"kid: {name}", stranger.signed(header={"kid": kid})
    yield "no kid, another key", stranger.signed(header={"kid": None})
    yield "typ JWT", material.signed(header={"typ": "JWT"})
    yield "typ of a receipt", material.signed(header={"typ": "lienthong-receipt+jwt"})
    yield "unknown crit", material.signed(header={"crit": ["exp", "x"], "x": 1})


def _claims(material: Material) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    changed: dict[str, dict[str, object]] = {
        "expired": {"iat": now - 2_000, "exp": now - 1_100},
        "no exp": {"exp": None},
        "exp as text": {"exp": str(now + 600)},
        "exp a day ahead": {"exp": now + 86_400},
        "not yet": {"nbf": now + 600},
        "issued in the future": {"iat": now + 600, "exp": now + 1_200},
        "no aud": {"aud": None},
        "another aud": {"aud": "https://example.vn/api"},
        "aud longer than ours": {"aud": f"{material.claims['aud']}/x"},
        "another iss": {"iss": "https://example.vn"},
        "iss with a slash": {"iss": f"{material.claims['iss']}/"},
        "no iss": {"iss": None},
        "no sub": {"sub": None},
        "no client_id": {"client_id": None},
        "unknown client": {"client_id": "sys-nobody", "sub": "x", "client_version": None},
    }
    for name, claims in changed.items():
        yield name, material.signed(header=None, **claims)
    yield "claims are a list", material.compact(material.header, b"[1]")
    yield "claims are no JSON", material.compact(material.header, b"{")
    yield (
        "exp out of range",
        material.compact(
            material.header,
            json.dumps({**material.claims, "exp": 0}).replace('"exp": 0', '"exp": 1e400').encode(),
        ),
    )


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
