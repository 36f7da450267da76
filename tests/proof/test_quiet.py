"""A gauge that says something, or that is not there, is no quiet."""

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.proof.client import Door, opened
from tests.proof.harness import Harness
from tests.proof.quiet import backlog, unquiet

GATEWAY = {"outbox_pending": 0, "consumer_lag": 0, "parked": 0, "recovering": 0}


@asynccontextmanager
async def showing(
    folder: Path, gauges: Mapping[str, int], service: str = "gateway"
) -> AsyncGenerator[Door]:
    """Lend the door of a stack whose only instance shows these gauges."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text="".join(f"lienthong_{n} {v}\n" for n, v in gauges.items()))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    (folder / "ports.json").write_text(f'{{"metrics": {{"{service}": ["{base}"]}}}}')
    try:
        async with opened(Harness(folder)) as door:
            yield door
    finally:
        await runner.cleanup()


async def test_a_gateway_with_nothing_under_way_is_quiet(tmp_path: Path) -> None:
    async with showing(tmp_path, GATEWAY) as door:
        assert await unquiet(door) == []


@pytest.mark.parametrize("name", GATEWAY)
async def test_a_gauge_of_the_gateway_is_heeded_and_may_not_be_missing(
    tmp_path: Path, name: str
) -> None:
    async with showing(tmp_path, {**GATEWAY, name: 2}) as door:
        (said,) = await unquiet(door)
    assert said.endswith(f"lienthong_{name} 2")

    async with showing(tmp_path, {n: v for n, v in GATEWAY.items() if n != name}) as door:
        (said,) = await unquiet(door)
    assert said.endswith(f"lienthong_{name} is missing")


async def test_a_backlog_is_what_docs_says_and_endless_when_it_says_nothing(tmp_path: Path) -> None:
    async with showing(tmp_path, {"dispatches_waiting": 847}, "docs") as door:
        assert await backlog(door) == 847
    async with showing(tmp_path, {"outbox_pending": 0}, "docs") as door:
        assert await backlog(door) == math.inf
