"""A running gateway with a database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import FreshDatabase
from tests.gateway.door import Door, run_gateway


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    """Run the gateway's HTTP; what is behind it is `door.behind`."""
    async with run_gateway(await fresh_database("gateway"), tmp_path) as door:
        yield door
