"""Docs itself on a real socket and a real database, and systems that call it."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from starlette.datastructures import State

from services.docs import api
from services.docs.reconcile import Comparison
from services.docs.recover import recovery
from shared import agencies
from shared.blobs import BlobStore
from shared.db import Database
from shared.events import ClientChanged
from shared.identity import Guard
from shared.internal import Internal
from shared.process import http
from tests.fixtures.database import access_of, settings_of
from tests.fixtures.stack import Backing, Databases
from tests.notify.issuer import AUDIENCE, Issuer, serve_issuer

SCOPES = "directory documents.send documents.receive registrar internal operator"
SEND = "documents.send documents.receive directory"
PDF = b"%PDF-1.7\n% synthetic\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"


def draft(**changes: object) -> dict[str, Any]:
    """Return a draft that is accepted."""
    return {
        "number": "7816",
        "notation": "VPCP-TTĐT",
        "type": "cong_van",
        "subject": "V/v triển khai gửi, nhận văn bản điện tử",
        "promulgated_on": "2025-06-20",
        "urgency": "urgent",
        "signer": {"name": "Nguyễn Văn An", "position": "Bộ trưởng, Chủ nhiệm"},
        "recipients": [{"select": {"level": "commune", "under": "H14"}}],
        **changes,
    }


def announcement(content: bytes = PDF, **changes: object) -> dict[str, Any]:
    """Return the announcement of a file."""
    return {
        "name": "7816.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": "MAIN",
        **changes,
    }


@dataclass(frozen=True, slots=True)
class System:
    """A connected system that calls docs."""

    client: httpx2.AsyncClient
    headers: dict[str, str]

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request; a POST gets an idempotency key of its own."""
        headers = {**self.headers, **options.pop("headers", {})}
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        return await self.client.request(method, path, headers=headers, **options)

    async def drafted(self, **changes: object) -> str:
        """Make a draft; return its path."""
        made = await self.ask("POST", "/v1/documents", json=draft(**changes))
        assert made.status_code == 201, made.text
        return made.headers["location"]

    async def announced(self, document: str, content: bytes = PDF, **changes: object) -> str:
        """Announce a file; return the path of its content."""
        body = announcement(content, **changes)
        made = await self.ask("POST", f"{document}/attachments", json=body)
        assert made.status_code == 201, made.text
        return made.json()["upload"]["put"]

    async def uploaded(self, document: str, content: bytes = PDF, **changes: object) -> str:
        """Announce and send a file; return the path of its content."""
        path = await self.announced(document, content, **changes)
        sent = await self.ask("PUT", path, content=content)
        assert sent.status_code == 204, sent.text
        return path


@dataclass(frozen=True, slots=True)
class Running:
    """A running docs, as tests drive it."""

    db: Database
    issuer: Issuer
    client: httpx2.AsyncClient
    blobs: Path
    state: State
    """What the application holds: a test may put another neighbour there."""

    async def system(self, *codes: str, scope: str = SEND, audience: str = AUDIENCE) -> System:
        """Connect a system that acts for these agencies."""
        client_id = "sys-" + "-".join(codes or ("nobody",)).lower().replace(".", "-")
        event = ClientChanged(
            client_id=client_id,
            state="active",
            agencies=codes,
            scopes=tuple(SCOPES.split()),
            not_before=datetime(2025, 1, 1, tzinfo=UTC),
            version=1,
        )
        await self.db.as_worker(partial(agencies.apply_client, event=event))
        token = self.issuer.token(client_id, codes, scope=scope, audience=audience)
        return System(self.client, {"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def run_docs(
    databases: Databases, backing: Backing, db: Database, blobs: Path
) -> AsyncGenerator[Running]:
    """Serve docs on this database for the length of a `with`."""
    async with AsyncExitStack() as opened:
        issuer = await opened.enter_async_context(serve_issuer())
        settings = settings_of(databases, "docs", backing).model_copy(
            update={"issuer": issuer.url, "issuer_metadata": issuer.metadata}
        )
        app = api.create()
        app.state.db, app.state.blobs = db, BlobStore(blobs)
        access = access_of(backing, "docs")
        internal = await opened.enter_async_context(Internal.open(settings, {}))
        app.state.recovery = recovery(db, access, Comparison(db, internal))
        app.state.guard = await opened.enter_async_context(Guard.open(settings, db))
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        stop = asyncio.Event()
        group = await opened.enter_async_context(asyncio.TaskGroup())
        opened.callback(stop.set)
        group.create_task(http(app, fd=listener.fileno())(stop))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=30))
        yield Running(db, issuer, client, blobs, app.state)
