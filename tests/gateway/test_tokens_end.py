"""A token got by a key ends when the key is taken away, however close the two come together."""

import asyncio
import time
from dataclasses import replace

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.gateway import clients, store
from services.gateway.store import StoredClient
from shared.db import Connection
from shared.identity import STANDING_SECONDS
from tests.gateway.door import Door
from tests.gateway.test_limits import narrow
from tests.gateway.test_register import ID, me, register
from tests.shared.issuing import public_jwk


@pytest.fixture
async def registrar(door: Door) -> dict[str, str]:
    return await door.headers("registrar")


async def add_key(door: Door, registrar: dict[str, str], kid: str) -> None:
    door.keys[ID] = key = ec.generate_private_key(ec.SECP256R1())
    headers = {**registrar, "Idempotency-Key": kid}
    path = f"/v1/clients/{ID}/keys"
    answer = await door.client.post(path, json=public_jwk(kid, key), headers=headers)
    assert answer.status_code == 201


async def status_later(door: Door, held: dict[str, str]) -> int:
    await asyncio.sleep(STANDING_SECONDS + 0.1)  # what was believed before is looked up again
    return (await me(door, held)).status_code


async def test_a_token_from_between_two_deletions_of_one_second_ends(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    await add_key(door, registrar, "two")
    path = f"/v1/clients/{ID}/keys"
    await asyncio.sleep(1 - time.time() % 1)  # all that follows comes in one second
    assert (await door.client.delete(f"{path}/one", headers=registrar)).status_code == 204
    held = await door.headers(ID)
    assert (await door.client.delete(f"{path}/two", headers=registrar)).status_code == 204
    assert await status_later(door, held) == 401


async def test_a_token_after_several_changes_of_one_second_is_good(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    path = f"/v1/clients/{ID}/keys"
    for kid in ("two", "three", "four"):
        await add_key(door, registrar, kid)
    for kid in ("one", "two", "three"):
        assert (await door.client.delete(f"{path}/{kid}", headers=registrar)).status_code == 204
    held = await door.headers(ID)
    assert (await me(door, held)).status_code == 200
    assert await status_later(door, held) == 200


async def test_a_token_that_is_asked_for_while_its_key_is_deleted_is_not_issued(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    asked: list[asyncio.Task[httpx2.Response]] = []

    def keyless(client: StoredClient) -> StoredClient:
        return replace(client, jwks={"keys": []})

    async with asyncio.TaskGroup() as group:

        async def step(conn: Connection) -> None:
            await clients.change(conn, ID, keyless, by="registrar")
            asked.append(group.create_task(door.ask_token(ID)))
            await asyncio.sleep(1.2)  # the change is not committed yet, its moment is over

        await door.db.as_worker(step)
    assert [task.result().status_code for task in asked] == [401]


async def test_a_change_waits_for_tokens_that_are_being_issued(
    door: Door, registrar: dict[str, str]
):
    await register(door, registrar)
    answers: list[httpx2.Response] = []

    async def delete() -> None:
        path = f"/v1/clients/{ID}/keys/one"
        answers.append(await door.client.delete(path, headers=registrar))

    async with asyncio.TaskGroup() as group:

        async def step(conn: Connection) -> None:
            await store.find_unchanging(conn, ID)
            group.create_task(delete())
            await asyncio.sleep(0.5)
            assert answers == []

        await door.db.as_worker(step)
    assert [answer.status_code for answer in answers] == [204]


async def test_one_client_is_issued_tokens_at_a_rate_and_others_are_not_kept_waiting(door: Door):
    narrow(door, tokens_per_second=1, tokens_at_once=3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(door.ask_token("hub")) for _ in range(6)]
    answers = [task.result() for task in tasks]
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["limit"], refused.headers["retry-after"]) == ("tokens", "1")
    assert (await door.ask_token("sys-h14")).status_code == 200
    wrong = await door.ask_token("hub", client_assertion="x.y.z")
    assert wrong.status_code == 401, "who has not proved itself takes nothing from the rate"


async def test_token_requests_leave_the_pool_to_others(door: Door):
    waiting = asyncio.Event()

    async def lock(conn: Connection) -> None:
        await conn.execute("lock table clients in access exclusive mode")
        waiting.set()
        await asyncio.sleep(1.5)

    async with asyncio.TaskGroup() as group:
        group.create_task(door.db.as_worker(lock))
        await waiting.wait()
        asked = [group.create_task(door.ask_token("hub")) for _ in range(20)]
        await asyncio.sleep(0.3)
        async with asyncio.timeout(0.5):
            await door.db.as_worker(lambda conn: conn.execute("select"))
    assert {task.result().status_code for task in asked} == {200}
