"""Tokens that come twice do so on the wire: what the client in use sends, byte by byte."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.proof.forge import jose
from tests.proof.forge.bearers import Forgery, forgeries
from tests.proof.forge.doors import Door, ask
from tests.proof.forge.shapes import Material

_REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
_HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "1"}
_CLAIMS: dict[str, Any] = {
    "sub": "a",
    "client_id": "a",
    "aud": "b",
    "iss": "c",
    "iat": 1,
    "exp": 600,
    "scope": "d",
    "agencies": [],
}


def _made() -> tuple[Material, dict[str, Forgery]]:
    key = jose.new_key()
    material = Material(jose.compact(_HEADER, _CLAIMS, key), key)
    return material, {one.name: one for one in forgeries(material, {})}


async def _sent(forgery: Forgery) -> list[str]:
    """Return the lines of a head as they arrive."""
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(_REFUSED)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1 << 21)
    port = server.sockets[0].getsockname()[1]
    door = Door("GET", "/v1/me", "gateway", f"http://127.0.0.1:{port}", "directory")
    async with server, aiohttp.ClientSession() as session:
        assert (await ask(session, door, forgery.headers, forgery.query)).status == 401
    return heads[0].decode("latin-1").split("\r\n")


@pytest.mark.parametrize(
    "name", ["good, forged", "forged, good", "good, good", "Basic, good", "good, empty"]
)
async def test_two_headers_are_two_lines_in_their_order(name: str) -> None:
    forgery = _made()[1][f"two headers: {name}"]
    lines = [line for line in await _sent(forgery) if line.lower().startswith("authorization:")]
    assert [line.partition(": ")[2] for line in lines] == [value for _, value in forgery.headers]
    assert len(lines) == 2


async def test_a_good_token_is_in_the_query_or_the_cookie_beside_a_forged_one() -> None:
    material, made = _made()
    for where, line in {"query": "GET ", "cookie": "Cookie: "}.items():
        lines = await _sent(made[f"forged, good in the {where}"])
        [found] = [one for one in lines if material.good in one]
        assert found.startswith(line)
        assert sum(one.startswith("Authorization: Bearer ") for one in lines) == 1


def test_good_and_forged_come_in_both_orders_and_only_the_good_one_is_good() -> None:
    material, made = _made()
    for kind in ("two headers", "one header", "one scheme"):
        values = [
            ", ".join(value for _, value in made[f"{kind}: {order}"].headers)
            for order in ("good, forged", "forged, good")
        ]
        assert values[0].startswith(f"Bearer {material.good}")
        assert values[1].endswith(material.good)
        assert not values[1].startswith(f"Bearer {material.good}")
