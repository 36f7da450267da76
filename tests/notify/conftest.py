"""A running notify with a database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import FreshDatabase
from tests.notify.running import Running, run_notify


@pytest.fixture
async def notify(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Running]:
    """Run notify's HTTP and numbering; deliveries come by `notify.deliver`."""
    async with run_notify(await fresh_database("notify"), tmp_path) as running:
        yield running
