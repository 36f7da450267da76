"""5,000 cancelled requests on two connections: nobody is ever shown a row of another agency."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from services.docs.agency import seeded_id
from shared.db import Connection, Database, make_pool
from shared.ids import AgencyId
from tests.docs.country import OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.fixtures.stack import Databases

CANCELLED = 5_000
READERS = (SENDER, OTHER_SENDER, PROVINCE, commune(1))


@pytest.fixture
async def few(databases: Databases) -> AsyncGenerator[Database]:
    """The database of docs by two connections for everybody's requests."""
    pool = make_pool(databases.app, size=2, name="test")
    await pool
    db = Database(app=pool, worker=pool, looks=pool, alone=databases.worker)
    db.migrated = True
    yield db
    pool.terminate()


async def _rows(conn: Connection) -> set[UUID]:
    """Return whose documents and deliveries are seen, with moments to be cancelled at."""
    seen = {row["sender_id"] for row in await conn.fetch("select sender_id from documents")}
    await asyncio.sleep(0)
    rows = await conn.fetch("select sender_id, recipient_id from deliveries")
    return seen | {row["sender_id"] for row in rows} | {row["recipient_id"] for row in rows}


@pytest.mark.timeout(600)
async def test_no_request_sees_rows_of_another_agency_whatever_was_cancelled_before_it(
    exchange: Exchange, few: Database
):
    for code in READERS:  # nothing is cleared: each document is its sender's alone
        await exchange.send(commune(5), sender=code)
    recipient = seeded_id(commune(5))
    dice = random.Random(5_000)  # noqa: S311 (a schedule, not a secret)
    seen: Counter[str] = Counter()

    async def request(agency: AgencyId) -> None:
        rows = await few.as_caller([agency], _rows)
        seen["read"] += 1
        seen["foreign"] += rows != {agency, recipient}

    while seen["cancelled"] < CANCELLED:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(request(seeded_id(READERS[n % len(READERS)]))) for n in range(40)
            ]
            for task in dice.sample(tasks, 30):
                asyncio.get_running_loop().call_later(dice.random() * 0.004, task.cancel)
        seen["cancelled"] += sum(task.cancelled() for task in tasks)
    print(f"\ncancelled={seen['cancelled']} read={seen['read']} foreign={seen['foreign']}")  # noqa: T201
    assert seen["read"] > CANCELLED / 10
    assert seen["foreign"] == 0
