"""Signing's HTTP face with clients that may change the trust list, and one that may not."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from services.signing.anchor import Anchor
from services.signing.api import create
from services.signing.bench import LIMITS, Bench
from services.signing.keys import KeyFiles
from services.signing.pool import Worker
from services.signing.turns import Turns
from shared import agencies
from shared.events import ClientChanged
from shared.identity import Guard
from tests.fixtures.database import settings_of
from tests.fixtures.serving import serving
from tests.fixtures.stack import Backing
from tests.notify.issuer import Issuer, serve_issuer
from tests.signing.desk import Desk
from tests.signing.elsewhere import make_ca, pem

OTHER = make_ca("CA gốc khác")
PATH = "/v1/trust-list"
CLIENTS = {
    "operator-a": ("operator",),
    "registrar-b": ("registrar",),
    "registrar-c": ("registrar",),
    "sys-g22": ("documents.send", "documents.sign"),
}


@dataclass(frozen=True, slots=True)
class Face:
    """A listening signing, with clients that may change the trust list and one that may not."""

    client: httpx2.AsyncClient
    issuer: Issuer
    desk: Desk

    async def ask(
        self, method: str, path: str, by: str | None, body: object = None, *, key: str | None = None
    ) -> httpx2.Response:
        """Ask as a client; a POST has a fresh key or this one."""
        headers: dict[str, str] = {"Idempotency-Key": key or str(uuid4())}
        if by is not None:
            token = self.issuer.token(by, [], scope=" ".join(CLIENTS[by]))
            headers["Authorization"] = f"Bearer {token}"
        return await self.client.request(method, PATH + path, json=body, headers=headers)

    async def propose(self, change: dict[str, Any], by: str = "operator-a") -> str:
        """Propose a change; returns its id."""
        answer = await self.ask("POST", "/changes", by, {"reason": "QĐ 12", "change": change})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"{PATH}/changes/{answer.json()['id']}"
        return answer.json()["id"]

    async def decide(self, id_: str, what: str, by: str = "registrar-b") -> httpx2.Response:
        """Approve or refuse a change."""
        return await self.ask("POST", f"/changes/{id_}/{what}", by)

    async def agree(self, change: dict[str, Any]) -> int:
        """Put a change into force; returns the version that it led to."""
        answer = await self.decide(await self.propose(change), "approval")
        assert answer.status_code == 200, answer.text
        return answer.json()["version"]

    async def list(self) -> dict[str, Any]:
        """Return the list in force."""
        return (await self.ask("GET", "", "operator-a")).json()


def adding(**other: Any) -> dict[str, Any]:  # noqa: ANN401 (fields of the change)
    """Return a change that adds an authority."""
    return {
        "action": "add",
        "name": "other",
        "certificate": pem(OTHER),
        "anchor": True,
        "trusted_from": "2026-11-01T00:00:00+07:00",
        "purposes": ["leader", "seal"],
        "crl": ["http://ca.example/crl"],
        **other,
    }


@asynccontextmanager
async def open_face(desk: Desk, backing: Backing) -> AsyncGenerator[Face]:
    """Serve signing's routes over a desk for the length of a `with`."""
    async with AsyncExitStack() as opened:
        issuer = await opened.enter_async_context(serve_issuer())
        settings = settings_of(desk.databases, "signing", backing).model_copy(
            update={"issuer": issuer.url, "issuer_metadata": issuer.metadata}
        )
        for client_id, scopes in CLIENTS.items():
            event = ClientChanged(
                client_id=client_id,
                state="active",
                agencies=(),
                scopes=scopes,
                not_before=datetime(2025, 1, 1, tzinfo=UTC),
                version=1,
            )
            await desk.db.as_worker(lambda conn, event=event: agencies.apply_client(conn, event))
        worker = Worker(LIMITS)
        opened.push_async_callback(worker.end)
        keys = KeyFiles(desk.authorities.folder / "keys")
        app = create()
        app.state.db, app.state.authorities = desk.db, desk.authorities
        app.state.bench = Bench(desk.db, desk.blobs, keys, Anchor(), Turns((worker,)))
        app.state.recovery = desk.recovery
        app.state.guard = await opened.enter_async_context(Guard.open(settings, desk.db))
        base = await opened.enter_async_context(serving(app))
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=60))
        yield Face(client, issuer, desk)
