"""Answers are compressed where asked for and worth it, and never where that would be wrong."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from aiohttp import web

from services.gateway.compress import asked_for
from tests.gateway.door import Door
from tests.gateway.test_forward import DRAFT, FILE

TABLE = json.dumps([{"number": number, "title": "văn bản"} for number in range(500)]).encode()
LARGE, SMALL = TABLE, TABLE[:1000]


async def ask(
    door: Door, body: bytes = LARGE, *, encoding: str = "gzip", status: int = 200, **headers: str
) -> tuple[Mapping[str, str], bytes]:
    """Return headers and raw body of an answer of the service behind."""

    async def gives(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    door.behind.handler = gives
    own = await door.headers("sys-h14", **{"Accept-Encoding": encoding})
    async with door.client.stream("GET", DRAFT, headers=own) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        return answer.headers, raw


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", False),
        ("identity", False),
        ("br, zstd", False),
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
    ],
)
def test_who_asks_for_gzip(accepted: str, *, wanted: bool):
    assert asked_for(accepted) == wanted


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/problem+json",
        "text/csv; charset=utf-8",
        "application/vnd.lienthong.edxml+xml",
    ],
)
async def test_tables_and_problems_are_compressed(door: Door, kind: str):
    headers, raw = await ask(door, Content_Type=kind, ETag='"3"', Vary="Accept-Language")
    assert (headers["content-encoding"], gzip.decompress(raw)) == ("gzip", LARGE)
    assert len(raw) < len(LARGE) / 4
    assert headers["etag"] == 'W/"3"'
    assert headers["vary"] == "Accept-Language, Accept-Encoding"


PLAIN: dict[str, dict[str, Any]] = {
    "not asked for": {"encoding": "identity", "Content_Type": "application/json"},
    "too small": {"body": SMALL, "Content_Type": "application/json"},
    "a file": {"Content_Type": "application/pdf"},
    "a package": {"Content_Type": "application/zip"},
    "a stream of events": {"Content_Type": "text/event-stream"},
    "part of a file": {
        "status": 206,
        "Content_Type": "text/plain",
        "Content_Range": f"bytes 0-{len(LARGE) - 1}/99999",
    },
    "bytes with a digest": {"Content_Type": "text/plain", "Repr_Digest": "sha-256=:AA==:"},
    "compressed before": {"Content_Type": "application/json", "Content_Encoding": "br"},
    "not to be changed": {"Content_Type": "text/csv", "Cache_Control": "no-transform"},
}


@pytest.mark.parametrize("answer", PLAIN.values(), ids=PLAIN)
async def test_everything_else_comes_as_it_was(door: Door, answer: dict[str, Any]):
    headers, raw = await ask(door, ETag='"3"', **answer)
    assert raw == answer.get("body", LARGE)
    assert headers.get("content-encoding") == answer.get("Content_Encoding")
    assert (headers["etag"], headers["content-length"]) == ('"3"', str(len(raw)))


async def test_a_long_table_is_compressed_as_it_comes(door: Door):
    async def streams(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/csv"})
        await answer.prepare(request)
        for _ in range(20):
            await answer.write(LARGE)
        return answer

    door.behind.handler = streams
    headers = await door.headers("sys-h14", **{"Accept-Encoding": "gzip"})
    answer = await door.client.get(FILE, headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == LARGE * 20


async def test_the_gateways_own_tables_are_compressed_and_tokens_are_not(door: Door):
    headers = await door.headers("sys-h14", **{"Accept-Encoding": "gzip"})
    answer = await door.client.get("/v1/problems", headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["items"]
    form = {"grant_type": "client_credentials", "scope": "x" * 2000}
    token = await door.client.post("/oauth/token", data=form, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in token.headers


async def test_an_answer_that_is_cut_before_its_first_byte_is_cut_and_no_other(door: Door):
    async def cuts_behind_its_head(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Length": "5000"})
        await answer.prepare(request)
        transport = request.transport
        assert transport is not None
        await asyncio.sleep(0.1)
        transport.abort()
        return answer

    door.behind.handler = cuts_behind_its_head
    headers = await door.headers("sys-h14", **{"Accept-Encoding": "gzip"})
    with pytest.raises(httpx2.RemoteProtocolError):
        await door.client.get(FILE, headers=headers)
