"""A request's first answer is the answer of all its repetitions; its effect happens once."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from secrets import token_urlsafe
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from shared import idempotency
from shared.db import Connection, Database
from shared.errors import Problem
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.settings import ServiceSettings
from tests.fixtures.eventually import eventually
from tests.shared.issuing import Issuer
from tests.shared.world import World, guarded

router = APIRouter()


began: list[str] = []


class Thing(BaseModel):
    name: str
    outcome: str = "made"
    slow: float = 0.0


async def make(conn: Connection, thing: Thing) -> Response:
    await conn.execute("insert into known_clients values ($1, '', '{}', '{}', now(), 1)", uid())
    began.append(thing.name)
    await asyncio.sleep(thing.slow)
    if thing.outcome == "refused":
        raise Problem("REQ-4221")
    if thing.outcome == "broken":
        raise LookupError(thing.name)
    if thing.outcome == "answered 409":
        return JSONResponse({"name": thing.name}, 409)
    number = uid()
    headers = {"Location": f"/things/{number}", "ETag": '"1"', "X-Other": "not kept"}
    return JSONResponse({"name": thing.name, "id": number}, 201, headers)


def uid() -> str:
    return str(uuid4())


@router.post("/things")
@router.post("/things/{number}")
@router.post("/other-things")
async def post_thing(
    request: Request, body: Thing, caller: Annotated[Caller, Depends(Scoped("documents.send"))]
) -> Response:
    db: Database = request.app.state.db
    digest = hashlib.sha256(body.model_dump_json().encode()).digest()
    step = once(request, caller, digest=digest, work=lambda conn: make(conn, body))
    return await db.as_caller(caller.visible, step)


@router.get("/words")
async def get_words(request: Request, word: str) -> None:
    db: Database = request.app.state.db
    await db.look(lambda conn: conn.fetchval("select $1::text::tsquery", word))


@pytest.fixture
async def world(settings: ServiceSettings, issuer: Issuer) -> AsyncIterator[World]:
    async with guarded(settings, issuer, router) as world:
        await world.agency(1, "H14")
        await world.agency(2, "G22")
        await world.system("sys-a", "H14", version=1)
        await world.system("hub", "H14", "G22")
        await world.system("operator")
        yield world


async def ask(
    world: World,
    key: str | bytes | None = "k",
    path: str = "/things",
    **body: Any,  # noqa: ANN401
) -> httpx2.Response:
    headers = [(b"Authorization", f"Bearer {world.issuer.token()}".encode())]
    if key is not None:
        headers.append((b"Idempotency-Key", key.encode() if isinstance(key, str) else key))
    return await world.client.post(path, json={"name": "a"} | body, headers=headers)


async def made(settings: ServiceSettings) -> int:
    return int(await _owner(settings, "select count(*) from known_clients where state = ''"))


async def _owner(settings: ServiceSettings, query: str) -> Any:  # noqa: ANN401
    conn = await asyncpg.connect(settings.database_owner.get_secret_value())
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


async def test_a_repetition_gets_the_same_answer_and_has_no_effect(
    world: World, settings: ServiceSettings
):
    first, second = await ask(world), await ask(world)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    for name in ("location", "etag", "content-type"):
        assert first.headers[name] == second.headers[name]
    assert await made(settings) == 1


async def test_fifty_at_once_have_one_effect(world: World, settings: ServiceSettings):
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(world)) for _ in range(50)]
    answers = [task.result() for task in asked]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert (await ask(world)).status_code == 201
    assert await made(settings) == 1


async def test_another_body_or_query_under_the_same_key_is_422(world: World):
    await ask(world)
    for again in (await ask(world, name="b"), await ask(world, path="/things?dispatch=true")):
        assert (again.status_code, again.json()["code"]) == (422, "REQ-4222")


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "REQ-4002"), (b"", "REQ-4002"), (b"x" * 256, "REQ-4003"), (b"kh\xf3a", "REQ-4003")],
)
async def test_a_missing_or_unusable_key_is_400(world: World, key: bytes | None, code: str):
    answer = await ask(world, key)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("outcome", "status"), [("refused", 422), ("broken", 500), ("answered 409", 409)]
)
async def test_any_other_answer_leaves_the_key_free_and_nothing_behind(
    world: World, settings: ServiceSettings, outcome: str, status: int
):
    assert (await ask(world, outcome=outcome)).status_code == status
    assert await made(settings) == 0
    assert (await ask(world)).status_code == 201
    assert await made(settings) == 1


async def test_a_key_counts_for_one_client_agency_and_path(world: World):
    async def of_hub(code: str) -> httpx2.Response:
        token = world.issuer.token(client_id="hub", agencies=["H14", "G22"], client_version=0)
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": "k",
            "On-Behalf-Of": code,
        }
        return await world.client.post("/things", json={"name": "a"}, headers=headers)

    answers = [
        await ask(world),
        await ask(world, path="/other-things"),
        await of_hub("H14"),
        await of_hub("G22"),
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 4


async def test_how_long_a_path_is_does_not_matter(world: World, settings: ServiceSettings):
    paths = [f"/things/{token_urlsafe(9000)}" for _ in range(2)]
    first, other, again = [await ask(world, path=paths[n]) for n in (0, 1, 0)]
    assert [one.status_code for one in (first, other, again)] == [201] * 3
    assert first.content == again.content != other.content
    assert await made(settings) == 2


async def test_what_is_too_long_for_postgresql_is_the_callers_mistake(world: World):
    answer = await world.client.get("/words", params={"word": "x" * 3000})
    assert (answer.status_code, answer.json()["code"]) == (422, "REQ-4221")


async def test_a_twin_waits_for_the_first_and_gets_its_answer(
    world: World, settings: ServiceSettings
):
    async with asyncio.TaskGroup() as group:
        first = group.create_task(ask(world, slow=0.5))
        second = group.create_task(ask(world, slow=0.5))
    assert first.result().content == second.result().content
    assert await made(settings) == 1


async def test_a_twin_that_waits_too_long_is_409_with_retry_after(world: World):
    began.clear()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(ask(world, slow=4.0))

        await eventually(lambda: began, "the first request in its transaction")
        twin = await ask(world, slow=4.0)
    assert (twin.status_code, twin.json()["code"]) == (409, "REQ-4091")
    assert twin.headers["retry-after"] == "1"
    assert slow.result().status_code == 201


async def test_after_thirty_days_a_key_is_new_again(world: World, settings: ServiceSettings):
    await ask(world)
    await _owner(settings, "update idempotency set created_at = now() - interval '31 days'")
    assert (await ask(world, name="another body")).status_code == 201
    assert await made(settings) == 2


async def test_answers_past_their_time_are_swept(world: World, settings: ServiceSettings):
    await ask(world, "old")
    await _owner(settings, "update idempotency set created_at = now() - interval '31 days'")
    await ask(world, "young")
    stop = asyncio.Event()

    async def one_is_left() -> bool:
        return await _owner(settings, "select array_agg(key) from idempotency") == ["young"]

    async with asyncio.TaskGroup() as group:
        group.create_task(idempotency.sweep(world.db)(stop))
        await eventually(one_is_left, "the old answer gone")
        stop.set()
