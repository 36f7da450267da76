"""The gateway on a real database and real sockets, with a service behind it that a test drives."""

import asyncio
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from pydantic import SecretStr

from services.gateway import access, api, clients
from services.gateway.forward import Upstreams
from services.gateway.issue import Issuer
from services.gateway.limits import Limits
from services.gateway.points import Points
from services.gateway.settings import GatewaySettings
from services.gateway.store import lives
from services.gateway.visit import Doorkeeper, Visits
from services.gateway.watch import Watch, watching
from shared import agencies
from shared.db import Database
from shared.events import AgencyChanged
from shared.events.topics import Service
from shared.internal import ASSERTION, assertion
from shared.process import http
from shared.restored import Recovery
from tests.fixtures.stack import Databases
from tests.shared.issuing import public_jwk

SECRET = "a secret of the operator"  # noqa: S105 (a test's own)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Behind:
    """A service behind the gateway: keeps what it was asked, answers as `handler` says."""

    url: str = ""
    seen: list[web.Request] = field(default_factory=list[web.Request])
    handler: Handler | None = None
    die: Callable[[], Awaitable[None]] = field(init=False)
    """Close its socket."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.seen.append(request)
        if self.handler is not None:
            return await self.handler(request)
        digest = hashlib.sha256()
        size = 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            size += len(chunk)
        return web.json_response({"size": size, "sha256": digest.hexdigest()})


@dataclass(slots=True)
class Door:
    """A running gateway, as tests drive it."""

    settings: GatewaySettings
    db: Database
    client: httpx2.AsyncClient
    issuer: Issuer
    app: FastAPI
    behind: Behind
    keys: dict[str, ec.EllipticCurvePrivateKey]
    stop: asyncio.Event
    served: asyncio.Event

    @property
    def points(self) -> Points:
        """Return what was counted and not written yet."""
        return self.app.state.points

    @property
    def visits(self) -> Visits:
        """Return the open visits."""
        return self.app.state.visits

    @property
    def token_endpoint(self) -> str:
        """Return the address of the token endpoint."""
        return f"{self.settings.public_url}/oauth/token"

    def assertion(self, client_id: str) -> str:
        """Return a good client assertion."""
        return assertion(
            client_id=client_id, key=self.keys[client_id], audience=self.token_endpoint
        )

    async def ask_token(self, client_id: str, **form: str) -> httpx2.Response:
        """Ask for a token with an assertion; `form` adds or changes parameters."""
        good = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": self.assertion(client_id),
        }
        return await self.client.post("/oauth/token", data=good | form)

    async def headers(self, client_id: str, **more: str) -> dict[str, str]:
        """Return headers with a token of this client."""
        answer = await self.ask_token(client_id)
        return {"Authorization": f"Bearer {answer.json()['access_token']}", **more}

    async def agency(self, number: int, code: str, **changes: Any) -> None:  # noqa: ANN401
        """Put an agency into the gateway's projection, or change it (then with a `version`)."""
        number_above = changes.pop("above", None)
        event = AgencyChanged(
            agency_id=UUID(int=number),
            code=code,
            code_qcvn102=None,
            level=changes.pop("level", "province"),
            parent_id=None if number_above is None else UUID(int=number_above),
            state=changes.pop("state", "active"),
            valid_from=date(2020, 1, 1),
            valid_to=None,
            version=changes.pop("version", number),
        )
        await self.db.as_worker(partial(agencies.apply_agency, event=event))

    def claims(self, token: str) -> dict[str, Any]:
        """Return what a token says, unverified."""
        return jwt.decode(token, options={"verify_signature": False})


def make_token_key(folder: Path, kid: str) -> None:
    """Put a token key without certificates into the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    folder.mkdir(exist_ok=True)
    (folder / f"{kid}.pem").write_bytes(pem)


ROWS: dict[str, dict[str, Any]] = {
    "sys-h14": {"agencies": ["H14"], "scopes": ["directory", "documents.send"]},
    "hub": {"agencies": ["H14", "G22"], "scopes": ["documents.send", "documents.receive"]},
    "registrar": {"agencies": [], "scopes": ["registrar", "directory"]},
    "operator": {"agencies": [], "scopes": ["operator"]},
    "service-docs": {"agencies": [], "scopes": ["internal"]},
}


def write_clients(
    file: Path, keys: dict[str, ec.EllipticCurvePrivateKey], rows: dict[str, dict[str, Any]] = ROWS
) -> None:
    """Write a bootstrap file; keys are made for clients that have none."""
    made: list[dict[str, Any]] = []
    for client_id, row in rows.items():
        key = keys.setdefault(client_id, ec.generate_private_key(ec.SECP256R1()))
        jwks = {"keys": [public_jwk(secrets.token_hex(4), key)]}
        made.append({"client_id": client_id, "jwks": jwks, **row})
        if client_id == "operator":
            made[-1]["secret_sha256"] = hashlib.sha256(SECRET.encode()).hexdigest()
    file.write_text(json.dumps(made), encoding="utf-8")


@asynccontextmanager
async def behind() -> AsyncGenerator[Behind]:
    """Serve the service behind for the length of a `with`."""
    service = Behind()
    app = web.Application(client_max_size=1 << 40)
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    service.url, service.die = f"http://{host}:{port}", runner.cleanup
    try:
        yield service
    finally:
        await runner.cleanup()


def settings_for(databases: Databases, folder: Path, *, url: str, service: str) -> GatewaySettings:
    """Return settings as the supervisor gives them; all services live at `service`."""
    return GatewaySettings(
        instance="gateway-test",
        listen_fd=-1,
        private_fd=-1,
        database_owner=SecretStr(databases.owner),
        database_app=SecretStr(databases.app),
        database_worker=SecretStr(databases.worker),
        kafka_bootstrap="127.0.0.1:1",
        kafka_user="gateway",
        kafka_password=SecretStr("unused"),
        issuer=url,
        issuer_metadata=f"{url}/.well-known/oauth-authorization-server",
        client_key=folder / "unused.pem",
        token_keys=folder / "keys",
        clients=folder / "clients.json",
        public_url=url,
        docs_url=service,
        signing_url=service,
        notify_url=service,
    )


def never(db: Database) -> Recovery:
    """Return a recovery that has nothing to take over: there is no Kafka here."""

    async def work() -> None:
        return

    return Recovery(db, service="gateway", asked=lives.recovering, work=work)


@asynccontextmanager
async def run_gateway(databases: Databases, folder: Path) -> AsyncGenerator[Door]:
    """Run the gateway's HTTP on this database, keys and clients for the length of a `with`."""
    make_token_key(folder / "keys", "first")
    keys: dict[str, ec.EllipticCurvePrivateKey] = {}
    write_clients(folder / "clients.json", keys)
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(behind())
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = settings_for(databases, folder, url=url, service=service.url)
        db = await opened.enter_async_context(Database.open(settings))
        db.migrated = True
        await clients.take_over(db, clients.read_file(folder / "clients.json"))
        app = api.create()
        app.state.db, app.state.table, app.state.recovery = db, access.load(), never(db)
        app.state.guard = await opened.enter_async_context(Doorkeeper.open(settings, db))
        app.state.limits = Limits(settings)
        addresses: dict[Service, str] = {
            "docs": service.url,
            "signing": service.url,
            "notify": service.url,
        }
        app.state.upstreams = await opened.enter_async_context(Upstreams.open(addresses))
        app.state.issuer = issuer = Issuer(settings, db, app.state.recovery)
        await issuer.refresh()
        stop, served = asyncio.Event(), asyncio.Event()
        group = await opened.enter_async_context(asyncio.TaskGroup())
        opened.callback(stop.set)
        group.create_task(_serve(http(app, fd=listener.fileno()), stop, served))
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=30))
        group.create_task(watching(Watch(db, app.state.guard, app.state.visits))(stop))
        door = Door(settings, db, client, issuer, app, service, keys, stop, served)
        await door.agency(1, "H14")
        await door.agency(2, "G22")
        yield door


async def _serve(
    task: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event, served: asyncio.Event
) -> None:
    await task(stop)
    served.set()
