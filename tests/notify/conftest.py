"""A running notify with a database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import FreshDatabase
from tests.notify.chains import Mailbox
from tests.notify.running import Running, run_notify


@pytest.fixture
async def notify(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Running]:
    """Run notify's HTTP and numbering; deliveries come by `notify.deliver`."""
    async with run_notify(await fresh_database("notify"), tmp_path) as running:
        yield running


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with three entries in its mailbox, and three events in its log."""
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    await notify.deliver(*box.clear_many(3))
    return box
