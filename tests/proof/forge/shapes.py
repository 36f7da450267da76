"""Forgeries by form, algorithm and key: they fit every token that a key signs, whatever it says."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding

from tests.proof.forge import jose
from tests.proof.forge.jose import HALF, ORDER, b64, encoded

Named = Iterator[tuple[str, str]]
_P384_HALF = 48


@dataclass(frozen=True, slots=True)
class Material:
    """A good token, from which one step leads to each forgery, and the key that signed it."""

    good: str
    key: jose.Key

    @property
    def header(self) -> dict[str, Any]:
        """Return the good token's header."""
        return jose.members(self.good.split(".")[0])

    @property
    def claims(self) -> dict[str, Any]:
        """Return the good token's claims."""
        return jose.members(self.good.split(".")[1])

    def with_claims(self, **changes: object) -> str:
        """Return it rightly signed with other claims; one that is None is left out."""
        return jose.compact(self.header, _changed(self.claims, changes), self.key)

    def with_header(self, **changes: object) -> str:
        """Return it rightly signed under another header; a member that is None is left out."""
        return jose.compact(_changed(self.header, changes), self.claims, self.key)


def _changed(members: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def shapes(material: Material) -> Named:
    """Yield name and token of each forgery that fits any signed token."""
    yield from _forms(material)
    yield from _signatures(material)
    yield from _unsigned(material)
    yield from _confused(material)
    yield from _other_keys(material)
    yield from _headers(material)


def _forms(material: Material) -> Named:
    head, body, signed = material.good.split(".")
    whole = {"protected": head, "payload": body, "signature": signed}
    yield "three empty parts", ".."
    yield "a word", "token"
    yield "the header alone", head
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{material.good}.{signed}"
    yield "five parts, as JWE has", f"{head}.{b64(b'key')}.{b64(bytes(12))}.{body}.{b64(bytes(16))}"
    yield "detached payload", f"{head}..{signed}"
    yield "no header", f".{body}.{signed}"
    yield "flattened JSON form", json.dumps(whole)
    yield "general JSON form", json.dumps({"payload": body, "signatures": [whole]})
    yield "padded header", f"{head}=.{body}.{signed}"
    yield "padded signature", f"{material.good}=="
    yield "standard alphabet", f"{head}.{body}.+/{signed[2:]}"
    yield "a space inside", f"{head}.{body} .{signed}"
    yield "percent-encoded dots", material.good.replace(".", "%2e")
    yield "parts turned round", f"{signed}.{body}.{head}"
    yield "another payload", f"{head}.{encoded({**material.claims, 'sub': 'registrar'})}.{signed}"
    yield "another header", f"{encoded({**material.header, 'x': 1})}.{body}.{signed}"
    yield "the payload twice encoded", jose.compact(material.header, body.encode(), material.key)
    yield "a very long one", material.good + "A" * 60_000
    loose = _loose(signed)
    yield "the same signature, loosely encoded", f"{head}.{body}.{loose}"


def _loose(signed: str) -> str:
    """Return other base64 for the same bytes: 86 characters of 64 bytes leave 4 bits over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signed[:-1] + alphabet[alphabet.index(signed[-1]) ^ 1]


def _signatures(material: Material) -> Named:
    head, body, signed = material.good.split(".")
    raw = jose.unb64(signed)
    r, s = raw[:HALF], raw[HALF:]
    order, zero, one = ORDER.to_bytes(HALF), bytes(HALF), (1).to_bytes(HALF)
    der = material.key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    made = {
        "no signature": b"",
        "one byte": b"\0",
        "psychic: r = s = 0": zero + zero,
        "r = 0": zero + s,
        "s = 0": r + zero,
        "r = s = 1": one + one,
        "r = order, s = order": order + order,
        "r = order, s = 1": order + one,
        "r = 1, s = order - 1": one + (ORDER - 1).to_bytes(HALF),
        "r + order": (int.from_bytes(r) + ORDER).to_bytes(HALF + 1) + s,
        "all bits set": b"\xff" * 2 * HALF,
        "halves turned round": s + r,
        "one bit flipped": raw[:-1] + bytes([raw[-1] ^ 1]),
        "cut by a byte": raw[:-1],
        "longer by a byte": raw + b"\0",
        "a zero byte before": b"\0" + raw,
        "halves of 48 bytes": r.rjust(_P384_HALF, b"\0") + s.rjust(_P384_HALF, b"\0"),
        "DER": der,
        "twice": raw + raw,
    }
    for name, signature in made.items():
        yield f"signature: {name}", f"{head}.{body}.{b64(signature)}"


def _unsigned(material: Material) -> Named:
    body, signed = material.good.split(".")[1:]
    for name in ("none", "None", "nOnE", "NONE", "none ", ""):
        head = encoded({**material.header, "alg": name})
        yield f"alg {name!r}", f"{head}.{body}."
    head = encoded({**material.header, "alg": "none"})
    yield "alg 'none' with the good signature", f"{head}.{body}.{signed}"
    yield "alg 'none' in two parts", f"{head}.{body}"
    for name, value in {"null": None, "a list": ["ES256"], "a number": 256, "true": True}.items():
        head = encoded({**material.header, "alg": value})
        yield f"alg is {name}", f"{head}.{body}.{_by_key(f'{head}.{body}', material)}"
    head = encoded({name: value for name, value in material.header.items() if name != "alg"})
    yield "no alg", f"{head}.{body}.{_by_key(f'{head}.{body}', material)}"


def _by_key(signed: str, material: Material) -> str:
    return b64(jose.signature(signed, material.key))


def _confused(material: Material) -> Named:
    """Yield tokens whose algorithm takes the published key for something else."""
    body = material.good.split(".")[1]
    pem = jose.public(material.key, Encoding.PEM)
    kid = str(material.header.get("kid", ""))
    secrets = {
        "the public key as PEM": pem,
        "the PEM without its last newline": pem.rstrip(b"\n"),
        "the public key as DER": jose.public(material.key, Encoding.DER),
        "the public key as JWK": json.dumps(jose.jwk(material.key, kid=kid)).encode(),
        "the point itself": jose.unb64(jose.jwk(material.key)["x"]),
        "nothing": b"",
        "its kid": kid.encode(),
    }
    for algorithm, digest in {"HS256": hashlib.sha256, "HS512": hashlib.sha512}.items():
        head = encoded({**material.header, "alg": algorithm})
        for name, secret in secrets.items():
            mac = hmac.new(secret, f"{head}.{body}".encode(), digest).digest()
            yield f"{algorithm} with {name}", f"{head}.{body}.{b64(mac)}"
    head = encoded(material.header)
    mac = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha512).digest()
    yield "an HMAC that says ES256", f"{head}.{body}.{b64(mac)}"
    for name in ("ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "es256", "Ed25519"):
        head = encoded({**material.header, "alg": name})
        yield f"our key, but alg {name!r}", f"{head}.{body}.{_by_key(f'{head}.{body}', material)}"


def _other_keys(material: Material) -> Named:
    own = jose.new_key()
    header, claims = material.header, material.claims
    yield "another key under the same kid", jose.compact(header, claims, own)
    mine = jose.jwk(own)
    for name, member in {
        "jwk": mine,
        "jku": "http://127.0.0.1:9/jwks.json",
        "x5u": "http://127.0.0.1:9/chain.pem",
        "x5c": ["MIIB"],
        "jwks": {"keys": [mine]},
    }.items():
        yield f"another key, brought as {name}", jose.compact({**header, name: member}, claims, own)
    without = {name: value for name, value in header.items() if name != "kid"}
    yield "another key without kid", jose.compact(without, claims, own)
    for name, kid in {
        "a path": "../../../../dev/null",
        "SQL": "' or 1=1 --",
        "SQL that is a key": "x' union select 'AA' --",
        "an address": "http://127.0.0.1:9/key",
        "a command": "x; cat /etc/passwd",
        "another tenant's": "service-docs",
        "long": "k" * 5_000,
        "empty": "",
        "NUL": "a\0b",
        "a list": [str(header.get("kid"))],
        "an object": {"kid": 1},
        "a number": 0,
    }.items():
        yield f"kid: {name}", jose.compact({**header, "kid": kid}, claims, own)
    yield from _other_algorithms(header, claims)


def _other_algorithms(header: dict[str, Any], claims: dict[str, Any]) -> Named:
    edwards, rivest = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    signed = f"{encoded({**header, 'alg': 'EdDSA'})}.{encoded(claims)}"
    yield "an Ed25519 key of one's own", f"{signed}.{b64(edwards.sign(signed.encode()))}"
    # The neutral element as R and 0 as S: good under a small-order public key for any text.
    yield "Ed25519 of small order", f"{signed}.{b64((1).to_bytes(HALF, 'little') + bytes(HALF))}"
    signed = f"{encoded({**header, 'alg': 'RS256'})}.{encoded(claims)}"
    by_rsa = rivest.sign(signed.encode(), PKCS1v15(), hashes.SHA256())
    yield "an RSA key of one's own", f"{signed}.{b64(by_rsa)}"


def _headers(material: Material) -> Named:
    """Yield tokens that our own key signs under headers that change how they are read."""
    claims, key = material.claims, material.key
    text = json.dumps(material.header)[1:-1]
    yield "crit unknown", material.with_header(crit=["x"], x=1)
    yield "crit of what is known", material.with_header(crit=["exp"], exp=1)
    yield "crit empty", material.with_header(crit=[])
    yield "b64 false", material.with_header(b64=False, crit=["b64"])
    for name, raw in {
        "a member twice": f'{{{text}, "alg": "ES256"}}',
        "a list": "[]",
        "no JSON": "{",
        "null": "null",
        "empty": "",
        "brackets without end": "[" * 5_000,
    }.items():
        yield f"header: {name}", jose.compact(raw.encode(), claims, key)
    yield "header: not UTF-8", jose.compact(b'{"alg": "ES256", "x": "\xff"}', claims, key)
    for name, raw in {
        "a list": b"[]",
        "no JSON": b"{",
        "null": b"null",
        "empty": b"",
        "not UTF-8": b'{"sub": "\xff"}',
        "brackets without end": b"[" * 5_000,
    }.items():
        yield f"claims: {name}", jose.compact(material.header, raw, key)
