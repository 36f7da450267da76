"""Fixtures for tests of transport: one database and topics of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.kafka.admin import Right
from shared.db import Database
from shared.kafka import KafkaAccess
from shared.process import Task
from shared.settings import ServiceSettings
from tests.conftest import FreshDatabase
from tests.fixtures.database import access_of, opened, settings_of
from tests.fixtures.stack import Backing, Databases
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
