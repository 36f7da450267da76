"""One client's flood is answered 429 and slows nobody else; memory stays bounded."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import limits
from services.gateway.limits import Bucket, Limits
from services.gateway.settings import GatewaySettings
from tests.conftest import FreshDatabase
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door, run_gateway
from tests.gateway.test_forward import DRAFT

LEASES = "/v1/inbox/leases"


def narrow(door: Door, **changes: float) -> None:
    door.app.state.limits = Limits(door.settings.model_copy(update=changes))


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 20), st.floats(0.1, 50))
def test_a_bucket_never_gives_more_than_its_size_and_rate(
    pauses: list[float], size: int, rate: float
):
    bucket, now, given_out = Bucket(rate, size, size, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        given_out += wait == 0
        assert given_out <= size + rate * now + 1e-6
        assert wait <= 1 / rate + 1e-9


async def test_over_the_rate_is_429_and_says_when(door: Door):
    headers = await door.headers("sys-h14")
    narrow(door, requests_per_second=2, requests_at_once=3)
    answers = [await door.client.get("/v1/me", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert (refused.json()["code"], refused.json()["limit"]) == ("REQ-4291", "requests")
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=2'
    assert refused.headers["ratelimit"] == '"requests";r=0;t=1'
    assert refused.headers["retry-after"] == "1"
    other = await door.client.get("/v1/me", headers=await door.headers("operator"))
    assert other.status_code == 200

    async def again() -> bool:
        return (await door.client.get("/v1/me", headers=headers)).is_success

    await eventually(again, "the rate to come back", timeout=10)


async def test_a_flood_of_one_client_does_not_keep_another_waiting(door: Door):
    gate = asyncio.Event()

    async def held(request: web.Request) -> web.StreamResponse:
        if request.headers.get("On-Behalf-Of") == "G22":
            await gate.wait()
        return web.json_response({})

    door.behind.handler = held
    narrow(door, open_requests=20, passed_at_once=5)
    flood = await door.headers("hub", **{"On-Behalf-Of": "G22"})
    other = await door.headers("sys-h14")
    statuses: list[int] = []

    async def ask(client: httpx2.AsyncClient) -> None:
        statuses.append((await client.get(DRAFT, headers=flood)).status_code)

    pool = httpx2.Limits(max_connections=50)
    base = door.settings.public_url
    async with (
        httpx2.AsyncClient(base_url=base, limits=pool, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(50):
            group.create_task(ask(client))
        await eventually(lambda: len(statuses) == 30, "the refusals")
        assert len(door.behind.seen) == 5, "the others wait in the client's own queue"
        assert (await door.client.get(DRAFT, headers=other)).status_code == 200
        gate.set()
    assert sorted(statuses) == [200] * 20 + [429] * 30


def held_back(door: Door) -> asyncio.Event:
    """Have the service behind answer nothing before this is set."""
    gate = asyncio.Event()

    async def held(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.json_response({})

    door.behind.handler = held
    return gate


async def test_waits_have_a_limit_of_their_own_and_give_their_place_back(door: Door):
    gate = held_back(door)
    narrow(door, open_waits=2, open_requests=1, passed_at_once=1)
    headers = await door.headers("hub")
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(door.client.post(LEASES, json={}, headers=headers)) for _ in range(2)
        ]
        await eventually(lambda: len(door.behind.seen) == 2, "both waits behind the gateway")
        refused = await door.client.post(LEASES, json={}, headers=headers)
        assert (refused.status_code, refused.json()["limit"]) == (429, "waits")
        assert refused.headers["ratelimit-policy"] == '"waits";q=2;qu="concurrent-requests"'
        assert (await door.client.get("/v1/me", headers=headers)).status_code == 200
        gate.set()
    assert [task.result().status_code for task in waiting] == [200, 200]
    assert (await door.client.post(LEASES, json={}, headers=headers)).status_code == 200


async def test_what_may_wait_takes_a_place_for_its_first_moment(door: Door):
    gate = held_back(door)
    narrow(door, passed_at_once=1)
    headers = await door.headers("hub")
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(door.client.post(LEASES, json={}, headers=headers))
        await eventually(lambda: door.behind.seen, "the first wait behind the gateway")
        await asyncio.sleep(limits.MOMENT_SECONDS / 2)
        assert len(door.behind.seen) == 1
        await eventually(lambda: len(door.behind.seen) == 3, "the others, when it was seen to wait")
        gate.set()


async def test_a_client_that_goes_away_gives_its_place_back(door: Door):
    gate = held_back(door)
    narrow(door, open_requests=1)
    headers = await door.headers("sys-h14")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await door.client.get(DRAFT, headers=headers)
    gate.set()

    async def let_in() -> bool:
        return (await door.client.get(DRAFT, headers=headers)).status_code == 200

    await eventually(let_in, "the place to come back")


async def test_failed_token_requests_are_slowed_and_only_they(door: Door):
    narrow(door, failed_tokens=3)
    wrong = {"client_assertion": "x.y.z"}
    basic = {"Authorization": "Basic " + "b3BlcmF0b3I6d3Jvbmc="}
    form = {"grant_type": "client_credentials"}
    failed = [await door.client.post("/oauth/token", data=form, headers=basic) for _ in range(4)]
    assert [answer.status_code for answer in failed] == [401, 401, 401, 429]
    assert failed[-1].json()["limit"] == "failed-tokens"
    assert (await door.ask_token("operator")).status_code == 200, (
        "who proves itself is not kept out"
    )
    assert (await door.ask_token("sys-h14", **wrong)).status_code == 401


def test_no_number_of_names_fills_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "REMEMBERED", 50)
    monkeypatch.setattr(limits, "REFUSAL_SECONDS", 0)
    held = Limits(GatewaySettings.model_construct(**DEFAULTS))

    async def many() -> None:
        held.enter("inside", "/v1/me")
        for number in range(500):
            held.enter(str(number), "/v1/me")
            held.leave(str(number), "/v1/me")
            await held.failed("127.0.0.1", str(number))
        held.leave("inside", "/v1/me")

    asyncio.run(many())
    assert held.remembered() <= 2 * 51


DEFAULTS = {
    name: field.default
    for name, field in GatewaySettings.model_fields.items()
    if name in {"requests_per_second", "requests_at_once", "open_requests"}
    or name in {"passed_at_once", "open_waits", "failed_tokens"}
}


async def test_limits_are_set_by_the_environment(
    fresh_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GATEWAY_OPEN_REQUESTS", "7")
    async with run_gateway(await fresh_database("gateway"), tmp_path) as door:
        answer = await door.client.get("/v1/me", headers=await door.headers("hub"))
    assert answer.json()["limits"]["open_requests"] == 7
