"""Access tokens that our own key signs, and that say what no token of ours for this door says."""

import json
import time
from collections.abc import Iterator

from tests.proof.forge import jose
from tests.proof.forge.shapes import Material, Named


def claims(material: Material) -> Named:
    """Yield name and token of each forgery by its claims or its type."""
    for name, kind in {
        "JWT": "JWT",
        "an id token": "id_token+jwt",
        "a logout token": "logout+jwt",
        "a DPoP proof": "dpop+jwt",
        "a receipt": "lienthong-receipt+jwt",
        "a security event": "secevent+jwt",
        "empty": "",
        "with a space": "at+jwt ",
        "missing": None,
        "a list": ["at+jwt"],
    }.items():
        yield f"typ: {name}", material.with_header(typ=kind)
    yield "cty JWT", material.with_header(cty="JWT")
    yield "zip", material.with_header(zip="DEF")
    yield "no kid", material.with_header(kid=None)
    yield "kid in capitals", material.with_header(kid=str(material.header["kid"]).upper() + "X")
    yield from _kids(material)
    for name in ("iss", "aud", "exp", "iat", "sub", "client_id"):
        yield f"no {name}", material.with_claims(**{name: None})
    yield from _times(material)
    yield from _audiences(material)
    yield from _other_claims(material)
    text = json.dumps(material.claims)[1:-1]
    for name, more in {
        "scope": '"scope": "registrar operator internal"',
        "aud": f'"aud": {json.dumps(material.claims["aud"])}',
        "client_id": '"client_id": "registrar"',
    }.items():
        yield (
            f"{name} twice",
            jose.compact(material.header, f"{{{text}, {more}}}".encode(), material.key),
        )


def _kids(material: Material) -> Named:
    known = material.header["kid"]
    for name, kid in {
        "empty": "",
        "a path": "../../../../dev/null",
        "SQL": "' or 1=1 --",
        "ours and a NUL": f"{known}\0",
        "a list": [known],
    }.items():
        yield f"our key under a kid that is {name}", material.with_header(kid=kid)


def _other_claims(material: Material) -> Named:
    for name, changes in {
        "client_id: a number": {"client_id": 7},
        "client_id: a list": {"client_id": [material.claims["client_id"]]},
        "client_id: empty": {"client_id": ""},
        "client_id: nobody's": {"client_id": "sys-nobody", "client_version": None},
        "client_id: with a space": {
            "client_id": f"{material.claims['client_id']} ",
            "client_version": None,
        },
        "sub: empty": {"sub": ""},
        "scope: a list": {"scope": ["registrar"]},
        "scope: an object": {"scope": {"registrar": True}},
        "agencies: a text": {"agencies": "H14"},
        "agencies: numbers": {"agencies": [14]},
        "agencies: more than 200": {"agencies": [f"H14.{n:03}" for n in range(201)]},
        "client_version: a text": {"client_version": "1"},
        "cnf: another agency's key": {"cnf": {"jkt": jose.b64(bytes(32))}},
        "cnf: a certificate": {"cnf": {"x5t#S256": jose.b64(bytes(32))}},
        "cnf: a key in it": {"cnf": {"jwk": jose.jwk(jose.new_key())}},
    }.items():
        yield name, material.with_claims(**changes)


def _times(material: Material) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    for name, changes in {
        "expired long ago": {"iat": now - 4_000, "exp": now - 3_400},
        "expired 10 s ago": {"iat": now - 600, "exp": now - 10},
        "exp: a text": {"exp": str(now + 500)},
        "exp: a float": {"exp": now + 500.5},
        "exp: true": {"exp": True},
        "exp: negative": {"exp": -1},
        "exp: a list": {"exp": [now + 500]},
        "exp: an hour": {"iat": now, "exp": now + 3_600},
        "exp: ten years": {"exp": now + 315_360_000},
        "exp: beyond 64 bits": {"exp": 10**30},
        "iat: tomorrow": {"iat": now + 86_400, "exp": now + 86_900},
        "iat: a text": {"iat": str(now)},
        "iat: a float": {"iat": now + 0.5},
        "nbf: in 10 minutes": {"nbf": now + 600},
        "nbf: a text": {"nbf": str(now)},
        "nbf: null": {"nbf": False},
    }.items():
        yield name, material.with_claims(**changes)
    text = json.dumps({**material.claims, "exp": 0})
    for name in ("1e400", "NaN", "Infinity", "-Infinity", "1e9999", "9" * 5_000):
        raw = text.replace('"exp": 0', f'"exp": {name}').encode()
        yield f"exp: {name[:9]}", jose.compact(material.header, raw, material.key)


def _audiences(material: Material) -> Iterator[tuple[str, str]]:
    ours, issuer = str(material.claims["aud"]), str(material.claims["iss"])
    for name, audience in {
        "another's": "https://example.vn/api",
        "longer than ours": f"{ours}/x",
        "with a slash": f"{ours}/",
        "a part of ours": ours[:-1],
        "in capitals": ours.upper(),
        "with a space": f" {ours}",
        "an empty list": [],
        "a list without ours": ["a", f"{ours}/"],
        "a list in a list": [[ours]],
        "an object": {ours: True},
        "a number": 1,
        "empty": "",
        "all of them": "*",
        "the issuer": issuer,
        "its client": material.claims["client_id"],
    }.items():
        yield f"aud: {name}", material.with_claims(aud=audience)
    for name, other in {
        "another's": "https://example.vn",
        "with a slash": f"{issuer}/",
        "in capitals": issuer.upper(),
        "a list": [issuer],
        "empty": "",
        "with a query": f"{issuer}?x",
        "longer": f"{issuer}.example.vn",
    }.items():
        yield f"iss: {name}", material.with_claims(iss=other)
