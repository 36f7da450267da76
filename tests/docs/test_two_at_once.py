"""Two processes at once, and deaths at any line: nothing is doubled, lost or overtaken."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest

from services.docs.agency import seeded_id
from services.docs.clear import clear_all, clear_chunk
from services.docs.document import Named, Selection, Urgency
from services.docs.store import queue
from services.docs.store.queue import Line
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import DeliveryCleared
from shared.ids import DispatchId
from tests.docs.country import DISTRICT, OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing, Databases

ROUNDS = 8


@asynccontextmanager
async def other_process(databases: Databases, backing: Backing) -> AsyncGenerator[Database]:
    """Open the same database with pools of its own."""
    async with opened(databases, "docs", backing) as db:
        yield db


async def nothing_doubled(exchange: Exchange, sent: dict[str, list[DispatchId]]) -> None:
    """Check every mailbox: gapless chain, each dispatch once, each sender's in order of turn."""
    for code in (PROVINCE, DISTRICT, *(commune(n) for n in range(1, 6))):
        entries = await exchange.mailbox(code)
        got = [one.dispatch_id for one in entries]
        assert len(got) == len(set(got)), code
        for sender, dispatches in sent.items():
            mine = [one for one in got if one in dispatches]
            assert mine == [one for one in dispatches if one in mine], (code, sender)
    told = [(one.agency_id, one.lane, one.sequence) for one in await exchange.told(DeliveryCleared)]
    assert len(told) == len(set(told))
    assert len(told) == await exchange.count("deliveries where sequence is not null")


async def sent_by_both(exchange: Exchange, *, rounds: int) -> dict[str, list[DispatchId]]:
    """Let two ministries send to everybody in turn; all is judged good, in a random order."""
    sent: dict[str, list[DispatchId]] = {SENDER: [], OTHER_SENDER: []}
    for _ in range(rounds):
        for sender, dispatches in sent.items():
            document = await exchange.draft(
                Named(PROVINCE), Selection(None, PROVINCE), sender=sender
            )
            dispatches.append(await exchange.dispatch(document, sender=sender))
    every = [one for dispatches in sent.values() for one in dispatches]
    random.shuffle(every)
    for one in every:
        await exchange.judge(one)
    return sent


async def test_two_processes_clear_the_same_recipients_without_deadlock(
    exchange: Exchange, databases: Databases, backing: Backing
):
    sent = await sent_by_both(exchange, rounds=8)
    before = await deadlocks(exchange.db)

    async def clear(db: Database) -> None:
        while await exchange.count("dispatches where state <> 'cleared'"):
            for line in await db.as_worker(queue.lines):
                await db.as_worker(lambda conn, line=line: clear_chunk(conn, line, size=3))

    async with other_process(databases, backing) as second, asyncio.TaskGroup() as group:
        group.create_task(clear(exchange.db))
        group.create_task(clear(second))
    await nothing_doubled(exchange, sent)
    assert await exchange.count("deliveries where sequence is null") == 0
    assert await deadlocks(exchange.db) == before


async def deadlocks(db: Database) -> int:
    """Return how many deadlocks this database has seen."""

    async def count(conn: Connection) -> int:
        return await conn.fetchval(
            "select deadlocks from pg_stat_database where datname = current_database()"
        )

    return await db.as_worker(count)


async def test_dispatching_goes_on_while_others_clear(
    exchange: Exchange, databases: Databases, backing: Backing
):
    sent: list[DispatchId] = []
    done = asyncio.Event()

    async def send() -> None:
        for _ in range(ROUNDS):
            one = await exchange.send(PROVINCE, DISTRICT)
            sent.append(one)
            await exchange.judge(one)
        done.set()

    async def clear(db: Database) -> None:
        while not done.is_set() or await exchange.count("dispatches where state <> 'cleared'"):
            if not await clear_all(db):
                await asyncio.sleep(0.01)

    async with other_process(databases, backing) as second, asyncio.TaskGroup() as group:
        group.create_task(send())
        group.create_task(clear(exchange.db))
        group.create_task(clear(second))
    await nothing_doubled(exchange, {SENDER: sent})
    assert len(await exchange.mailbox(PROVINCE)) == ROUNDS


class Mortal:
    """A connection that is cut before its nth statement."""

    def __init__(self, conn: Connection, *, statements: int) -> None:
        self._conn, self._left = conn, statements

    def _live(self) -> Connection:
        self._left -= 1
        if self._left == 0:
            self._conn.terminate()
        return self._conn

    async def execute(self, *args: Any) -> Any:  # noqa: ANN401
        return await self._live().execute(*args)

    async def fetch(self, *args: Any) -> Any:  # noqa: ANN401
        return await self._live().fetch(*args)

    async def fetchrow(self, *args: Any) -> Any:  # noqa: ANN401
        return await self._live().fetchrow(*args)

    async def fetchval(self, *args: Any) -> Any:  # noqa: ANN401
        return await self._live().fetchval(*args)


async def clear_and_die(conn: Connection, line: Line, *, before: int) -> bool:
    """Clear one chunk, on a connection that is cut before its nth statement."""
    mortal = cast("Connection", Mortal(conn, statements=before))
    return await clear_chunk(mortal, line, size=3)


@pytest.mark.parametrize("seed", range(3))
async def test_a_death_at_any_statement_leaves_nothing_doubled(exchange: Exchange, seed: int):
    sent = await sent_by_both(exchange, rounds=2)
    chance = random.Random(seed)  # noqa: S311 (no secret)
    deaths = 0
    while await exchange.count("dispatches where state <> 'cleared'"):
        line = Line(seeded_id(chance.choice(list(sent))), "normal")
        before = chance.randint(1, 18)
        try:
            await exchange.db.as_worker(partial(clear_and_die, line=line, before=before))
        except Unavailable:
            deaths += 1
    await nothing_doubled(exchange, sent)
    assert await exchange.count("deliveries where sequence is null") == 0
    assert deaths > 3


async def test_urgent_and_normal_of_one_recipient_do_not_share_numbers(exchange: Exchange):
    for urgency in (Urgency.NORMAL, Urgency.URGENT, Urgency.EXPRESS_TIMED):
        await exchange.judge(await exchange.send(PROVINCE, urgency=urgency))
    await exchange.clear()
    assert [one.sequence for one in await exchange.mailbox(PROVINCE)] == [1]
    assert [one.sequence for one in await exchange.mailbox(PROVINCE, "urgent")] == [1, 2]
