"""Hostile and awkward transport: late and endless heads, Upgrade, early answers, stuck readers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from shared import connection
from shared.errors import Problem
from shared.http import create_app
from shared.intake import lift
from tests.fixtures.eventually import eventually
from tests.fixtures.serving import serving

MIB = 1 << 20
JAVA = (
    "Connection: Upgrade, HTTP2-Settings\r\nHost: x\r\n"
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
    "User-Agent: Java-http-client/17.0.9\r\n"
)
"""What java.net.http.HttpClient sends with the first request of a connection."""

router = APIRouter()
ended: list[str] = []


class Note(BaseModel):
    text: str


@router.post("/notes")
async def post_note(body: Note) -> dict[str, Any]:
    return body.model_dump()


@router.get("/hello")
async def get_hello(request: Request) -> dict[str, Any]:
    return {"upgrade": request.headers.get("upgrade")}


@router.put("/refused")
async def put_refused() -> None:
    raise Problem("AUT-4011")


@router.put("/large")
async def put_large(request: Request) -> dict[str, int]:
    lift(request, None)
    return {"size": sum([len(chunk) async for chunk in request.stream()])}


@router.get("/endless")
async def get_endless() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(MIB)
                await asyncio.sleep(0)
        finally:
            ended.append("endless")

    return StreamingResponse(chunks())


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    async with serving(create_app(title="test", routers=[router])) as base:
        host, port = base.removeprefix("http://").split(":")
        yield host, int(port)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, json.loads(body)


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
    return True


async def test_heads_that_do_not_come_end_300_connections(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    begun = [b"", b"G", b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"\r\n\r\n\r\n"]
    opened: list[Streams] = [await asyncio.open_connection(*address) for _ in range(300)]
    for number, (_, writer) in enumerate(opened):
        writer.write(begun[number % 4])
    done: list[bool] = []

    async def watch(reader: asyncio.StreamReader) -> None:
        done.append(await closed(reader))

    async with asyncio.TaskGroup() as group:
        for reader, _ in opened:
            group.create_task(watch(reader))
        await eventually(lambda: len(done) == 300, "the end of all of them", timeout=10)
    for _, writer in opened:
        writer.close()


async def test_a_late_head_behind_a_good_request_is_408(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /he")
    assert (await answer(reader))[0] == 200
    status, headers, body = await answer(reader)
    assert (status, body["code"], headers["connection"]) == (408, "REQ-4081", "close")
    assert await closed(reader)
    writer.close()


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "many headers": (b"GET /hello HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n" * 1000),
    "one endless header": (b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: ", b"x" * 8000),
    "an endless address": (b"GET /", b"x" * 8000),
    "endless empty lines": (b"", b"\r\n" * 4000),
    "trailers": (
        b"PUT /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
        b"X-A: b\r\n" * 1000,
    ),
    "an endless chunk extension": (
        b"PUT /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a=",
        b"x" * 8000,
    ),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_what_never_ends_is_ended(address: tuple[str, int], flood: tuple[bytes, bytes]):
    reader, writer = await asyncio.open_connection(*address)
    first, more = flood
    writer.write(first)
    sent = 0
    try:
        while not reader.at_eof() and sent < 300 * MIB:
            writer.write(more)
            await writer.drain()
            sent += len(more)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    assert sent < connection.LINGER_BYTES + 10 * MIB
    writer.close()


async def test_a_head_that_is_too_large_is_431(address: tuple[str, int]):
    for size in (connection.HEAD_BYTES, 3 * connection.HEAD_BYTES):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * size + b"\r\n\r\n")
        status, _, body = await answer(reader)
        assert (status, body["code"]) == (431, "REQ-4311")
        writer.close()


BODY = '{"text": "văn bản"}'.encode()
SIZED = f"POST /notes HTTP/1.1\r\n{JAVA}Content-Length: {len(BODY)}\r\n".encode()
CHUNKED = f"POST /notes HTTP/1.1\r\n{JAVA}Transfer-Encoding: chunked\r\n".encode()
TYPE = b"Content-Type: application/json\r\n\r\n"
JAVAS = {
    "at once": [SIZED + TYPE + BODY],
    "head, body": [SIZED + TYPE, BODY],
    "in pieces": [SIZED[:40], SIZED[40:], TYPE, BODY[:3], BODY[3:]],
    "chunked": [CHUNKED + TYPE, b"%x\r\n%s\r\n" % (len(BODY), BODY), b"0\r\n\r\n"],
}


@pytest.mark.parametrize("parts", JAVAS.values(), ids=JAVAS)
async def test_an_upgrade_to_http2_is_ignored_and_the_body_read(
    address: tuple[str, int], parts: list[bytes]
):
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(3):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert (await answer(reader))[::2] == (200, {"text": "văn bản"})
        writer.write(f"GET /hello HTTP/1.1\r\n{JAVA}\r\n".encode())
        assert (await answer(reader))[::2] == (200, {"upgrade": None})
    writer.close()


async def test_1500_pipelined_upgrades_are_all_answered(address: tuple[str, int]):
    count, ask = (
        1500,
        b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    )
    reader, writer = await asyncio.open_connection(*address)
    writer.write(ask * count)
    for _ in range(count):
        assert (await answer(reader))[::2] == (200, {"upgrade": None})
    writer.close()


NONSENSE = (
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01 hello\r\n\r\n",
    b"GET /hello HTTP/1.1\r\n\r\n",  # RFC 9112 3.2: no Host
    b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
)


async def test_connect_and_nonsense_are_problems(address: tuple[str, int]):
    for sent in NONSENSE:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        status, _, body = await answer(reader)
        assert (status, body["code"]) == (400, "REQ-4005")
        assert body["hint"]
        assert await closed(reader)
        writer.close()


EARLY: dict[str, tuple[str, int]] = {
    "413": ("POST /notes HTTP/1.1\r\nContent-Type: application/json\r\n", 413),
    "401": ("PUT /refused HTTP/1.1\r\n", 401),
    "415": ("PUT /large HTTP/1.1\r\nContent-Encoding: gzip\r\n", 415),
    "404": ("PUT /nothing HTTP/1.1\r\n", 404),
}


@pytest.mark.parametrize("ending", ["", "Connection: close\r\n"], ids=["kept", "closing"])
async def test_an_early_answer_reaches_who_writes_everything_first(
    address: tuple[str, int], ending: str
):
    size = 12 * MIB  # more than both ends' buffers hold
    for number in range(50):
        head, want = list(EARLY.values())[number % 4]
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"{head}Host: x\r\n{ending}Content-Length: {size}\r\n\r\n".encode())
        for _ in range(12):
            writer.write(bytes(MIB))
            await writer.drain()
        assert (await answer(reader))[0] == want
        writer.close()


async def test_a_refused_upload_is_not_read_for_ever(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "LINGER_BYTES", MIB)
    for ending in ("", "Connection: close\r\n"):
        reader, writer = await asyncio.open_connection(*address)
        head = f"PUT /refused HTTP/1.1\r\nHost: x\r\n{ending}Content-Length: {1 << 40}\r\n\r\n"
        writer.write(head.encode())
        sent = 0
        with suppress(ConnectionError):
            while sent < 200 * MIB:
                writer.write(bytes(MIB))
                await writer.drain()
                sent += MIB
        assert sent < 200 * MIB
        writer.close()
        del reader


async def test_a_silent_rest_of_a_refused_upload_ends_the_connection(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    for ending in ("", "Connection: close\r\n"):
        reader, writer = await asyncio.open_connection(*address)
        head = f"PUT /refused HTTP/1.1\r\nHost: x\r\n{ending}Content-Length: 1000\r\n\r\nx"
        writer.write(head.encode())
        assert (await answer(reader))[0] == 401
        async with asyncio.timeout(10):
            assert await closed(reader)
        writer.close()


async def test_who_does_not_read_an_answer_loses_the_connection(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "BEHIND_SECONDS", 0.3)
    ended.clear()
    reader, writer = await asyncio.open_connection(*address, limit=1000)
    writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    finished: Callable[[], bool] = lambda: ended == ["endless"]  # noqa: E731
    await eventually(finished, "the end of the answer", timeout=10)
    writer.close()
