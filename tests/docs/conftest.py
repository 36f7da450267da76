"""Fixtures of docs: a database of its own for each test, with a small country in it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shared.db import Database
from tests.conftest import FreshDatabase
from tests.docs.exchange import Exchange
from tests.docs.pairs import Pair, paired
from tests.docs.server import Running, run_docs
from tests.docs.shelf import Shelf, open_shelf
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing, Databases
from tests.notify.running import Running as RunningNotify
from tests.notify.running import run_notify


@pytest.fixture
async def databases(fresh_database: FreshDatabase) -> Databases:
    """The addresses of a fresh database of docs."""
    return await fresh_database("docs")


@pytest.fixture
async def db(databases: Databases, backing: Backing) -> AsyncGenerator[Database]:
    """The fresh database, opened."""
    async with opened(databases, "docs", backing) as db:
        yield db


@pytest.fixture
async def exchange(db: Database) -> Exchange:
    """Two ministries, a province, a district and five communes."""
    made = Exchange(db)
    await made.fill()
    return made


@pytest.fixture
async def docs(
    databases: Databases, backing: Backing, db: Database, exchange: Exchange, tmp_path: Path
) -> AsyncGenerator[Running]:
    """Docs over HTTP, with the small country of `exchange` in its directory."""
    assert exchange
    async with run_docs(databases, backing, db, tmp_path / "blobs") as running:
        yield running


@pytest.fixture
async def shelf(
    docs: Running, databases: Databases, backing: Backing, tmp_path: Path
) -> AsyncGenerator[Shelf]:
    """What signing shows `docs`."""
    async with open_shelf(docs, databases, backing, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
async def country(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Running]:
    """Docs over HTTP as `docs` is, shared by tests that do not count what others have left."""
    async with (
        backing.fresh_database("docs") as databases,
        opened(databases, "docs", backing) as db,
    ):
        await Exchange(db).fill()
        async with run_docs(databases, backing, db, tmp_path_factory.mktemp("blobs")) as running:
            yield running


@pytest.fixture
async def notify(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncGenerator[RunningNotify]:
    """A running notify that knows no lane yet."""
    async with run_notify(await fresh_database("notify"), tmp_path) as running:
        yield running


@pytest.fixture
async def pair(
    exchange: Exchange, databases: Databases, notify: RunningNotify, backing: Backing
) -> AsyncGenerator[Pair]:
    """Docs and notify, both empty."""
    async with paired(exchange, databases, notify, backing) as made:
        yield made


@pytest.fixture
async def restored(
    fresh_database: FreshDatabase, pair: Pair, backing: Backing
) -> AsyncGenerator[Pair]:
    """A docs that came back empty, beside the notify of `pair`."""
    databases = await fresh_database("docs")
    async with opened(databases, "docs", backing) as db:
        exchange = Exchange(db)
        await exchange.fill()
        async with paired(exchange, databases, pair.notify, backing) as made:
            yield made
