"""Registrars register, change and revoke systems; what they change holds everywhere in seconds."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.identity import STANDING_SECONDS
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door
from tests.shared.issuing import public_jwk

ID = "sys-new"


@pytest.fixture
async def registrar(door: Door) -> dict[str, str]:
    return await door.headers("registrar")


def row(door: Door, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    key = door.keys.setdefault(ID, ec.generate_private_key(ec.SECP256R1()))
    good = {
        "client_id": ID,
        "agencies": ["H14"],
        "scopes": ["documents.send"],
        "jwks": {"keys": [public_jwk("one", key)]},
    }
    return good | changes


async def register(
    door: Door,
    registrar: dict[str, str],
    key: str = "k",
    **changes: Any,  # noqa: ANN401
) -> httpx2.Response:
    headers = {**registrar, "Idempotency-Key": key}
    return await door.client.post("/v1/clients", json=row(door, **changes), headers=headers)


async def told(door: Door) -> int:
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    count = await conn.fetchval("select count(*) from outbox where key = $1", ID)
    await conn.close()
    return int(count)


async def me(door: Door, headers: dict[str, str]) -> httpx2.Response:
    return await door.client.get("/v1/me", headers=headers)


async def test_a_registered_system_gets_tokens_and_every_service_is_told(
    door: Door, registrar: dict[str, str]
):
    answer = await register(door, registrar)
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/clients/{ID}")
    assert answer.json()["keys"] == ["one"]
    assert (await register(door, registrar)).content == answer.content
    assert await told(door) == 1
    assert (await me(door, await door.headers(ID))).json()["agencies"][0]["code"] == "H14"
    taken = await register(door, registrar, key="another")
    assert (taken.status_code, taken.json()["code"]) == (409, "AUT-4091")
    listed = await door.client.get("/v1/clients?limit=2", headers=registrar)
    assert [item["client_id"] for item in listed.json()["items"]] == ["hub", "operator"]
    more = await door.client.get(
        "/v1/clients", params={"cursor": listed.json()["next_cursor"]}, headers=registrar
    )
    names = [item["client_id"] for item in more.json()["items"]]
    assert names == ["registrar", "sys-h14", ID], "the services' own clients are nobody's business"


async def test_what_cannot_be_registered_is_422_with_a_place(door: Door, registrar: dict[str, str]):
    private = public_jwk("one", ec.generate_private_key(ec.SECP256R1())) | {"d": "AA"}
    good = row(door)["jwks"]["keys"][0]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"client_id": "Not Good"}, "/client_id"),
        ({"agencies": ["H14", "H99"]}, "/agencies/1"),
        ({"agencies": ["H14"] * 201}, "/agencies"),
        ({"scopes": ["operator"]}, "/scopes/0"),
        ({"scopes": ["internal"]}, "/scopes/0"),
        ({"scopes": []}, "/scopes"),
        ({"jwks": {"keys": []}}, "/jwks/keys"),
        ({"jwks": {"keys": [private]}}, "/jwks/keys/0"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA", "kid": "x"}]}}, "/jwks/keys/0"),
        ({"jwks": {"keys": [good, good]}}, "/jwks/keys/0"),
        ({"jwks": {"keys": [good | {"kid": "a/b"}]}}, "/jwks/keys/0/kid"),
    ]
    for changes, place in cases:
        answer = await register(door, registrar, "k", **changes)
        assert answer.status_code == 422, changes
        assert answer.json()["errors"][0]["pointer"] == place
    assert await told(door) == 0


async def test_only_registrars_see_the_register(door: Door):
    for client_id in ("operator", "sys-h14"):
        headers = await door.headers(client_id)
        assert (await door.client.get("/v1/clients", headers=headers)).status_code == 403
        answer = await register(door, headers)
        assert answer.status_code == 403


async def test_a_change_needs_the_present_version_and_ends_tokens_with_more(
    door: Door, registrar: dict[str, str]
):
    made = await register(door, registrar, agencies=["H14", "G22"])
    held = await door.headers(ID)
    path, edit = f"/v1/clients/{ID}", {"agencies": ["G22"]}
    for stale in ('"1"', "nonsense", '"1", W/"2"'):
        headers = {**registrar, "If-Match": stale}
        answer = await door.client.patch(path, json=edit, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (412, "REQ-4121")
    fresh = {**registrar, "If-Match": f'"1", {made.headers["etag"]}'}
    answer = await door.client.patch(path, json=edit, headers=fresh)
    assert (answer.status_code, answer.json()["agencies"]) == (200, ["G22"])
    new = (await me(door, await door.headers(ID))).json()
    assert [agency["code"] for agency in new["agencies"]] == ["G22"], "good at once"

    async def refused() -> bool:
        return (await me(door, held)).status_code == 401

    await eventually(refused, "the end of the token that had more", timeout=5)


async def test_who_a_system_is_at_kafka_changes_whenever_its_tokens_end(
    door: Door, registrar: dict[str, str]
):
    scopes = ["directory", "documents.receive", "documents.send"]
    await register(door, registrar, agencies=["H14", "G22"], scopes=scopes)
    edits: tuple[dict[str, list[str]], ...] = (
        {},
        {"agencies": ["H14"]},
        {"agencies": ["H14", "G22"]},
        {"agencies": ["G22"]},
    )
    users: list[str] = []
    for edit in edits:  # within one second, or not
        if edit:
            answer = await door.client.patch(f"/v1/clients/{ID}", json=edit, headers=registrar)
            assert answer.status_code == 200
        token = (await door.ask_token(ID)).json()["access_token"]
        users.append(door.claims(token)["kafka_principal"])
    assert (users[1] == users[2], len(set(users))) == (True, 3)
    assert {user.rpartition("@")[0] for user in users} == {ID}
    other = (await door.ask_token(ID, scope="directory documents.send")).json()["access_token"]
    assert "kafka_principal" not in door.claims(other)


async def test_what_is_given_ends_no_token_and_nonsense_changes_nothing(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    held, path = await door.headers(ID), f"/v1/clients/{ID}"
    more = {"agencies": ["H14", "G22"], "scopes": ["documents.send", "directory"]}
    assert (await door.client.patch(path, json=more, headers=registrar)).status_code == 200
    nonsense: list[dict[str, Any]] = [
        {"state": "active"},
        {"agencies": None},
        {"scopes": []},
        {"agencies": ["H99"]},
    ]
    for wrong in nonsense:
        answer = await door.client.patch(path, json=wrong, headers=registrar)
        assert answer.status_code == 422, wrong
    await asyncio.sleep(STANDING_SECONDS + 0.1)  # what was believed before is looked up again
    assert (await me(door, held)).status_code == 200


async def test_revoking_is_for_good_and_may_be_repeated(door: Door, registrar: dict[str, str]):
    await register(door, registrar)
    path = f"/v1/clients/{ID}"
    for _ in range(2):
        assert (await door.client.delete(path, headers=registrar)).status_code == 204
    assert await told(door) == 2
    key = public_jwk("two", ec.generate_private_key(ec.SECP256R1()))
    for answer in (
        await door.client.patch(path, json={"scopes": ["directory"]}, headers=registrar),
        await door.client.post(
            f"{path}/keys", json=key, headers={**registrar, "Idempotency-Key": "x"}
        ),
        await door.client.delete(f"{path}/keys/one", headers=registrar),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "AUT-4092")


async def test_a_key_that_proves_nothing_is_not_taken(door: Door, registrar: dict[str, str]):
    await register(door, registrar)
    headers = {**registrar, "Idempotency-Key": "key"}
    known = row(door)["jwks"]["keys"][0]
    other: dict[str, Any] = {**known, "kid": "y"}
    secret = {"kty": "oct", "k": "AA", "kid": "x"}
    bad: list[dict[str, Any]] = [{}, secret, {**secret, "k": None}, known, {**other, "d": "A"}]
    bad += [{**other, "alg": name} for name in ("none", "HS256", ["ES256"])]
    bad.append({**public_jwk("y", ec.generate_private_key(ec.SECP384R1())), "alg": "ES256"})
    for key in (*bad, {"kty": "oct", "kid": "x"}):
        answer = await door.client.post(f"/v1/clients/{ID}/keys", json=key, headers=headers)
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [""]
    for number in range(9):
        key = public_jwk(str(number), ec.generate_private_key(ec.SECP256R1()))
        headers["Idempotency-Key"] = str(number)
        await door.client.post(f"/v1/clients/{ID}/keys", json=key, headers=headers)
    key = public_jwk("one-more", ec.generate_private_key(ec.SECP256R1()))
    headers["Idempotency-Key"] = "one more"
    answer = await door.client.post(f"/v1/clients/{ID}/keys", json=key, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["detail_en"]) == (
        422,
        "At most 10 keys.",
    )


async def test_a_revoked_system_is_refused_within_seconds(door: Door, registrar: dict[str, str]):
    await register(door, registrar)
    held = await door.headers(ID)
    assert (await me(door, held)).status_code == 200
    gone = await door.client.delete(f"/v1/clients/{ID}", headers=registrar)
    assert gone.status_code == 204
    assert (await door.ask_token(ID)).status_code == 401

    async def refused() -> bool:
        return (await me(door, held)).status_code == 401

    await eventually(refused, "the end of the token", timeout=5)


async def test_a_key_taken_away_proves_nothing_and_its_tokens_end(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    held, old = await door.headers(ID), door.keys[ID]
    door.keys[ID] = new = ec.generate_private_key(ec.SECP256R1())
    headers = {**registrar, "Idempotency-Key": "key"}
    path = f"/v1/clients/{ID}/keys"
    added = await door.client.post(path, json=public_jwk("two", new), headers=headers)
    assert (added.status_code, added.json()["keys"]) == (201, ["one", "two"])
    assert (await door.client.delete(f"{path}/one", headers=registrar)).status_code == 204
    assert (await door.client.delete(f"{path}/one", headers=registrar)).status_code == 404

    async def renewed() -> bool:
        return (await me(door, await door.headers(ID))).status_code == 200

    await eventually(renewed, "a token by the new key is taken", timeout=5)
    assert (await me(door, held)).status_code == 401
    door.keys[ID] = old
    assert (await door.ask_token(ID)).status_code == 401


async def test_changes_at_once_get_versions_one_after_another(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(
                door.client.patch(
                    f"/v1/clients/{ID}", json={"scopes": ["directory"]}, headers=registrar
                )
            )
            for _ in range(10)
        ]
    versions = {task.result().json()["version"] for task in asked}
    assert len(versions) == 10
    assert await told(door) == 11


async def test_services_and_unknown_clients_are_404_to_a_registrar(
    door: Door, registrar: dict[str, str]
):
    for client_id in ("service-docs", "nobody"):
        path = f"/v1/clients/{client_id}"
        assert (await door.client.get(path, headers=registrar)).status_code == 404
        assert (await door.client.delete(path, headers=registrar)).status_code == 404
