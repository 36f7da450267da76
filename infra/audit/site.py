"""The stack that is audited: its databases, each at one moment, its files, its root."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson
from cryptography import x509

from infra.postgres.provision import Connection, dsn
from infra.receipts.checks import Trust
from infra.stack.folder import Folder

SERVICES = ("docs", "notify", "signing")
CHANGES = "trust-changes.jws"
"""What signing lays into the PKI folder beside its database: all approved changes, signed."""


class CannotAudit(Exception):  # noqa: N818 (says what to do)
    """Something that has to be read does not answer."""


@dataclass(frozen=True, slots=True)
class Site:
    """What an audit reads."""

    connections: Mapping[str, Connection]
    """By service."""
    blobs: Path
    pki: Path
    trust: Trust
    changes: bytes | None
    """The trust list's changes as they lay in the PKI folder just before; None: none did."""


def trust_of(folder: Folder) -> Trust:
    """Return the root to which receipts must lead. Raises CannotAudit."""
    path = folder.path / "pki" / "root.pem"
    try:
        return Trust(x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise CannotAudit(f"{path}: {error}") from error


async def connect(folder: Folder, service: str, role: str) -> Connection:
    """Open a service's database as one of its roles, or as the superuser. Raises CannotAudit."""
    user = "postgres" if role == "postgres" else f"{service}_{role}"
    secret = folder.read("secrets.json").get(user)
    address = folder.read("ports.json").get("postgres")
    if not isinstance(secret, str) or not isinstance(address, str):
        raise CannotAudit(f"{folder.path} holds no stack: make up")
    try:
        connection = await asyncpg.connect(
            dsn(address, user, secret, f"lienthong_{service}"),
            timeout=10,
            server_settings={
                "idle_session_timeout": "0",
                "idle_in_transaction_session_timeout": "0",
            },
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise CannotAudit(f"PostgreSQL does not answer for {service}: {error}") from error
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_text, decoder=orjson.loads
    )
    return connection


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


@asynccontextmanager
async def opened(folder: Folder, *, role: str = "worker") -> AsyncGenerator[Site]:
    """Lend a site whose databases stand still: one snapshot of each, taken now."""
    trust, pki = trust_of(folder), folder.path / "pki"
    async with AsyncExitStack() as stack:
        connections: dict[str, Connection] = {}
        laid = await asyncio.to_thread(_laid, pki)
        for service in SERVICES:
            connection = await connect(folder, service, role)
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=role == "worker")
            )
            connections[service] = connection
        yield Site(connections, folder.path / "blobs", pki, trust, laid)


def _laid(pki: Path) -> bytes | None:
    try:
        return (pki / CHANGES).read_bytes()
    except FileNotFoundError:
        return None
