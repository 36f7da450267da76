"""What the tests of the whole stack share: clients of its systems, and one told story."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from infra.client import Client, connect
from tests.fixtures.stack import Stack
from tests.life.story import Story, tell


@pytest.fixture(scope="session")
def run(stack: Stack) -> Path:
    """The folder of the running stack."""
    return stack.folder.path


@pytest.fixture(scope="session")
async def systems(run: Path) -> AsyncIterator[Mapping[str, Client]]:
    """A client for every seeded system."""
    async with connect(run) as clients:
        yield clients


@pytest.fixture(scope="session")
async def story(run: Path, systems: Mapping[str, Client]) -> Story:
    """A letter's life, told once per session."""
    return await tell(run, systems)
