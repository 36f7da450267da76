"""The end of the gateway, or of a client: who waits is told, cut, or waited for no more."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import httpx2
import pytest
from aiohttp import web
from starlette.types import Message

from services.gateway import forward
from services.gateway.forward import Forwarded
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door
from tests.gateway.test_forward import DRAFT, FILE

LEASES = "/v1/inbox/leases"


class Waits:
    """A service that answers nothing, and knows how it ended."""

    def __init__(self) -> None:
        self.begun = self.left = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.begun = True
        transport = request.transport
        assert transport is not None
        await eventually(transport.is_closing, "the end of the connection", timeout=20)
        self.left = True
        return web.Response()


@pytest.mark.parametrize(("method", "path"), [("GET", DRAFT), ("POST", f"{DRAFT}/dispatches")])
async def test_who_still_waits_when_the_gateway_ends_is_told_to_come_back(
    door: Door, monkeypatch: pytest.MonkeyPatch, method: str, path: str
):
    monkeypatch.setattr(forward, "ENDING_SECONDS", 0.3)
    answer = await _waiting_at_the_end(door, "sys-h14", method, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "SYS-5031")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("body", [b'{"wait": "PT30S"}', b""])
async def test_a_poll_that_still_waits_when_the_gateway_ends_has_got_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch, body: bytes
):
    monkeypatch.setattr(forward, "ENDING_SECONDS", 0.3)
    answer = await _waiting_at_the_end(door, "hub", "POST", LEASES, body)
    assert (answer.status_code, answer.json()) == (200, {"leases": []})


async def _waiting_at_the_end(
    door: Door, who: str, method: str, path: str, body: bytes = b""
) -> httpx2.Response:
    door.behind.handler = waits = Waits()
    headers = await door.headers(who, **{"Content-Type": "application/json"})
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(
            door.client.request(method, path, content=body or None, headers=headers)
        )
        await eventually(lambda: waits.begun, "the request behind the gateway")
        door.stop.set()
    await eventually(lambda: waits.left, "the end of the wait behind the gateway")
    return asked.result()


async def test_an_upload_that_still_comes_when_the_gateway_ends_is_cut(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(forward, "ENDING_SECONDS", 0.3)
    arrived = asyncio.Event()

    async def reads(request: web.Request) -> web.StreamResponse:
        async for _ in request.content.iter_any():
            arrived.set()
        return web.Response()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(20)
        yield b"x"

    door.behind.handler = reads
    headers = await door.headers("sys-h14")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(_outcome(door, chunks(), headers))
        await arrived.wait()
        door.stop.set()
    assert asked.result() == "cut"


async def _outcome(door: Door, content: AsyncIterator[bytes], headers: dict[str, str]) -> str:
    try:
        answer = await door.client.put(FILE, content=content, headers=headers)
    except httpx2.TransportError:
        return "cut"
    return f"{answer.status_code} {answer.text}"


async def test_a_client_that_goes_is_waited_for_no_more(door: Door):
    headers = await door.headers("hub", **{"Content-Type": "application/json"})
    for body in (b'{"wait": "PT30S"}', b""):
        door.behind.handler = waits = Waits()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await door.client.post(LEASES, content=body or None, headers=headers)
        await eventually(lambda one=waits: one.left, "the end of the wait behind the gateway")
        await eventually(lambda: not door.visits.open, "nobody inside")


async def test_no_hint_is_written_behind_half_an_event_whose_rest_still_waits(door: Door):
    ready, sent = asyncio.Event(), list[bytes]()

    async def halves(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"id: 1\ndata: ")
        await ready.wait()
        await answer.write(b"1\n\n")
        await asyncio.sleep(30)
        return answer

    async def send(message: Message) -> None:
        body = message.get("body", b"")
        if body == b"1\n\n":  # as when the client takes nothing now
            door.stop.set()
            await asyncio.sleep(30)
        if body:
            sent.append(body)
            ready.set()

    async def receive() -> Message:
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    door.behind.handler = halves
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        answer = await session.get(door.behind.url)
        await Forwarded(answer)({"type": "http", "app": door.app}, receive, send)
    assert sent == [b"id: 1\ndata: "]
