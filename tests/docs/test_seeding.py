"""Seeding: two instances that start at once fill the directory once, and wholly."""

import asyncio

from services.docs import directory
from shared.db import Connection, Database
from tests.docs.country import seed


async def test_two_instances_that_start_at_once_seed_once(db: Database):
    text = seed(communes=150)

    async def load() -> None:
        await db.as_worker(lambda conn: directory.load_seed(conn, text))

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(load())

    async def counts(conn: Connection) -> tuple[int, ...]:
        row = await conn.fetchrow(
            """select (select count(*) from agencies), (select count(*) from known_agencies),
                (select count(*) from outbox), (select version from directory)"""
        )
        return tuple(row or ())

    assert await db.as_worker(counts) == (154, 154, 154, 154)
