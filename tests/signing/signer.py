"""Signing's HTTP face with kept keys, driven by tests: requests come in, PINs open keys."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2

from infra.pki import registrar
from infra.pki.authority import Use
from infra.pki.registrar import Holder
from services.signing import ask
from services.signing.bench import Bench
from services.signing.signature import Kind, Role
from shared.events import SignatureRequested
from shared.ids import uuid7
from shared.kafka import Record
from tests.fixtures.papers import CODE, SENDER
from tests.fixtures.stack import Backing
from tests.notify.issuer import Issuer
from tests.signing.desk import AGENCIES, Desk
from tests.signing.served import System, served

PIN = "development"
RECORD = Record("test", 0, 0, "", {}, b"", UUID(int=0))
_SCOPES = ("documents.sign", "documents.send", "registrar")
_ACTS_FOR = {"sys-g22": ("G22",), "sys-g01": ("G01",), "hub": ("G22", "G01"), "registrar": ()}
SYSTEMS = {name: System(_SCOPES, codes) for name, codes in _ACTS_FOR.items()}


@dataclass(frozen=True, slots=True)
class Signer:
    """A listening signing whose bench prepares and signs."""

    desk: Desk
    bench: Bench
    client: httpx2.AsyncClient
    issuer: Issuer

    def certificate(self, kind: str, code: str = SENDER) -> str:
        """Return the digest of a holder's present certificate."""
        return registrar.digest_of(self.desk.papers.run, Holder(code, Use(kind)))

    async def store(self, content: bytes) -> str:
        """Put a file into the blob store."""
        blob = await self.desk.blobs.write(_chunks(content), limit=len(content))
        return blob.sha256

    async def asked(
        self,
        content: bytes,
        kind: Kind = "leader",
        *,
        role: Role = "MAIN",
        certificate: str | None = None,
        sender: str = SENDER,
    ) -> UUID:
        """Store a file and take in a request for its signature, as the consumer does."""
        event = SignatureRequested(
            signature_id=uuid7(),
            document_id=uuid4(),
            document_code=CODE,
            agency_id=AGENCIES[sender],
            attachment_id=uuid4(),
            certificate=certificate or self.certificate(kind, sender),
            source_sha256=await self.store(content),
            source_size=len(content),
            kind=kind,
            role=role,
        )
        await self.take_in(event)
        return event.signature_id

    async def take_in(self, event: SignatureRequested) -> None:
        """Take a request in."""
        await self.desk.db.as_worker(
            lambda conn: ask.take_in(conn, event, RECORD, keys=self.bench.keys)
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        system: str = "sys-g22",
        **options: Any,  # noqa: ANN401
    ) -> httpx2.Response:
        """Send a request as a system; `acting` names an agency, `scope` other scopes."""
        scope = options.pop("scope", "documents.sign")
        token = self.issuer.token(system, SYSTEMS[system].agencies, scope=scope)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        if acting := options.pop("acting", None):
            headers["On-Behalf-Of"] = acting
        return await self.client.request(method, path, headers=headers, **options)

    async def activate(
        self,
        signature: UUID,
        pin: str = PIN,
        *,
        system: str = "sys-g22",
        **options: Any,  # noqa: ANN401
    ) -> httpx2.Response:
        """Open the key and sign."""
        path = f"/v1/signatures/{signature}/activation"
        return await self.call("POST", path, json={"pin": pin}, system=system, **options)

    async def signed(
        self, content: bytes, kind: Kind = "leader", *, role: Role = "MAIN", sender: str = SENDER
    ) -> bytes:
        """Have a file signed; return the signed file."""
        signature = await self.asked(content, kind, role=role, sender=sender)
        answer = await self.activate(signature, system=f"sys-{sender.lower()}")
        assert answer.status_code == 200, answer.text
        return self.file(answer.json()["signed"]["sha256"])

    def file(self, sha256: str) -> bytes:
        """Return a stored file, checked."""
        content = self.desk.blobs.path(sha256).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
        return content

    async def state(self, signature: UUID) -> tuple[str, str | None]:
        """Return state and reason of a request."""
        row = await self.desk.db.as_worker(
            lambda conn: conn.fetchrow(
                "select state, reason from signatures where id = $1", signature
            )
        )
        assert row is not None
        return row["state"], row["reason"]

    async def told(self, signature: UUID) -> list[dict[str, Any]]:
        """Return what signing has said about a request, in order."""
        found = await self.desk.said()
        return [one for one in found if one.get("signature_id") == str(signature)]


@asynccontextmanager
async def open_signer(desk: Desk, backing: Backing) -> AsyncGenerator[Signer]:
    """Serve signing over a desk for the length of a `with`."""
    async with served(desk, backing, SYSTEMS) as (client, issuer):
        yield Signer(desk, desk.bench, client, issuer)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
