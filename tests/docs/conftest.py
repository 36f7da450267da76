"""Fixtures of docs: a database of its own for each test, with a small country in it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shared.db import Database
from tests.conftest import FreshDatabase
from tests.docs.exchange import Exchange
from tests.docs.server import Running, run_docs
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing, Databases


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
