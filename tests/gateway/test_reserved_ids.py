"""A system's id is its Kafka user: no system is registered under the name of one of ours."""

import pytest

from shared.events.topics import RESERVED
from tests.gateway.door import Door
from tests.gateway.test_register import register, told


@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_a_name_of_our_own_is_taken(door: Door, name: str):
    registrar = await door.headers("registrar")
    answer = await register(door, registrar, client_id=name)
    assert (answer.status_code, answer.json()["code"]) == (409, "AUT-4091")
    assert await told(door) == 0
