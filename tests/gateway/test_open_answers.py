"""What a client has lost ends while it is open: streams, waits, downloads, uploads."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from aiohttp import web

from services.gateway import watch
from shared.errors import Problem
from shared.identity import Guard, Standing
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door, Handler
from tests.gateway.test_forward import FILE

STREAM, LEASES = "/v1/events/stream", "/v1/inbox/leases"
SECONDS = 15
"""Within which an open answer ends here; 60 are promised."""


async def streams(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    with suppress(ConnectionError):
        while True:
            await answer.write(b": still here\n\n")
            await asyncio.sleep(0.05)
    return answer


async def downloads(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": str(1 << 30)})
    await answer.prepare(request)
    with suppress(ConnectionError):
        while True:
            await answer.write(b"x" * 100)
            await asyncio.sleep(0.05)
    return answer


async def waits(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.json_response({"leases": []})


class Open:
    """An answer that is read until it ends."""

    def __init__(self, door: Door, headers: dict[str, str]) -> None:
        self._door, self._headers = door, headers
        self.status, self.how, self.ended_after = 0, "", 0.0

    async def read(self, method: str, path: str) -> None:
        began = time.monotonic()
        try:
            async with self._door.client.stream(method, path, headers=self._headers) as answer:
                self.status = answer.status_code
                async for _ in answer.aiter_bytes():
                    began = time.monotonic()
            self.how = "whole"
        except httpx2.RemoteProtocolError:
            self.how = "cut"
        self.ended_after = time.monotonic() - began


async def lose(door: Door, path: str, **body: list[str]) -> None:
    headers = await door.headers("registrar")
    method = "PATCH" if body else "DELETE"
    answer = await door.client.request(method, path, json=body or None, headers=headers)
    assert answer.is_success


async def told_to_go(
    door: Door, client_id: str, asked: tuple[str, str], handler: Handler, **body: list[str]
) -> Open:
    """Open an answer, take something from the client, and return how the answer ended."""
    door.behind.handler = handler
    opened = Open(door, await door.headers(client_id))
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        group.create_task(opened.read(*asked))
        await eventually(lambda: door.behind.seen, "the request behind the gateway")
        taken = time.monotonic()
        await lose(door, f"/v1/clients/{client_id}", **body)
    print(f"{client_id}: {asked[1]} ended {time.monotonic() - taken:.1f} s after the change")  # noqa: T201 (the figure)
    await eventually(lambda: not door.visits.open, "nobody inside")
    return opened


async def test_a_revoked_clients_stream_ends(door: Door):
    opened = await told_to_go(door, "sys-h14", ("GET", STREAM), streams)
    assert (opened.status, opened.how) == (200, "whole")


async def test_a_narrowed_clients_stream_ends(door: Door):
    opened = await told_to_go(door, "hub", ("GET", STREAM), streams, agencies=["H14"])
    assert (opened.status, opened.how) == (200, "whole")


async def test_a_revoked_clients_wait_is_refused(door: Door):
    opened = await told_to_go(door, "hub", ("POST", LEASES), waits)
    assert (opened.status, opened.how) == (401, "whole")


async def test_a_revoked_clients_download_is_cut(door: Door):
    opened = await told_to_go(door, "sys-h14", ("GET", FILE), downloads)
    assert (opened.status, opened.how) == (200, "cut")


async def test_an_agency_that_is_suspended_loses_its_stream(door: Door):
    door.behind.handler = streams
    opened = Open(door, await door.headers("sys-h14"))
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        group.create_task(opened.read("GET", STREAM))
        await eventually(lambda: door.behind.seen, "the request behind the gateway")
        await door.agency(1, "H14", state="suspended", version=9)
    assert opened.how == "whole"


async def test_others_stay_when_one_goes(door: Door):
    door.behind.handler = streams
    stays, goes = [Open(door, await door.headers(name)) for name in ("sys-h14", "hub")]
    async with asyncio.timeout(SECONDS):
        async with asyncio.TaskGroup() as group:
            staying = group.create_task(stays.read("GET", STREAM))
            going = group.create_task(goes.read("GET", STREAM))
            await eventually(lambda: len(door.behind.seen) == 2, "both behind the gateway")
            await lose(door, "/v1/clients/hub")
            await going
            await asyncio.sleep(2 * watch.LOOK_SECONDS)
            assert not staying.done()
            staying.cancel()


async def test_a_stream_ends_with_its_token_and_a_download_some_time_later(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watch, "GRACE_SECONDS", 1e9)
    stream, file = [Open(door, await door.headers("sys-h14")) for _ in range(2)]
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        door.behind.handler = streams
        streaming = group.create_task(stream.read("GET", STREAM))
        await eventually(lambda: len(door.behind.seen) == 1, "the stream")
        door.behind.handler = downloads
        loading = group.create_task(file.read("GET", FILE))
        await eventually(lambda: len(door.behind.seen) == 2, "the download")
        for visit in door.visits.open:
            visit.expires_at = datetime.now(UTC) - timedelta(seconds=1)
        await streaming
        assert not loading.done()
        monkeypatch.setattr(watch, "GRACE_SECONDS", 0.0)
        await loading
    assert (stream.how, file.how) == ("whole", "cut")


async def test_a_visit_that_is_over_while_it_is_looked_at_is_left_alone(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    asked, gone, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def look_again(_guard: object, _standing: Standing) -> Standing:
        asked.set()
        await gone.wait()
        told.set()
        raise Problem("AUT-4011")

    monkeypatch.setattr(Guard, "look_again", look_again)
    door.behind.handler = streams
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        stays = group.create_task(Open(door, await door.headers("hub")).read("GET", STREAM))
        await asked.wait()
        stays.cancel()
        await eventually(lambda: not door.visits.open, "the visit over")
        gone.set()
        await told.wait()
    assert (await door.client.get("/.well-known/oauth-authorization-server")).status_code == 200


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than in production, so that the tests are short."""
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.3)


@pytest.mark.parametrize(
    ("last", "hint"),
    [(b"data: 2\n\n", b"retry: 1000\n\n"), (b"data: 2\n\nid: 1", b"")],
    ids=["a whole event", "half an event"],
)
async def test_events_come_one_by_one_and_end_with_a_hint_when_the_gateway_stops(
    door: Door, last: bytes, hint: bytes
):
    more = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: 1\n\n")
        await more.wait()
        await answer.write(last)
        await asyncio.sleep(30)
        return answer

    door.behind.handler = events
    headers = await door.headers("sys-h14")
    got: list[bytes] = []
    async with door.client.stream("GET", "/v1/events/stream", headers=headers) as answer:
        async for chunk in answer.aiter_bytes():
            got.append(chunk)
            if chunk.startswith(b"data: 1"):
                more.set()
            if chunk.startswith(b"data: 2"):
                door.stop.set()
    assert b"".join(got) == b"data: 1\n\n" + last + hint
    assert answer.headers["connection"] == "close"  # the next request would meet its end
