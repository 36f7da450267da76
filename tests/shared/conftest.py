"""Fixtures for tests of transport: one database and topics of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.kafka.admin import Right
from shared.db import Database
from shared.internal import Internal
from shared.kafka import KafkaAccess
from shared.process import Task
from shared.settings import ServiceSettings
from tests.conftest import FreshDatabase
from tests.fixtures.database import access_of, opened, settings_of
from tests.fixtures.stack import Backing, Databases
from tests.gateway.door import Door, run_gateway
from tests.shared.issuing import Issuer, issuing
from tests.shared.transport import look
from tests.shared.transport_process import EFFECTS

Running = Callable[[Task], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What tests of transport stand on: a database and topics of their own, and a log folder."""

    db: Database
    databases: Databases
    access: KafkaAccess
    fresh_topic: Callable[..., str]
    folder: Path
    running: Running


@pytest.fixture
async def databases(fresh_database: FreshDatabase) -> Databases:
    """A fresh database of docs."""
    return await fresh_database("docs")


@pytest.fixture
async def db(databases: Databases, backing: Backing) -> AsyncGenerator[Database]:
    """The fresh database, opened."""
    async with opened(databases, "docs", backing) as db:
        yield db


@pytest.fixture
def access(backing: Backing) -> KafkaAccess:
    """How docs logs in to Kafka."""
    return access_of(backing, "docs")


@pytest.fixture
def fresh_topic(backing: Backing) -> Callable[..., str]:
    """Make a topic that docs may write, and read in a group of its name."""
    backing.kafka_admin().grant(
        [Right("docs", "all", "group", "lienthong.docs.test.", prefixed=True)]
    )

    def make(*, partitions: int = 1, compacted: bool = False) -> str:
        return backing.fresh_topic("docs", partitions=partitions, compacted=compacted)

    return make


@pytest.fixture
def ground(
    db: Database,
    databases: Databases,
    access: KafkaAccess,
    fresh_topic: Callable[..., str],
    tmp_path: Path,
) -> Ground:
    """Gather what tests of transport stand on."""
    return Ground(db, databases, access, fresh_topic, tmp_path, run_beside)


@pytest.fixture
async def effects(ground: Ground) -> None:
    """The table that the notes' handler writes to."""
    await look(ground.databases, EFFECTS, dsn=ground.databases.owner)


@pytest.fixture
def running() -> Running:
    """Run a task for the length of a `with`, and let it finish at the end."""
    return run_beside


@asynccontextmanager
async def run_beside(task: Task) -> AsyncGenerator[None]:
    """Run a task for the length of a `with`, and let it finish at the end."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(task(stop))
        try:
            yield
        finally:
            stop.set()


@pytest.fixture
async def issuer() -> AsyncGenerator[Issuer]:
    """An issuer on a real socket."""
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
def settings(databases: Databases, backing: Backing, issuer: Issuer) -> ServiceSettings:
    """Settings of docs that trust this issuer."""
    return settings_of(databases, "docs", backing).model_copy(
        update={"issuer": issuer.url, "issuer_metadata": issuer.metadata}
    )


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncGenerator[Door]:
    """A running gateway."""
    async with run_gateway(await fresh_database("gateway"), tmp_path) as door:
        yield door


def key_file(folder: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write the client key of docs."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "service-docs.key.pem"
    file.write_bytes(pem)
    return file


@pytest.fixture
async def internal(
    door: Door, databases: Databases, backing: Backing, tmp_path: Path
) -> AsyncGenerator[Internal]:
    """What docs asks the gateway with."""
    changes = {
        "issuer": door.settings.issuer,
        "issuer_metadata": door.settings.issuer_metadata,
        "client_key": key_file(tmp_path, door.keys["service-docs"]),
    }
    settings = settings_of(databases, "docs", backing).model_copy(update=changes)
    async with Internal.open(
        settings, {"gateway": door.settings.public_url, "notify": "http://127.0.0.1:1"}
    ) as internal:
        yield internal
