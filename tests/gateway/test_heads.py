"""HEAD is GET without its body, on every route but streams; a method that is none gets Allow."""

import asyncio

import httpx2
import pytest
from aiohttp import web

from tests.fixtures.eventually import eventually
from tests.gateway.door import Door
from tests.gateway.test_forward import DRAFT, FILE


async def test_a_head_is_that_of_get(door: Door):
    headers = await door.headers("sys-h14", **{"Accept-Encoding": "identity"})
    for path in ("/v1/me", "/v1/problems", "/docs", "/.well-known/jwks.json", DRAFT):
        got = await door.client.get(path, headers=headers)
        head = await door.client.head(path, headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b"") == (200, b""), path
        changing = {"date", "trace-id", "traceresponse", "ratelimit"}
        assert _kept(head, changing) == _kept(got, changing), path
    assert door.behind.seen[-1].method == "GET"
    assert (await door.client.head("/v1/me")).status_code == 401
    assert (await door.client.head("/v1/nothing", headers=headers)).status_code == 404


def _kept(answer: httpx2.Response, changing: set[str]) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in changing}


async def test_a_head_reads_no_file(door: Door):
    ended: list[bool] = []

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(1 << 40)})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(bytes(1 << 16))
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    door.behind.handler = endless
    headers = await door.headers("sys-h14")
    for _ in range(3):  # and the connection goes on
        answer = await door.client.head(FILE, headers=headers)
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(1 << 40))
    await eventually(lambda: len(ended) == 3, "the end of reading", timeout=10)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("TRACE", "/v1/me", "GET, HEAD"),
        ("TRACE", DRAFT, "DELETE, GET, HEAD, PATCH"),
        ("HEAD", "/oauth/token", "POST"),
        ("HEAD", "/v1/events/stream", "GET"),
    ],
)
async def test_what_is_not_allowed_says_what_is(door: Door, method: str, path: str, allow: str):
    headers = await door.headers("hub")
    answer = await door.client.request(method, path, headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
