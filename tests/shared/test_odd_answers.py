"""What other services, or a proxy before them, answer amiss is waited out: no process ends."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from shared import agencies, following
from shared.errors import Unavailable
from shared.events import ClientChanged
from shared.internal import Internal
from tests.fixtures.database import settings_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.shared.conftest import Ground, key_file

GOOD_TOKEN = (200, '{"access_token": "t", "expires_in": 600}')
ODD = ["", "null", "[]", "{}", '"text"', "[" * 100_000]
PAGES = "/internal/clients"


@dataclass(slots=True)
class Gateway:
    """Answers by path with status and body."""

    url: str = ""
    said: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    async def answer(self, request: web.Request) -> web.Response:
        status, body = self.said[request.path]
        return web.Response(status=status, text=body, content_type="application/json")


@asynccontextmanager
async def _gateway() -> AsyncGenerator[Gateway]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    gateway.url = f"http://{host}:{port}"
    metadata = f'{{"token_endpoint": "{gateway.url}/token"}}'
    gateway.said = {"/metadata": (200, metadata), "/token": GOOD_TOKEN}
    try:
        yield gateway
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _asking(
    gateway: Gateway, ground: Ground, backing: Backing, folder: Path
) -> AsyncGenerator[Internal]:
    key = key_file(folder, ec.generate_private_key(ec.SECP256R1()))
    settings = settings_of(ground.databases, "docs", backing).model_copy(
        update={"issuer_metadata": f"{gateway.url}/metadata", "client_key": key}
    )
    async with Internal.open(settings, {"gateway": gateway.url}) as internal:
        yield internal


@pytest.mark.parametrize("path", ["/metadata", "/token"])
@pytest.mark.parametrize("status", [200, 400, 502])
async def test_an_odd_answer_on_the_way_to_a_token_is_no_answer(
    ground: Ground, backing: Backing, tmp_path: Path, path: str, status: int
):
    async with _gateway() as gateway:
        for body in [*ODD, '{"access_token": "t"}', '{"access_token": 1, "expires_in": "x"}']:
            gateway.said[path] = (status, body)
            async with _asking(gateway, ground, backing, tmp_path) as internal:
                with pytest.raises(Unavailable):
                    await internal.get("gateway", PAGES)


@pytest.mark.parametrize("body", [*ODD, '{"version": 1, "items": [{}]}'])
async def test_an_owner_that_answers_oddly_is_asked_again(
    ground: Ground, backing: Backing, tmp_path: Path, body: str
):
    event = ClientChanged(
        client_id="sys-a",
        state="active",
        agencies=(),
        scopes=(),
        not_before=datetime(2025, 1, 1, tzinfo=UTC),
        version=1,
    )
    async with _gateway() as gateway, _asking(gateway, ground, backing, tmp_path) as internal:
        gateway.said[PAGES] = (200, body)
        poll = following.follow(ground.db, ground.access, service="docs", internal=internal)[-1]
        ready = following.checks(ground.db, service="docs", internal=internal)["clients"]
        async with ground.running(poll):
            assert await ready() is not None
            page = f'{{"version": 1, "items": [{event.model_dump_json()}]}}'
            gateway.said[PAGES] = (200, page)

            async def known() -> bool:
                return await ground.db.look(agencies.clients_version) == 1

            await eventually(known, "the next answer is taken")
            gateway.said[PAGES] = (200, '{"version": 1, "items": []}')
            assert await ready() is None
