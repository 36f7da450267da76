"""Who has no token costs the door little: nothing is deflated, parsed or read for a stranger."""

import asyncio
import gzip
from pathlib import Path

import pytest

from services.gateway import compress
from services.gateway.api import own, pages
from tests.gateway.door import Door
from tests.gateway.test_forward import DRAFT

STATIC = Path(pages.__file__).parents[1] / "static"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def first_line(door: Door, head: str) -> bytes:
    """Return how an answer begins to a request whose body never comes."""
    url = door.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n["
    writer.write(f"{head} HTTP/1.1\r\n{body}".encode())
    try:
        async with asyncio.timeout(15):
            return await reader.readuntil(b"\r\n")
    finally:
        writer.close()


async def test_a_fixed_file_is_not_deflated_anew_for_each_request(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_args: object) -> None:
        raise AssertionError("deflated anew")

    monkeypatch.setattr(compress.zlib, "compressobj", fails)
    bundle = STATIC / "swagger-ui" / "swagger-ui-bundle.js"
    for path, file in (("/docs/swagger-ui-bundle.js", bundle), ("/openapi.json", own.OPENAPI)):
        for _ in range(2):
            headers = {"Accept-Encoding": "gzip"}
            async with door.client.stream("GET", path, headers=headers) as answer:
                raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert gzip.decompress(raw) == file.read_bytes()
            assert answer.headers["content-length"] == str(len(raw))
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["etag"].startswith('W/"')
    plain = await door.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert plain.content == own.OPENAPI.read_bytes()
    part = await door.client.get("/openapi.json", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, plain.content[:10])


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"PATCH {DRAFT}", 401),
        ("POST /v1/documents", 401),
        ("POST /v1/clients", 401),
        ("PUT /v1/log-level/gateway", 401),
        ("POST /v1/nothing", 404),
        (f"POST {DRAFT}", 405),
        ("POST /oauth/token", 415),
    ],
)
async def test_json_of_who_has_no_token_is_not_read(door: Door, head: str, status: int):
    assert (await first_line(door, head)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_json_that_is_passed_on_is_whole_and_strict_as_before(door: Door):
    headers = await door.headers("sys-h14", **{"Content-Type": "application/json"})
    for body, status in ((b'{"a": NaN}', 400), (b'"' + b"x" * (1 << 20) + b'"', 413)):
        answer = await door.client.patch(DRAFT, content=body, headers=headers)
        assert answer.status_code == status
    assert door.behind.seen == []
    answer = await door.client.patch(DRAFT, content=b'{"a": 1}', headers=headers)
    assert answer.json()["size"] == len(b'{"a": 1}')


async def test_a_token_request_is_small(door: Door):
    body = "&".join(f"a{number}=" for number in range(51)).encode()
    many = await door.client.post("/oauth/token", content=body, headers=FORM)
    assert (many.status_code, many.json()["error"]) == (400, "invalid_request")
    large = await door.client.post("/oauth/token", content=b"a=" + b"x" * 65_535, headers=FORM)
    assert (large.status_code, large.json()["limit"]) == (413, 65_536)
