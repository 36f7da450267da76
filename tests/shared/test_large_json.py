"""JSON that a route reads itself: larger than other JSON, and not read before the route asks."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter, Request

from shared.errors import Problem
from shared.http import create_app
from shared.intake import APART, LIMIT, lift
from tests.fixtures.serving import serving
from tests.shared.problems import problem

JSON = {"Content-Type": "application/json"}
((METHOD, PATH),) = APART

router = APIRouter()


@router.post(PATH)
@router.post("/others")
async def post_large(request: Request) -> dict[str, int]:
    if "refused" in request.query_params:
        raise Problem("AUT-4031")
    lift(request, 3 * LIMIT, beyond="SIG-4132")
    return {"size": len(await request.body())}


@pytest.fixture(params=[True, False], ids=["at the door", "behind it"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(title="test", routers=[router], edge=request.param)
    async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
        yield client


def text(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


@pytest.mark.parametrize("chunked", [False, True])
async def test_its_limit_is_the_one_that_the_route_has_set(
    client: httpx2.AsyncClient, *, chunked: bool
):
    async def sent(size: int) -> httpx2.Response:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, size, 65_536):
                yield text(size)[start : start + 65_536]

        content = chunks() if chunked else text(size)
        return await client.post(PATH, content=content, headers=JSON)

    assert (await sent(3 * LIMIT)).json() == {"size": 3 * LIMIT}
    assert problem(await sent(3 * LIMIT + 1), 413, "SIG-4132")["limit"] == 3 * LIMIT


async def test_a_route_that_is_not_listed_lifts_nothing(client: httpx2.AsyncClient):
    answer = await client.post("/others", content=text(2 * LIMIT), headers=JSON)
    assert problem(answer, 413, "REQ-4131")["limit"] == LIMIT


async def test_nothing_of_it_is_awaited_before_the_route_asks(client: httpx2.AsyncClient):
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = f"{METHOD} {PATH}?refused=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(head.encode() + b"Content-Length: 1000\r\n\r\n{")
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")
