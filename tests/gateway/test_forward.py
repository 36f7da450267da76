"""Requests and answers go through the gateway in streams, whole or visibly not whole."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web
from multidict import CIMultiDict

from services.gateway import forward
from tests.fixtures.eventually import eventually
from tests.gateway.door import Door

DRAFT = "/v1/documents/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a11"
FILE = f"{DRAFT}/attachments/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a12/content"
MIB = 1 << 20


def noise(size: int) -> bytes:
    return hashlib.shake_256(b"noise").digest(size)


async def test_a_body_arrives_as_it_was_sent_whatever_its_form(door: Door):
    headers, content = await door.headers("sys-h14"), noise(5 * MIB + 3)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100_001):
            yield content[start : start + 100_001]

    want = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    sized = await door.client.put(FILE, content=content, headers=headers)
    assert (sized.status_code, sized.json()) == (200, want)
    assert door.behind.seen[-1].headers["Content-Length"] == str(len(content))
    chunked = await door.client.put(FILE, content=chunks(), headers=headers)
    assert chunked.json() == want
    assert door.behind.seen[-1].headers["Transfer-Encoding"] == "chunked"
    empty = await door.client.post(f"{DRAFT}/dispatches", headers=headers)
    assert empty.json()["size"] == 0


async def test_an_answer_comes_as_it_was_given(door: Door):
    content = noise(3 * MIB)

    async def file(request: web.Request) -> web.StreamResponse:
        assert request.headers["Range"] == "bytes=0-"
        extra = [("Set-Thing", "a"), ("Set-Thing", "b"), ("Repr-Digest", "sha-256=:x:")]
        headers = [("Connection", "X-Hop"), ("X-Hop", "1"), ("ETag", '"1"'), *extra]
        return web.Response(status=206, body=content, headers=CIMultiDict(headers))

    door.behind.handler = file
    headers = await door.headers("sys-h14", Range="bytes=0-")
    answer = await door.client.get(FILE, headers=headers)
    assert (answer.status_code, answer.content == content) == (206, True)
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers.get_list("set-thing") == ["a", "b"]
    assert answer.headers["etag"] == '"1"'
    assert "x-hop" not in answer.headers
    assert len(answer.headers.get_list("date")) == 1
    assert len(answer.headers.get_list("trace-id")) == 1


async def test_what_a_stranger_may_not_tell_a_service_is_taken_away(door: Door):
    spoofed = {
        "On-Behalf-Of": "H14",
        "Idempotency-Key": "k",
        "Connection": "X-Secret, close",
        "X-Secret": "1",
        "baggage": "user=admin",
        "tracestate": "a=b",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Forwarded-For": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "TE": "trailers",
    }
    headers = await door.headers("sys-h14", **spoofed)
    await door.client.get(DRAFT + "?a=%2F&b=%C4%90", headers=headers)
    seen = door.behind.seen[-1]
    assert seen.headers["Authorization"] == headers["Authorization"]
    assert (seen.headers["On-Behalf-Of"], seen.headers["Idempotency-Key"]) == ("H14", "k")
    for name in ("X-Secret", "baggage", "tracestate", "X-Forwarded-For", "Forwarded", "TE"):
        assert name not in seen.headers, name
    assert "0af7651916cd43dd8448eb211c80319c" not in seen.headers.get("traceparent", "")
    assert seen.rel_url.raw_query_string == "a=%2F&b=%C4%90"


@pytest.mark.parametrize("path", ["/internal/agencies", "/v1/../internal/agencies", "/v1/nothing"])
async def test_what_no_service_declares_does_not_exist(door: Door, path: str):
    inside = await door.ask_token("service-docs", resource="https://lienthong.vn/internal/docs")
    tokens = [inside.json()["access_token"]]
    tokens.append((await door.headers("operator"))["Authorization"].removeprefix("Bearer "))
    for token in tokens:
        url = httpx2.URL(door.settings.public_url + "/").copy_with(raw_path=path.encode())
        answer = await door.client.get(url, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (404, "REQ-4041")
    assert door.behind.seen == []


async def test_encoded_slashes_and_dots_open_no_other_path(door: Door):
    headers = await door.headers("sys-h14")
    for path in (
        "/v1/documents/..%2f..%2finternal%2fagencies",
        "/v1/documents/%2e%2e",
        "/v1/documents/%2e%2e/attachments",
        "/v1/documents//attachments",
        "//v1/documents",
    ):
        url = httpx2.URL(door.settings.public_url + "/").copy_with(raw_path=path.encode())
        assert (await door.client.get(url, headers=headers)).status_code == 404, path
    assert door.behind.seen == []


async def test_the_door_asks_for_a_token_and_its_scope_before_anything_is_passed_on(door: Door):
    assert (await door.client.get(DRAFT)).status_code == 401
    answer = await door.client.get("/v1/inbox", headers=await door.headers("sys-h14"))
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4031")
    assert answer.json()["required_scope"] == "documents.receive"
    answer = await door.client.put(DRAFT, headers=await door.headers("sys-h14"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")
    assert door.behind.seen == []


async def test_a_body_where_there_may_be_none_is_not_taken_for_the_next_request(door: Door):
    headers = await door.headers("sys-h14")
    for path in (DRAFT, "/pki/root/crl"):
        refused = await door.client.request("GET", path, content=b"hello", headers=headers)
        assert (refused.json()["code"], door.behind.seen) == ("REQ-4004", [])
    for _ in range(2):
        assert (await door.client.get(DRAFT, headers={**headers, "Content-Length": "0"})).is_success
        assert "Content-Length" not in door.behind.seen.pop().headers


async def test_a_dead_service_is_503_with_retry_after(door: Door):
    await door.behind.die()
    headers = await door.headers("sys-h14")
    for answer in (
        await door.client.get(DRAFT, headers=headers),
        await door.client.put(FILE, content=b"x", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "SYS-5031")
        assert int(answer.headers["retry-after"]) >= 1


async def test_a_service_that_only_listens_is_waited_for_but_not_for_ever(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(forward, "ANSWER_SECONDS", 0.3)
    forever = asyncio.Event()

    async def waits(_request: web.Request) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    door.behind.handler = waits
    headers = await door.headers("sys-h14")
    for answer in (
        await door.client.get(DRAFT, headers=headers),
        await door.client.put(FILE, content=b"x", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "SYS-5031")
        assert int(answer.headers["retry-after"]) >= 1
    forever.set()


async def test_an_upload_that_stands_still_is_408(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forward, "ANSWER_SECONDS", 0.3)

    async def stalls() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(1)
        yield b"x"

    answer = await door.client.put(FILE, content=stalls(), headers=await door.headers("sys-h14"))
    assert (answer.status_code, answer.json()["code"]) == (408, "REQ-4081")


async def cuts(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    assert transport is not None
    transport.abort()
    return web.Response()


async def test_a_body_is_never_sent_twice_and_a_get_is(door: Door):
    door.behind.handler = cuts
    headers = await door.headers("sys-h14")
    for ask in (
        door.client.put(FILE, content=b"x" * 1000, headers=headers),
        door.client.post(f"{DRAFT}/dispatches", json={}, headers=headers),
        door.client.post(f"{DRAFT}/dispatches", headers=headers),
    ):
        before = len(door.behind.seen)
        answer = await ask
        assert (answer.status_code, answer.json()["code"]) == (503, "SYS-5031")
        assert len(door.behind.seen) == before + 1
    before = len(door.behind.seen)
    assert (await door.client.get(DRAFT, headers=headers)).status_code == 503
    assert len(door.behind.seen) > before + 1


async def test_requests_with_a_body_come_on_fresh_connections(door: Door):
    headers = await door.headers("sys-h14")
    peers: list[object] = []
    for _ in range(3):
        await door.client.post(f"{DRAFT}/dispatches", json={}, headers=headers)
        peers.append(door.behind.seen[-1].headers.get("Connection"))
    assert peers == ["close"] * 3


async def test_one_clients_cookie_is_not_sent_for_another(door: Door):
    async def bakes(_request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": "session=of-h14; Path=/"})

    door.behind.handler = bakes
    await door.client.get(DRAFT, headers=await door.headers("sys-h14"))
    door.client.cookies.clear()
    await door.client.get(DRAFT, headers=await door.headers("hub", **{"On-Behalf-Of": "G22"}))
    assert "Cookie" not in door.behind.seen[-1].headers


async def test_an_answer_that_is_cut_behind_is_cut_in_front(door: Door):
    async def half(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(MIB)})
        await answer.prepare(request)
        await answer.write(b"x" * 1000)
        return await cuts(request)

    door.behind.handler = half
    with pytest.raises(httpx2.RemoteProtocolError):
        await door.client.get(FILE, headers=await door.headers("sys-h14"))


async def test_an_upload_that_is_cut_in_front_never_ends_behind(door: Door):
    ended: list[str] = []

    async def read_all(request: web.Request) -> web.StreamResponse:
        try:
            async for _ in request.content.iter_any():
                pass
        except Exception as error:
            ended.append(type(error).__name__)
            raise
        ended.append("whole")
        return web.Response()

    door.behind.handler = read_all
    token = (await door.headers("sys-h14"))["Authorization"]
    host, port = door.settings.public_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT {FILE} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    writer.write(head.encode() + b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000)
    await writer.drain()
    await eventually(lambda: door.behind.seen, "the upload's beginning behind the gateway")
    writer.transport.abort()
    await eventually(lambda: ended, "the end of the upload behind the gateway")
    assert ended[0] != "whole"


async def test_json_to_be_validated_goes_on_while_it_comes(door: Door):
    """It may be large, and come from many at once: none of it waits here to be whole."""
    arrived = asyncio.Event()

    async def read(request: web.Request) -> web.StreamResponse:
        size = len(await request.content.readany())
        arrived.set()
        return web.json_response({"size": size + len(await request.content.read())})

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"content": "' + b"A" * MIB
        await arrived.wait()
        yield b"A" * MIB + b'"}'

    door.behind.handler = read
    headers = await door.headers("sys-h14", **{"Content-Type": "application/json"})
    answer = await door.client.post("/v1/validations", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"size": 2 * MIB + 15})


async def test_an_early_refusal_is_passed_on_though_the_upload_goes_on(door: Door):
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "REQ-4131"}, status=413)

    door.behind.handler = refuse

    async def large() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(MIB)

    headers = await door.headers("sys-h14")
    for _ in range(50):
        answer = await door.client.put(FILE, content=large(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "REQ-4131")
