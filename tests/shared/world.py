"""A guarded application on a real socket, with a directory and clients that a test decides."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
from fastapi import APIRouter

from shared import agencies
from shared.db import Database
from shared.events import AgencyChanged, ClientChanged
from shared.http import create_app
from shared.identity import Guard
from shared.settings import ServiceSettings
from tests.fixtures.serving import serving
from tests.shared.issuing import Issuer

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """The application's surroundings, as tests change them."""

    db: Database
    issuer: Issuer
    client: httpx2.AsyncClient
    version: int = 1

    async def agency(self, number: int, code: str, **changes: Any) -> UUID:  # noqa: ANN401
        """Put the present state of an agency into the projection."""
        self.version += 1
        state: dict[str, Any] = {
            "agency_id": UUID(int=number),
            "code": code,
            "code_qcvn102": None,
            "level": "commune",
            "parent_id": None,
            "state": "active",
            "valid_from": date(2020, 1, 1),
            "valid_to": None,
            "version": self.version,
        }
        event = AgencyChanged.model_validate(state | changes)
        await self.db.as_worker(partial(agencies.apply_agency, event=event))
        return event.agency_id

    async def system(self, client_id: str, *codes: str, **changes: Any) -> None:  # noqa: ANN401
        """Put the present state of a client into the projection."""
        self.version += 1
        state: dict[str, Any] = {
            "client_id": client_id,
            "state": "active",
            "agencies": codes,
            "scopes": ("documents.send", "documents.receive", "internal"),
            "not_before": LONG_AGO,
            "version": self.version,
        }
        event = ClientChanged.model_validate(state | changes)
        await self.db.as_worker(partial(agencies.apply_client, event=event))

    async def ask(self, token: str, path: str = "/any", **headers: str) -> httpx2.Response:
        """Ask for a path with this token; POST for `/one`."""
        method = "POST" if path == "/one" else "GET"
        return await self.client.request(
            method, path, headers={"Authorization": f"Bearer {token}", **headers}
        )


@asynccontextmanager
async def guarded(
    settings: ServiceSettings, issuer: Issuer, router: APIRouter
) -> AsyncGenerator[World]:
    """Serve these routes behind a guard for the length of a `with`."""
    app = create_app(title="test", routers=[router])
    async with Database.open(settings) as db, Guard.open(settings, db) as guard:
        db.migrated = True
        app.state.db, app.state.guard = db, guard
        async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
            yield World(db, issuer, client)
