"""Notify itself on a real database and a real socket, with a directory of a few agencies."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives import hashes
from pydantic import SecretStr

from infra.pki.authority import (
    Addresses,
    Use,
    issue,
    key_pem,
    make_issuing,
    make_root,
    new_key,
    pem,
    subject,
)
from services.notify import push
from services.notify.api import create
from services.notify.connecting import Doors
from services.notify.deliver import take_in
from services.notify.ears import Ears
from services.notify.keys import ReceiptKeys
from services.notify.receive import Desk
from services.notify.settings import Settings
from shared import agencies
from shared.db import Connection, Database
from shared.events import AgencyChanged, ClientChanged, DeliveryCleared
from shared.identity import Guard
from shared.ids import AgencyId, uuid7
from shared.process import http, repeat
from tests.fixtures.stack import Databases
from tests.notify.chains import SENDER, SENDER_CODE, Mailbox, arrival
from tests.notify.issuer import Issuer, serve_issuer

SUBJECT = "Liên thông: khóa ký biên nhận"


@dataclass(frozen=True, slots=True)
class Running:
    """A running notify, as tests drive it."""

    db: Database
    databases: Databases
    ears: Ears
    issuer: Issuer
    client: httpx2.AsyncClient
    pki: Path
    settings: Settings
    stop: asyncio.Event

    def headers(
        self, *codes: str, scope: str = "documents.send documents.receive", **more: str
    ) -> dict[str, str]:
        """Return the headers of a system that acts for these agencies."""
        client_id = "sys-" + "-".join(codes).lower().replace(".", "-")
        token = self.issuer.token(client_id, codes, scope=scope)
        return {"Authorization": f"Bearer {token}", **more}

    async def agency(self, code: str, *, closed_into: Sequence[UUID] = ()) -> Mailbox:
        """Put an agency and a system of its own into the directory; return its mailbox."""
        id_ = SENDER if code == SENDER_CODE else uuid7()
        await self.change_agency(id_, code, closed_into=closed_into)
        await self.system(code)
        return Mailbox(AgencyId(id_), code)

    async def change_agency(self, id_: UUID, code: str, *, closed_into: Sequence[UUID]) -> None:
        """Write an agency's present state into the projection."""
        event = AgencyChanged(
            agency_id=id_,
            code=code,
            code_qcvn102=None,
            level="commune",
            parent_id=None,
            state="closed" if closed_into else "active",
            valid_from=date(2025, 7, 1),
            valid_to=None,
            successors=tuple(closed_into),
            version=uuid7().int >> 80,
        )
        await self.db.as_worker(partial(agencies.apply_agency, event=event))

    async def system(self, *codes: str) -> None:
        """Put a system that acts for these agencies into the projection."""
        event = ClientChanged(
            client_id="sys-" + "-".join(codes).lower().replace(".", "-"),
            state="active",
            agencies=codes,
            scopes=("documents.send", "documents.receive", "internal", "operator"),
            not_before=datetime(2025, 1, 1, tzinfo=UTC),
            version=1,
        )
        await self.db.as_worker(partial(agencies.apply_client, event=event))

    async def deliver(self, *events: DeliveryCleared) -> None:
        """Take entries in as the consumers do."""

        async def take(conn: Connection) -> None:
            await take_in(conn, [arrival(event) for event in events], source="log")

        await self.db.as_worker(take)


def make_receipt_key(folder: Path) -> Path:
    """Make a development PKI in `folder` if needed, and one more receipt key in it."""
    root = make_root(folder)
    addresses = Addresses("http://127.0.0.1:1")
    issuing = make_issuing(folder, root, addresses)
    key = new_key()
    name = subject(common_name=SUBJECT, organisation="Liên thông (môi trường phát triển)")
    certificate = issue(issuing, name, key, use=Use.PROTOCOL, addresses=addresses)
    path = folder / "notify" / f"{certificate.fingerprint(hashes.SHA256()).hex()[:32]}.pem"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(key_pem(key) + pem(certificate) + pem(issuing.certificate))
    return path


def settings_for(databases: Databases, issuer: Issuer, pki: Path) -> Settings:
    """Return settings as the supervisor gives them."""
    return Settings(
        instance="notify-test",
        listen_fd=0,
        private_fd=0,
        database_owner=SecretStr(databases.owner),
        database_app=SecretStr(databases.app),
        database_worker=SecretStr(databases.worker),
        kafka_bootstrap="127.0.0.1:1",
        kafka_user="notify",
        kafka_password=SecretStr("unused"),
        issuer=issuer.url,
        issuer_metadata=issuer.metadata,
        client_key=pki / "unused.pem",
        receipt_keys=pki / "notify",
        docs_url="http://127.0.0.1:1",
        gateway_url=issuer.url,
    )


@asynccontextmanager
async def run_notify(databases: Databases, pki: Path) -> AsyncGenerator[Running]:
    """Run notify's HTTP and numbering on this database for the length of a `with`."""
    make_receipt_key(pki)
    async with AsyncExitStack() as opened:
        issuer = await opened.enter_async_context(serve_issuer())
        settings = settings_for(databases, issuer, pki)
        db = await opened.enter_async_context(Database.open(settings))
        db.migrated = True
        ears = Ears()
        app = create()
        app.state.db, app.state.ears = db, ears
        app.state.guard = await opened.enter_async_context(Guard.open(settings, db))
        app.state.desk = Desk(ReceiptKeys(settings.receipt_keys), settings.issuer)
        app.state.doors = Doors(settings.token_endpoint, settings.audience)
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        stop = asyncio.Event()
        group = await opened.enter_async_context(asyncio.TaskGroup())
        opened.callback(stop.set)
        number = repeat(push.Teller(db, ears).tell, name="number", bell=db.bell)
        for task in (http(app, fd=listener.fileno()), number, ears.close_at_end):
            group.create_task(task(stop))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=40))
        yield Running(db, databases, ears, issuer, client, pki, settings, stop)
