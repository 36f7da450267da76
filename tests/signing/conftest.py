"""Signing on a real database with real worker processes, and papers to give it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.signing.forks import Forks
from tests.fixtures.papers import Papers
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk, open_desk
from tests.signing.signer import Signer, open_signer
from tests.signing.trusting import Trusting, open_trusting


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """A PKI and papers, made outside of any event loop."""
    return _complete(tmp_path_factory.mktemp("papers"))


def _complete(folder: Path) -> Papers:
    made = Papers(folder)
    assert made.good_main
    assert made.good_annex
    return made


@pytest.fixture(scope="session")
async def forks() -> AsyncIterator[Forks]:
    """What makes the workers of all desks."""
    async with Forks.open() as opened:
        yield opened


@pytest.fixture(scope="session")
async def desk(
    backing: Backing, papers: Papers, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """One desk for the tests that change nothing which others could meet."""
    blobs = tmp_path_factory.mktemp("blobs")
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, blobs, forks=forks) as opened,
    ):
        yield opened


@pytest.fixture
async def own_desk(backing: Backing, forks: Forks, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with a PKI and a database of its own."""
    own = await asyncio.to_thread(_complete, tmp_path)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, own, tmp_path / "blobs", workers=1, forks=forks) as opened,
    ):
        yield opened


@pytest.fixture
async def idle_desk(backing: Backing, forks: Forks, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of its own without workers: files only wait."""
    own = await asyncio.to_thread(_complete, tmp_path)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, own, tmp_path / "blobs", workers=0, forks=forks) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
async def signer(
    backing: Backing, papers: Papers, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Signer]:
    """Signing with kept keys, for tests that revoke and lock nothing."""
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(
            backing,
            databases,
            papers,
            tmp_path_factory.mktemp("signed"),
            workers=1,
            forks=forks,
        ) as opened,
        open_signer(opened, backing) as made,
    ):
        yield made


@pytest.fixture
async def own_signer(backing: Backing, idle_desk: Desk) -> AsyncIterator[Signer]:
    """Signing with kept keys, with a PKI and a database of its own."""
    async with open_signer(idle_desk, backing) as made:
        yield made


@pytest.fixture
async def own(own_desk: Desk) -> AsyncIterator[Trusting]:
    """Signing that examines, with an authority elsewhere."""
    async with open_trusting(own_desk) as opened:
        yield opened


@pytest.fixture
async def idle(idle_desk: Desk) -> AsyncIterator[Trusting]:
    """The same without anybody who examines."""
    async with open_trusting(idle_desk) as opened:
        yield opened
