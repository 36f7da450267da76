"""What was taken away stays news until everybody who is inside was looked at."""

import asyncio

import pytest

from services.gateway import watch
from services.gateway.visit import Visits
from services.gateway.watch import Watch
from shared.errors import Unavailable
from shared.identity import Guard, Standing
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door
from tests.gateway.test_open_answers import STREAM, Open, lose, streams


async def test_a_revocation_is_looked_at_again_when_looking_failed(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    look_again, failing = Guard.look_again, True

    async def fails_first(guard: Guard, standing: Standing) -> Standing:
        if failing:
            raise Unavailable("PostgreSQL")
        return await look_again(guard, standing)

    monkeypatch.setattr(Guard, "look_again", fails_first)
    monkeypatch.setattr(watch, "STANDING_SECONDS", 0.1)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.2)
    door.behind.handler = streams
    opened = Open(door, await door.headers("sys-h14"))
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        reading = group.create_task(opened.read("GET", STREAM))
        await eventually(lambda: door.behind.seen, "the stream behind the gateway")
        watching = Watch(door.db, door.app.state.guard, Visits({door.visits.open.pop()}))
        await lose(door, "/v1/clients/sys-h14")
        await watching.look()
        await asyncio.sleep(0.6)  # the seconds in which each pass looks are over
        failing = False
        await watching.look()
        await reading
    assert opened.how == "whole"
