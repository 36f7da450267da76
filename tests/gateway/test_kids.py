"""A key's id is one segment of a path; an older one that is none can be taken away all the same."""

from urllib.parse import quote

import asyncpg
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.door import Door
from tests.gateway.test_register import ID, register
from tests.shared.issuing import public_jwk

OLD = ["a/b", "", "/", "a//", "..", "khóa số 1", "?#"]


@pytest.fixture
async def registrar(door: Door) -> dict[str, str]:
    headers = await door.headers("registrar")
    assert (await register(door, headers)).status_code == 201
    return headers


async def test_an_id_that_is_no_segment_of_a_path_is_422(door: Door, registrar: dict[str, str]):
    headers = {**registrar, "Idempotency-Key": "k"}
    for kid in [*OLD, ".", "x" * 101, "a b", "a\n"]:
        key = public_jwk(kid, ec.generate_private_key(ec.SECP256R1()))
        answer = await door.client.post(f"/v1/clients/{ID}/keys", json=key, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "REQ-4221"), kid
        assert answer.json()["errors"][0]["pointer"] == "/kid"
    for kid in ("...", "x" * 100, "AZaz09._~:+=-"):
        key = public_jwk(kid, ec.generate_private_key(ec.SECP256R1()))
        headers["Idempotency-Key"] = kid
        answer = await door.client.post(f"/v1/clients/{ID}/keys", json=key, headers=headers)
        assert answer.status_code == 201, kid


async def test_keys_of_before_can_be_taken_away(door: Door, registrar: dict[str, str]):
    keys = [public_jwk(kid, ec.generate_private_key(ec.SECP256R1())) for kid in OLD]
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    await conn.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda text: text, decoder=lambda text: text
    )
    jwks = httpx2.Request("POST", "http://x", json={"keys": keys}).content.decode()
    await conn.execute("update clients set jwks = $2 where client_id = $1", ID, jwks)
    await conn.close()
    for kid in OLD:
        path = f"/v1/clients/{ID}/keys/{quote(kid, safe='').replace('.', '%2E')}"
        url = httpx2.URL(door.settings.public_url).copy_with(raw_path=path.encode())
        answer = await door.client.delete(url, headers=registrar)
        assert answer.status_code == 204, kid
    left = await door.client.get(f"/v1/clients/{ID}", headers=registrar)
    assert left.json()["keys"] == []
