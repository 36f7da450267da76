"""Signing's routes over a desk, with an issuer of tokens and systems that are known."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from services.signing.api import create
from shared import agencies
from shared.events import ClientChanged
from shared.identity import Guard
from tests.fixtures.database import settings_of
from tests.fixtures.serving import serving
from tests.fixtures.stack import Backing
from tests.notify.issuer import Issuer, serve_issuer
from tests.signing.desk import Desk


@dataclass(frozen=True, slots=True)
class System:
    """What a system may do, and for whom."""

    scopes: tuple[str, ...]
    agencies: tuple[str, ...] = ()


@asynccontextmanager
async def served(
    desk: Desk, backing: Backing, systems: Mapping[str, System]
) -> AsyncGenerator[tuple[httpx2.AsyncClient, Issuer]]:
    """Serve for the length of a `with`; yields a client and who gives it tokens."""
    async with AsyncExitStack() as opened:
        issuer = await opened.enter_async_context(serve_issuer())
        settings = settings_of(desk.databases, "signing", backing).model_copy(
            update={"issuer": issuer.url, "issuer_metadata": issuer.metadata}
        )
        for client_id, system in systems.items():
            event = ClientChanged(
                client_id=client_id,
                state="active",
                agencies=system.agencies,
                scopes=system.scopes,
                not_before=datetime(2025, 1, 1, tzinfo=UTC),
                version=1,
            )
            await desk.db.as_worker(lambda conn, event=event: agencies.apply_client(conn, event))
        app = create()
        app.state.db, app.state.authorities = desk.db, desk.authorities
        app.state.bench, app.state.recovery = desk.bench, desk.recovery
        app.state.guard = await opened.enter_async_context(Guard.open(settings, desk.db))
        base = await opened.enter_async_context(serving(app))
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=60))
        yield client, issuer
