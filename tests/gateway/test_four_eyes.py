"""Four eyes stay those of two clients: no registrar comes to act as another one, or as operator."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.door import Door
from tests.gateway.test_last_registrar import add_second, kid_of
from tests.shared.issuing import public_jwk

OTHERS = ("operator", "registrar-2")


@pytest.fixture
async def registrar(door: Door) -> dict[str, str]:
    await add_second(door)
    return await door.headers("registrar")


@pytest.mark.parametrize("client_id", OTHERS)
async def test_whoever_shares_a_decision_is_given_no_key_by_the_other(
    door: Door, registrar: dict[str, str], client_id: str
):
    mine, path = ec.generate_private_key(ec.SECP256R1()), f"/v1/clients/{client_id}"
    before = (await door.client.get(path, headers=registrar)).json()
    answer = await door.client.post(
        f"{path}/keys",
        json=public_jwk("mine", mine),
        headers={**registrar, "Idempotency-Key": "key"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4032")
    assert (await door.client.get(path, headers=registrar)).json() == before
    door.keys[client_id] = mine
    assert (await door.ask_token(client_id)).status_code == 401


@pytest.mark.parametrize("client_id", OTHERS)
@pytest.mark.parametrize("more", [{"agencies": ["H14"]}, {"scopes": ["documents.send"]}])
async def test_nor_is_it_given_rights(
    door: Door, registrar: dict[str, str], client_id: str, more: dict[str, list[str]]
):
    path = f"/v1/clients/{client_id}"
    answer = await door.client.patch(path, json=more, headers=registrar)
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4032")


async def test_an_operator_loses_nothing_to_a_registrar(door: Door, registrar: dict[str, str]):
    path = "/v1/clients/operator"
    kid = await kid_of(door, "operator", registrar)
    for lost in (path, f"{path}/keys/{kid}"):
        answer = await door.client.delete(lost, headers=registrar)
        assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4032")
    assert (await door.ask_token("operator")).status_code == 200


async def test_a_registrar_that_lost_its_key_is_ended_by_another_one(
    door: Door, registrar: dict[str, str]
):
    path = "/v1/clients/registrar-2"
    kid = await kid_of(door, "registrar-2", registrar)
    gone = await door.client.delete(f"{path}/keys/{kid}", headers=registrar)
    assert gone.status_code == 204
    assert (await door.ask_token("registrar-2")).status_code == 401
    assert (await door.client.delete(path, headers=registrar)).status_code == 204


async def test_a_registrar_changes_its_own_key(door: Door, registrar: dict[str, str]):
    new, path = ec.generate_private_key(ec.SECP256R1()), "/v1/clients/registrar/keys"
    old = await kid_of(door, "registrar", registrar)
    headers = {**registrar, "Idempotency-Key": "key"}
    added = await door.client.post(path, json=public_jwk("new", new), headers=headers)
    assert added.status_code == 201
    assert (await door.client.delete(f"{path}/{old}", headers=registrar)).status_code == 204
    door.keys["registrar"] = new
    assert (await door.ask_token("registrar")).status_code == 200
