"""Tokens that are not ours, or not ours any more: each a way that has worked somewhere."""

import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hmac as hmac_
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.shared.issuing import Issuer, b64, public_jwk, sign

Forge = Callable[[Issuer], str]


def claims(**changes: Any) -> Forge:  # noqa: ANN401 (any JSON)
    """Change claims of a token that our key signs."""
    return lambda issuer: issuer.token(**changes)


def header(**changes: Any) -> Forge:  # noqa: ANN401
    """Change the header of a token that our key signs."""
    return lambda issuer: sign(issuer.keys["es"], issuer.claims(), {"kid": "es", **changes})


def raw_claims(text: str) -> Forge:
    """Sign claims that are no proper JSON object; `%s` stands for good members."""

    def forge(issuer: Issuer) -> str:
        members = json.dumps(issuer.claims())[1:-1]
        return sign(issuer.keys["es"], text.replace("%s", members).encode(), {"kid": "es"})

    return forge


def raw_header(text: str) -> Forge:
    """Sign under a header given as text."""

    def forge(issuer: Issuer) -> str:
        key = issuer.keys["es"]
        whole = sign(key, issuer.claims(), {"kid": "es"})
        return ".".join([b64(text.encode()), *whole.split(".")[1:]])

    return forge


def reshaped(change: Callable[[str, str, str], str]) -> Forge:
    """Change the three parts of a good token."""
    return lambda issuer: change(*issuer.token().split("."))


def _hmac(issuer: Issuer, key: bytes, algorithm: str = "HS256") -> str:
    signed = b64({"alg": algorithm, "typ": "at+jwt", "kid": "es"}) + "." + b64(issuer.claims())
    mac = hmac_.HMAC(key, SHA256())
    mac.update(signed.encode())
    return f"{signed}.{b64(mac.finalize())}"


def _public(issuer: Issuer, encoding: Encoding) -> bytes:
    return issuer.keys["es"].public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def _unsigned(algorithm: str) -> Forge:
    head = {"alg": algorithm, "typ": "at+jwt", "kid": "es"}
    return lambda issuer: f"{b64(head)}.{b64(issuer.claims())}."


def _own_key(**how: Callable[[dict[str, Any]], Any]) -> Forge:
    def forge(issuer: Issuer) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = public_jwk("es", key)
        brought = {name: make(jwk) for name, make in how.items()}
        return sign(key, issuer.claims(), {"kid": "es", **brought})

    return forge


def _psychic(issuer: Issuer) -> str:
    head, body, _ = issuer.token().split(".")
    return f"{head}.{body}.{b64(bytes(64))}"


def _other_key(issuer: Issuer) -> str:
    return sign(ec.generate_private_key(ec.SECP256R1()), issuer.claims(), {"kid": "es"})


def _json_form(issuer: Issuer) -> str:
    head, body, signature = issuer.token().split(".")
    return json.dumps({"protected": head, "payload": body, "signature": signature})


NOW = int(time.time())

FORGED: dict[str, Forge] = {
    **{f"alg {name!r}": _unsigned(name) for name in ("none", "None", "nOnE", "NONE", "")},
    "alg none with a signature": header(alg="none"),
    "HS256 with the PEM of our public key": lambda i: _hmac(i, _public(i, Encoding.PEM)),
    "HS256 with the DER of our public key": lambda i: _hmac(i, _public(i, Encoding.DER)),
    "HS256 with our JWK": lambda i: _hmac(i, json.dumps(public_jwk("es", i.keys["es"])).encode()),
    "HS256 with nothing": lambda i: _hmac(i, b""),
    "HMAC that says ES256": lambda i: _hmac(i, _public(i, Encoding.PEM), "ES256"),
    "an algorithm of another key": header(alg="RS256"),
    "an algorithm that we do not take": header(alg="ES384"),
    "another's key": _other_key,
    "an embedded jwk": _own_key(jwk=lambda jwk: jwk),
    "a jku": _own_key(jku=lambda _: "http://127.0.0.1:9/jwks"),
    "an x5u": _own_key(x5u=lambda _: "http://127.0.0.1:9/chain"),
    "an x5c": _own_key(x5c=lambda _: ["MIIB"]),
    "crit": header(crit=["exp"], exp=NOW),
    "b64 false": header(b64=False, crit=["b64"]),
    "zip": header(zip="DEF"),
    "cty": header(cty="JWT"),
    **{
        f"kid {kid!r}"[:40]: header(kid=kid)
        for kid in ("", "../../es", "es' or 1=1 --", "http://127.0.0.1/es", "e" * 100_000, "ES")
    },
    "kid is a list": raw_header('{"alg": "ES256", "typ": "at+jwt", "kid": ["es"]}'),
    "no kid": raw_header('{"alg": "ES256", "typ": "at+jwt"}'),
    "alg is a list": raw_header('{"alg": ["ES256"], "typ": "at+jwt", "kid": "es"}'),
    "the header is a list": raw_header("[]"),
    "the header is no JSON": raw_header("{"),
    "the header has a member twice": raw_header(
        '{"alg": "ES256", "alg": "ES256", "typ": "at+jwt", "kid": "es"}'
    ),
    **{
        f"typ {kind!r}": header(typ=kind)
        for kind in ("JWT", "logout+jwt", "dpop+jwt", "lienthong-receipt+jwt", "", "at+jwt ")
    },
    **{f"no {name}": claims(**{name: None}) for name in ("iss", "aud", "exp", "iat", "sub")},
    "no client_id": claims(client_id=None),
    "another audience": claims(aud="https://lienthong.vn/internal/docs"),
    "an audience longer than ours": claims(aud="https://lienthong.vn/api/"),
    "an audience in capitals": claims(aud="HTTPS://LIENTHONG.VN/API"),
    "a part of our audience": claims(aud="https://lienthong.vn"),
    "audiences without ours": claims(aud=["a", "b"]),
    "an empty audience": claims(aud=[]),
    "an audience that is a number": claims(aud=7),
    "an audience inside an object": claims(aud={"https://lienthong.vn/api": 1}),
    "another issuer": claims(iss="https://elsewhere.example"),
    "an issuer with a slash": lambda i: i.token(iss=i.url + "/"),
    "issuers": lambda i: i.token(iss=[i.url]),
    "expired": claims(iat=NOW - 700, exp=NOW - 100),
    "expired just now": claims(iat=NOW - 600, exp=NOW - 6),
    "exp as a string": claims(exp=str(NOW + 600)),
    "exp as a float": claims(exp=NOW + 600.5),
    "exp as true": claims(exp=True),
    "exp far away": claims(exp=NOW + 10**9),
    "exp of more than 15 minutes": claims(iat=NOW, exp=NOW + 1000),
    "exp beyond numbers": raw_claims('{%s, "exp": 1e400}'),
    "exp is NaN": raw_claims('{%s, "exp": NaN}'),
    "exp negative": claims(exp=-1),
    "exp is huge": claims(exp=10**30),
    "iat in the future": claims(iat=NOW + 3600, exp=NOW + 4000),
    "iat as a string": claims(iat=str(NOW)),
    "nbf in the future": claims(nbf=NOW + 3600),
    "a claim twice": raw_claims('{%s, "scope": "operator"}'),
    "the claims are a list": raw_claims("[]"),
    "the claims are no JSON": raw_claims("{%s"),
    "the claims are nothing": raw_claims(""),
    "the claims are not UTF-8": lambda i: sign(i.keys["es"], b'{"a": "\xff"}', {"kid": "es"}),
    "brackets without end": raw_claims("[" * 5000),
    "client_id is a number": claims(client_id=7),
    "sub is empty": claims(sub=""),
    "scope is a list": claims(scope=["operator"]),
    "agencies is a string": claims(agencies="H14"),
    "agencies of numbers": claims(agencies=[1]),
    "more than 200 agencies": claims(agencies=[f"H14.{n}" for n in range(201)]),
    "bound to a key that nobody has shown": claims(cnf={"jkt": "x"}),
    "bound to a certificate": claims(cnf={"x5t#S256": "x"}),
    "bound to nothing": claims(cnf=False),
    "a client that was revoked": claims(client_id="sys-revoked", sub="sys-revoked"),
    "a client that nobody knows": claims(client_id="sys-nobody", client_version=None),
    "issued before not_before": claims(client_id="sys-renewed", sub="sys-renewed"),
    "psychic signature": _psychic,
    "a truncated signature": reshaped(lambda h, b, s: f"{h}.{b}.{s[:-4]}"),
    "a longer signature": reshaped(lambda h, b, s: f"{h}.{b}.{s}AAAA"),
    "no signature": reshaped(lambda h, b, _: f"{h}.{b}."),
    "two parts": reshaped(lambda h, b, _: f"{h}.{b}"),
    "four parts": reshaped(lambda h, b, s: f"{h}.{b}.{s}.{s}"),
    "five parts": reshaped(lambda h, b, s: f"{h}.{b}.{s}.{s}.{s}"),
    "detached": reshaped(lambda h, _, s: f"{h}..{s}"),
    "padded": reshaped(lambda h, b, s: f"{h}=.{b}.{s}"),
    "another alphabet": reshaped(lambda h, b, s: f"{h}.{b}.+/{s[2:]}"),
    "another claim under the same signature": reshaped(
        lambda h, _, s: f"{h}.{b64({'client_id': 'x'})}.{s}"
    ),
    "a space inside": reshaped(lambda h, b, s: f"{h}. {b}.{s}"),
    "JSON serialization": _json_form,
    "a very long one": reshaped(lambda h, b, s: f"{h}.{b}.{s}" + "A" * 60_000),
    "only dots": lambda _: "..",
    "a word": lambda _: "token",
}
