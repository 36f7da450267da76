"""Forgeries are what they say, and a control is only what a door says that has let it in."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.proof.forge import jose
from tests.proof.forge.doors import Door
from tests.proof.forge.edges import edges
from tests.proof.forge.shapes import Material

WHOLE = 2 * jose.HALF


def material() -> Material:
    key = jose.new_key()
    return Material(jose.compact({"alg": "ES256", "kid": "1"}, {"sub": "a.b"}, key), key)


def good(material: Material, token: str) -> bool:
    """Say whether a token bears a signature of the material's key by RFC 7518 3.4."""
    signed, _, written = token.rpartition(".")
    raw = jose.unb64(written)
    if len(raw) != WHOLE:
        return False
    r, s = int.from_bytes(raw[: jose.HALF]), int.from_bytes(raw[jose.HALF :])
    try:
        der = encode_dss_signature(r, s)
        material.key.public_key().verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_no_signature_at_the_edge_is_good() -> None:
    one = material()
    made = {name: token for name, token in edges(one) if name.startswith("signature: ")}

    assert good(one, one.good)
    assert [name for name, token in made.items() if good(one, token)] == []
    assert len(set(made.values())) == len(made) >= 20


def test_headers_that_can_be_read_in_two_ways_are_rightly_signed() -> None:
    one = material()
    made = {name: token for name, token in edges(one) if name.startswith(("crit", "header", "b64"))}

    assert [name for name, token in made.items() if not good(one, token)] == []
    assert len(made) >= 12


@pytest.mark.parametrize(
    ("method", "path", "queried", "opened"),
    [
        ("GET", "/v1/me", False, set[int]()),
        ("GET", "/v1/deliveries", True, {400}),
        ("GET", "/v1/documents/{document_id}", False, {400, 404}),
        ("DELETE", "/v1/documents/{document_id}", False, {400, 404}),
        ("POST", "/v1/documents", False, {400, 415, 422}),
        ("POST", "/v1/deliveries/{delivery_id}/statuses", False, {400, 404, 415, 422}),
    ],
)
def test_a_control_is_refused_for_what_it_asks_only(
    method: str, path: str, *, queried: bool, opened: set[int]
) -> None:
    door = Door(method, path, "docs", "http://127.0.0.1", "documents.send", queried=queried)

    assert door.opened == opened
    assert not door.opened & {401, 403, 429, 500, 502, 503}
