"""What tests of transport do: run killable processes, read a log whole, and look at the outbox."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from infra.stack.folder import TREE
from shared.kafka import KafkaAccess, Place, Record
from shared.kafka.reader import Reader
from tests.fixtures.stack import Databases
from tests.shared.transport_process import Order

_SCRIPT = Path(__file__).with_name("transport_process.py")


@dataclass(frozen=True, slots=True)
class Running:
    """A process under test and its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def dead(self) -> bool:
        """Say whether it has ended."""
        return self.process.poll() is not None

    def frozen(self) -> bool:
        """Say whether it is stopped by a signal."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def said(self, words: str) -> bool:
        """Say whether its log holds these words."""
        return words in self.log.read_text()


@contextmanager
def started(order: Order, log: Path, *, failpoint: str = "") -> Generator[Running]:
    """Run a process for the length of a `with`; it ends by SIGKILL."""
    env = {**os.environ, "PYTHONPATH": str(TREE), "FAILPOINT": failpoint}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), order.text()],
            cwd=TREE,
            env=env,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Published:
    """One outbox row as the relay left it."""

    event_id: UUID
    topic: str
    key: str
    partition: int
    offset: int


async def look(databases: Databases, sql: str, *args: object, dsn: str | None = None) -> list[Any]:
    """Ask the database as the role of background work."""
    conn = await asyncpg.connect(dsn or databases.worker)
    try:
        return await conn.fetch(sql, *args)
    finally:
        await conn.close()


async def waiting(databases: Databases) -> int:
    """Count the rows that were not published."""
    rows = await look(databases, "select count(*) from outbox where published_at is null")
    return int(rows[0][0])


async def published(databases: Databases) -> list[Published]:
    """Return the published rows in the order of their ids."""
    rows = await look(
        databases,
        'select event_id, topic, key, partition, "offset" from outbox'
        " where published_at is not null order by id",
    )
    return [Published(*row) for row in rows]


async def log_of(access: KafkaAccess, topics: Sequence[str]) -> list[Record]:
    """Read topics from their beginnings to their ends."""
    async with Reader.open(access) as reader:
        places = await reader.partitions(topics)
        bounds = await reader.bounds(places)
        ends = {place: end for place, (first, end) in bounds.items() if end > first}
        at: dict[Place, int] = {place: bounds[place][0] for place in ends}
        found: list[Record] = []
        reader.assign(at)
        async with asyncio.timeout(30):
            while any(at[place] < end for place, end in ends.items()):
                for place, records in (await reader.fetch(ends, seconds=1, most=5000)).items():
                    found += records
                    at[place] = records[-1].offset + 1
        return found


def first_order(records: Sequence[Record]) -> dict[tuple[str, str], list[UUID]]:
    """Return, for each (topic, key), its events in the order they first appeared."""
    seen: dict[tuple[str, str], list[UUID]] = {}
    for record in records:
        events = seen.setdefault((record.topic, record.key), [])
        if record.event_id not in events:
            events.append(record.event_id)
    return seen


async def assert_the_log_holds_the_outbox(databases: Databases, access: KafkaAccess) -> None:
    """Every row is in the log where it says, and each key's events came first in their order."""
    rows = await published(databases)
    records = await log_of(access, sorted({row.topic for row in rows}))
    at = {(r.topic, r.partition, r.offset): r.event_id for r in records}
    assert [at.get((r.topic, r.partition, r.offset)) for r in rows] == [r.event_id for r in rows]
    expected: dict[tuple[str, str], list[UUID]] = {}
    for row in rows:
        expected.setdefault((row.topic, row.key), []).append(row.event_id)
    assert {key: first_order(records)[key] for key in expected} == expected
