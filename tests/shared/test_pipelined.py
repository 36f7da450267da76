"""Requests that come before the answer to the one before: whatever is cut, none waits for ever."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.connection import abort
from shared.http import create_app
from tests.fixtures.eventually import eventually
from tests.fixtures.serving import serving

router = APIRouter()
ended: list[str] = []


class _Cut(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await asyncio.sleep(0.1)  # the next request is there
        await abort(scope, receive)
        ended.append("cut")


@router.get("/cut")
async def get_cut() -> Response:
    return _Cut()


async def test_a_cut_answer_ends_also_with_a_request_behind_it():
    ended.clear()
    async with serving(create_app(title="test", routers=[router])) as base:
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /cut HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        await reader.readuntil(b"\r\n\r\nx")
        await eventually(lambda: ended, "it is ended", timeout=3)
        writer.close()
    assert ended == ["cut"], "and the one behind it never begins"
