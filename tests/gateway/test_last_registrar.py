"""The last registrar cannot end itself; the operator of the machine brings another one."""

import asyncio
import json

import pytest

from services.gateway import clients
from tests.gateway.door import ROWS, Door, write_clients

SECOND = {**ROWS, "registrar-2": {"agencies": [], "scopes": ["registrar"]}}


async def add_second(door: Door) -> None:
    file = door.settings.clients
    assert file is not None
    before = json.loads(file.read_text(encoding="utf-8"))
    write_clients(file, door.keys, {"registrar-2": SECOND["registrar-2"]})
    added = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps([*before, *added]), encoding="utf-8")
    assert await clients.take_over(door.db, clients.read_file(file)) == 1


async def kid_of(door: Door, client_id: str, headers: dict[str, str]) -> str:
    answer = await door.client.get(f"/v1/clients/{client_id}", headers=headers)
    return answer.json()["keys"][0]


@pytest.mark.parametrize("way", ["revoked", "narrowed", "without a key"])
async def test_the_last_one_stays_until_there_is_another(door: Door, way: str):
    headers, path = await door.headers("registrar"), "/v1/clients/registrar"

    async def end() -> tuple[int, str]:
        if way == "revoked":
            answer = await door.client.delete(path, headers=headers)
        elif way == "narrowed":
            answer = await door.client.patch(path, json={"scopes": ["directory"]}, headers=headers)
        else:
            kid = await kid_of(door, "registrar", headers)
            answer = await door.client.delete(f"{path}/keys/{kid}", headers=headers)
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""

    assert await end() == (409, "AUT-4093")
    more = await door.client.patch(path, json={"agencies": ["H14"]}, headers=headers)
    assert more.status_code == 200
    await add_second(door)
    assert (await end())[0] in {200, 204}
    assert (await door.ask_token("registrar-2")).status_code == 200


async def test_of_two_at_once_one_stays(door: Door):
    await add_second(door)
    names = ("registrar", "registrar-2")
    given = {name: await door.headers(name) for name in names}
    async with asyncio.TaskGroup() as group:
        ends = [
            group.create_task(door.client.delete(f"/v1/clients/{name}", headers=given[name]))
            for name in names
        ]
    assert sorted(end.result().status_code for end in ends) in ([204, 409], [204, 401])
    tokens = [(await door.ask_token(name)).status_code for name in names]
    assert sorted(tokens) == [200, 401]
