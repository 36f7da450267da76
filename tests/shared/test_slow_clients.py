"""Slow clients: a body that drips, an answer that is hardly read; who is only slow is served."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from shared import connection, intake
from shared.http import create_app
from shared.intake import lift
from tests.fixtures.eventually import eventually
from tests.fixtures.serving import serving

MIB = 1 << 20
LARGE = 64 * MIB
"""More than all buffers between two ends hold."""

router = APIRouter()
ended: list[int] = []


@router.put("/large")
async def put_large(request: Request) -> dict[str, int]:
    lift(request, None)
    return {"size": sum([len(chunk) async for chunk in request.stream()])}


@router.put("/busy")
async def put_busy(request: Request) -> dict[str, int]:
    await asyncio.sleep(0.5)  # what is not asked for is not late
    return {"size": len(await request.body())}


@router.get("/large")
async def get_large() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        sent = 0
        try:
            for _ in range(LARGE // 65_536):
                yield bytes(65_536)
                sent += 65_536
        finally:
            ended.append(sent)

    return StreamingResponse(chunks(), headers={"Content-Length": str(LARGE)})


@router.get("/events")
async def get_events() -> Response:
    async def lines() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: x\n" + b" " * 1000
                await asyncio.sleep(0.02)
        finally:
            ended.append(0)

    return StreamingResponse(lines(), media_type="text/event-stream")


@pytest.fixture(params=[True, False], ids=["at the door", "behind it"])
async def address(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, int]]:
    app = create_app(title="test", routers=[router], edge=request.param)
    async with serving(app) as base:
        host, port = base.removeprefix("http://").split(":")
        yield host, int(port)


async def put(address: tuple[str, int], path: str, pieces: int, pause: float, size: int) -> bytes:
    """Send a body in pieces with pauses; return the first line of the answer."""
    reader, writer = await asyncio.open_connection(*address)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {pieces * size}\r\n\r\n"
    writer.write(head.encode())

    async def drip() -> None:
        with suppress(ConnectionError):
            for _ in range(pieces):
                writer.write(bytes(size))
                await writer.drain()
                await asyncio.sleep(pause)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        dripping = group.create_task(drip())
        line = await reader.readline()
        dripping.cancel()
    writer.close()
    return line


async def test_a_body_that_drips_is_408(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.4)
    assert b" 408 " in await put(address, "/large", pieces=1000, pause=0.05, size=1)


async def test_a_body_of_a_modest_pace_may_take_longer(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.8)
    assert b" 200 " in await put(address, "/large", pieces=40, pause=0.05, size=1024)


async def test_time_in_which_nobody_reads_a_body_is_not_its_clients(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.2)
    assert b" 200 " in await put(address, "/busy", pieces=2, pause=0, size=1000)


async def _get(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*address, limit=65_536)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_who_reads_slowly_is_served_to_the_end(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.3)
    monkeypatch.setattr(connection, "BEHIND_SECONDS", 0.3)
    reader, writer = await _get(address)
    size = 0
    while size < LARGE:
        size += len(await reader.read(65_536))
        await asyncio.sleep(0.0005)
    writer.close()


async def test_who_reads_nothing_loses_the_connection(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(connection, "BEHIND_SECONDS", 0.2)
    ended.clear()
    reader, writer = await _get(address)
    await eventually(lambda: len(ended) == 1, "the end of the answer", timeout=10)
    size = 0
    with suppress(ConnectionError):
        while more := await reader.read(1 << 20):
            size += len(more)
    assert size < LARGE
    writer.close()


async def test_a_stream_that_is_not_read_ends_also_when_it_tells_little(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.3)
    monkeypatch.setattr(connection, "BEHIND_SECONDS", 0.3)
    ended.clear()
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # less than it tells
    plain.connect(address)
    plain.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: len(ended) == 1, "the end of the stream", timeout=10)
    plain.close()


async def test_a_stream_that_is_read_goes_on(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.1)
    monkeypatch.setattr(connection, "BEHIND_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        for _ in range(50):
            assert await reader.readline()
    writer.close()


async def test_nonsense_behind_an_answered_refusal_is_thrown_away(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture
):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\nNONSENSE\r\n\r\n")
    assert b" 400 " in await reader.readline()
    with suppress(ConnectionError):
        writer.write(b"more\r\n\r\n")
        await reader.read()
    writer.close()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_the_connection_of_a_late_body_does_not_stay(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(connection, "LATE_SECONDS", 0.1)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 1000)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
    async with asyncio.timeout(10):
        assert b" 408 " in await reader.readline()
        with suppress(ConnectionError):
            await reader.read()
    writer.close()
