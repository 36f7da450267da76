"""An issuer that takes connections and answers nothing holds up nobody whose key is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from shared import jwks
from shared.errors import Unavailable
from shared.jwks import IssuerKeys
from tests.shared.issuing import public_jwk

HANGS = 1.0
"""Seconds after which this issuer's connection ends."""


@dataclass(slots=True)
class Hanging:
    """An issuer that can be made to hang."""

    keys: IssuerKeys
    hangs: bool = False
    asked: int = 0
    kids: list[str] = field(default_factory=lambda: ["known"])


@pytest.fixture
async def issuer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hanging]:
    key = ec.generate_private_key(ec.SECP256R1())

    async def answer(request: web.Request) -> web.Response:
        issuer.asked += request.path == "/metadata"
        if issuer.hangs:
            await asyncio.sleep(30)
        if request.path == "/metadata":
            return web.json_response({"issuer": "us", "jwks_uri": f"{url}/keys"})
        return web.json_response({"keys": [public_jwk(kid, key) for kid in issuer.kids]})

    app = web.Application()
    app.router.add_get("/{path}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HANGS)) as session:
        issuer = Hanging(IssuerKeys(session, issuer="us", metadata=f"{url}/metadata"))
        monkeypatch.setattr(jwks, "TTL_SECONDS", 0.0)
        monkeypatch.setattr(jwks, "REFETCH_SECONDS", HANGS / 4)
        monkeypatch.setattr(jwks, "KNOWN_SECONDS", HANGS / 4, raising=False)
        yield issuer
    await runner.cleanup()


async def seconds(issuer: Hanging, kid: str, *, times: int) -> list[float]:
    """Return after how many seconds each of several that ask at once has its answer."""
    clock = asyncio.get_running_loop().time

    async def ask() -> float:
        began = clock()
        with suppress(Unavailable):
            await issuer.keys.get(kid)
        return clock() - began

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask()) for _ in range(times)]
    return sorted(task.result() for task in asked)


async def test_a_known_key_is_taken_while_one_asks_anew_for_a_moment(issuer: Hanging):
    assert await issuer.keys.get("known") is not None
    issuer.hangs = True
    await asyncio.sleep(HANGS / 4)
    *others, one = await seconds(issuer, "known", times=10)
    assert max(others) < HANGS / 10
    assert HANGS / 8 < one < HANGS / 2
    assert max(await seconds(issuer, "known", times=3)) < HANGS / 10, "it was asked just now"
    assert issuer.asked == 2


async def test_a_known_key_does_not_wait_behind_an_unknown_one(issuer: Hanging):
    assert await issuer.keys.get("known") is not None
    issuer.hangs = True
    await asyncio.sleep(HANGS / 4)
    async with asyncio.TaskGroup() as group:
        unknown = group.create_task(seconds(issuer, "unknown", times=5))
        await asyncio.sleep(HANGS / 10)
        assert max(await seconds(issuer, "known", times=5)) < HANGS / 10
    assert max(unknown.result()) < 1.5 * HANGS, "one outcome is that of all who wait for it"


async def test_without_any_keys_those_who_wait_share_one_outcome(issuer: Hanging):
    issuer.hangs = True
    assert max(await seconds(issuer, "known", times=5)) < 1.5 * HANGS
    issuer.hangs = False
    assert await issuer.keys.get("known") is not None, "and who comes next asks at once"


async def test_keys_are_renewed_and_a_key_taken_away_is_known_no_more(issuer: Hanging):
    assert await issuer.keys.get("known") is not None
    issuer.kids = ["other"]
    await asyncio.sleep(HANGS / 4)
    assert await issuer.keys.get("other") is not None
    assert await issuer.keys.get("known") is None
