"""Edge cases of ES256, of JWS and of JWK by hand, in the manner of Wycheproof's vectors."""

import hashlib
import json
import secrets
from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.proof.forge import jose
from tests.proof.forge.jose import HALF, ORDER, PRIME, b64, encoded
from tests.proof.forge.shapes import Material, Named


def edges(material: Material) -> Named:
    """Yield name and token of each forgery at the edge of what a signed token may be."""
    head, body, _ = material.good.split(".")
    for name, made in (*_numbers(material), *_lengths(material), *_other_texts(material)):
        yield f"signature: {name}", f"{head}.{body}.{b64(made)}"
    yield from _alphabets(material)
    yield from _members(material)


def _numbers(material: Material) -> Iterator[tuple[str, bytes]]:
    """Yield signatures with a number at the edge of its field."""
    signed, _, good = material.good.rpartition(".")
    raw = jose.unb64(good)
    r, s = raw[:HALF], raw[HALF:]
    order, prime = ORDER.to_bytes(HALF), PRIME.to_bytes(HALF)
    zero, one = bytes(HALF), (1).to_bytes(HALF)
    yield "r = 0, s = 1", zero + one
    yield "r = 1, s = 0", one + zero
    yield "r = order", order + s
    yield "s = order", r + order
    yield "r = s = prime of the field", prime + prime
    yield "r negated", (ORDER - int.from_bytes(r)).to_bytes(HALF) + s
    yield "s inverted", r + pow(int.from_bytes(s), -1, ORDER).to_bytes(HALF)
    # With this r the sum that a verifier computes is the point at infinity, which has no x.
    digest = int.from_bytes(hashlib.sha256(signed.encode()).digest())
    secret = material.key.private_numbers().private_value
    yield "sum at infinity", (-digest * pow(secret, -1, ORDER) % ORDER).to_bytes(HALF) + one


def _lengths(material: Material) -> Iterator[tuple[str, bytes]]:
    """Yield the right numbers in halves of wrong lengths, and DER that is none."""
    signed, _, good = material.good.rpartition(".")
    raw = jose.unb64(good)
    r, s = raw[:HALF], raw[HALF:]
    long = HALF + 1
    yield "halves of 33 bytes", r.rjust(long, b"\0") + s.rjust(long, b"\0")
    for name, added in {"r": (ORDER, 0), "s": (0, ORDER)}.items():
        halves = (int.from_bytes(r) + added[0], int.from_bytes(s) + added[1])
        made = b"".join(half.to_bytes(long) for half in halves)
        yield f"{name} + order in halves of 33 bytes", made
    yield "r without its leading zero", _with_zero(signed, material.key, 0)[1:]
    whole = _with_zero(signed, material.key, HALF)
    yield "s without its leading zero", whole[:HALF] + whole[long:]
    yield "DER of r = s = 0", encode_dss_signature(0, 0)
    der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    yield "DER cut by a byte", der[:-1]
    yield "DER and a byte", der + b"\0"


def _with_zero(signed: str, key: jose.Key, place: int) -> bytes:
    """Return a good signature with a zero at this place: one in 256 has it."""
    while (made := jose.signature(signed, key))[place]:
        pass
    return made


def _other_texts(material: Material) -> Iterator[tuple[str, bytes]]:
    """Yield good signatures of our own key over something else than what is signed."""
    signed, key = material.good.rpartition(".")[0], material.key
    head, body = signed.split(".")
    yield "over the payload alone", jose.signature(body, key)
    yield "over both without their dot", jose.signature(head + body, key)
    plain = jose.unb64(head).decode() + "." + jose.unb64(body).decode()
    yield "over what is encoded", jose.signature(plain, key)
    yield "with SHA-512", jose.signature(signed, key, hashes.SHA512())


def _alphabets(material: Material) -> Named:
    """Yield other writings of a good token, which has one only (RFC 7515 2)."""
    head, body, good = material.good.split(".")
    yield "each part padded", ".".join(part + "=" * (-len(part) % 4) for part in (head, body, good))
    yield "a newline inside", f"{head}.{body}.{good[:40]}\n{good[40:]}"
    yield "a newline behind", f"{material.good}\n"
    yield "a line break behind the header", f"{head}\r\n.{body}.{good}"
    yield "a NUL behind", f"{material.good}\0"
    yield "a character less", material.good[:-1]
    yield "a character more", f"{material.good}A"
    while "-" not in good and "_" not in good:
        good = b64(jose.signature(f"{head}.{body}", material.key))
    other = good.replace("-", "+").replace("_", "/")
    yield "the same bytes in the standard alphabet", f"{head}.{body}.{other}"


def _members(material: Material) -> Named:
    """Yield tokens that our own key signs under headers that can be read in two ways or none."""
    text, claims = json.dumps(material.header)[1:-1], material.claims
    for name, raw in {
        "alg twice, none first": f'{{"alg": "none", {text}}}',
        "alg twice, none last": f'{{{text}, "alg": "none"}}',
        "kid twice, another's first": f'{{"kid": "another", {text}}}',
        "crit twice": f'{{{text}, "crit": ["x"], "crit": []}}',
    }.items():
        yield f"header: {name}", jose.compact(raw.encode(), claims, material.key)
    for name, value in {
        "a text": "exp",
        "an object": {"exp": True},
        "not there": ["x"],
        "the same twice": ["b64", "b64"],
        "of what JWS names": ["alg"],
        "a list in a list": [["b64"]],
    }.items():
        yield f"crit: {name}", material.with_header(crit=value)
    yield "b64 false without crit", material.with_header(b64=False)
    head = encoded({**material.header, "b64": False, "crit": ["b64"]})
    signed = f"{head}.{json.dumps(claims)}"
    made = b64(jose.signature(signed, material.key))
    yield "b64 false, the payload as it is", f"{signed}.{made}"


def bad_keys() -> dict[str, dict[str, object]]:
    """Return JWKs that no client may be registered with: they prove nothing."""
    own = jose.new_key()
    good: dict[str, object] = {**jose.jwk(own, kid="1", alg="ES256", use="sig")}
    x = jose.unb64(jose.jwk(own)["x"])
    return {
        "not on the curve": {**good, "y": b64(x)},
        "the point at infinity": {**good, "x": b64(bytes(HALF)), "y": b64(bytes(HALF))},
        "x beyond the field": {**good, "x": b64(b"\xff" * HALF)},
        "x without its first byte": {**good, "x": b64(x[1:])},
        "x with a zero before": {**good, "x": b64(b"\0" + x)},
        "without y": {name: value for name, value in good.items() if name != "y"},
        "P-256 under another name": {**good, "crv": "P-384"},
        "another curve": {**_on(ec.SECP384R1()), "crv": "P-384", "alg": "ES256"},
        "for encryption": {**good, "use": "enc"},
        "with its private half": {**good, "d": b64(bytes(HALF))},
        **{f"alg {name}": {**good, "alg": name} for name in ("none", "HS256", "ES512", "RS256")},
        "symmetric": {"kty": "oct", "k": b64(bytes(HALF)), "kid": "1", "alg": "HS256"},
        "symmetric, without a key": {"kty": "oct", "kid": "1"},
        "RSA of 1024 bits": _rsa(1024, 65537),
        "RSA with exponent 1": _rsa(2048, 1),
        "RSA with an even exponent": _rsa(2048, 65536),
    }


def _on(curve: ec.EllipticCurve) -> dict[str, object]:
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    length = -(-curve.key_size // 8)
    x, y = (b64(number.to_bytes(length)) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "x": x, "y": y, "kid": "1", "use": "sig"}


def _rsa(bits: int, e: int) -> dict[str, object]:
    # Nobody sees at a modulus whether it is the product of two primes.
    n = secrets.randbits(bits) | 1 << (bits - 1) | 1
    n_, e_ = (b64(number.to_bytes(-(-number.bit_length() // 8))) for number in (n, e))
    return {"kty": "RSA", "n": n_, "e": e_, "kid": "1", "alg": "RS256", "use": "sig"}
