"""Kafka killed, wiped and cut short under relay and consumers: everything arrives, and once."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

import pytest

from shared import health, outbox
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.events import AgencyChanged, VerdictWithdrawn
from shared.events.types import AGENCIES, SIGNATURES
from shared.kafka import Record
from shared.relay import relay
from tests.conftest import FreshDatabase
from tests.fixtures.database import opened
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.shared.conftest import run_beside
from tests.shared.own_kafka import OwnKafka
from tests.shared.transport import first_order, log_of


@pytest.fixture
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[OwnKafka]:
    """A Kafka of the test's own, running."""
    own = OwnKafka.below(tmp_path_factory.mktemp("kafka"))
    await own.start()
    yield own
    own.kill()


def _withdrawn(number: int) -> VerdictWithdrawn:
    return VerdictWithdrawn(
        dispatch_id=uuid4(), document_id=UUID(int=number % 7), judgement=number, reason="SIG-4221"
    )


def _agency(number: int) -> AgencyChanged:
    return AgencyChanged(
        agency_id=UUID(int=number),
        code=f"H14.{number}",
        code_qcvn102=None,
        level="commune",
        parent_id=None,
        state="active",
        valid_from=date(2020, 1, 1),
        valid_to=None,
        version=number,
    )


async def _write(db: Database, first: int, count: int) -> None:
    for number in range(first, first + count):
        event = _withdrawn(number)
        await db.as_worker(lambda conn, event=event: outbox.put(conn, event))


@dataclass(frozen=True, slots=True)
class Exchange:
    """Signing, which writes and relays, and docs, which reads; and what docs has handled."""

    kafka: OwnKafka
    writer: Database
    reader: Database
    seen: list[int]

    async def has_seen(self, count: int) -> None:
        """Wait until docs has handled so many."""
        await eventually(lambda: len(self.seen) >= count, f"{count} are handled", timeout=60)


@pytest.fixture
async def exchange(
    kafka: OwnKafka, fresh_database: FreshDatabase, backing: Backing
) -> AsyncGenerator[Exchange]:
    """Relay and consumer at work on a Kafka of the test's own."""
    signing, docs = await fresh_database("signing"), await fresh_database("docs")
    seen: list[int] = []

    async def handle(_conn: Connection, event: VerdictWithdrawn, _record: Record) -> None:
        seen.append(event.judgement)

    async with opened(signing, "signing", backing) as writer, opened(docs, "docs", backing) as db:
        access, on = kafka.access("docs"), On(VerdictWithdrawn, handle)
        reader = consume(db, access, service="docs", topics=[SIGNATURES], handlers=[on])
        sender = relay(writer, kafka.access("signing"), service="signing")
        owner = relay(db, access, service="docs", restate={AGENCIES: restate})
        async with run_beside(reader), run_beside(sender), run_beside(owner):
            yield Exchange(kafka, writer, db, seen)


async def restate(conn: Connection) -> None:
    """Write the present state of five agencies."""
    await outbox.put_all(conn, [_agency(number) for number in range(5)])


@pytest.mark.timeout(300)  # three starts of a JVM, on a busy machine
async def test_kafka_dies_and_comes_back_old_and_then_empty(exchange: Exchange):
    kafka, writer, db = exchange.kafka, exchange.writer, exchange.reader
    access = kafka.access("docs")
    await db.as_worker(restate)
    await _write(writer, 0, 50)
    await exchange.has_seen(50)

    kafka.freeze()
    await _write(writer, 50, 25)
    await asyncio.sleep(1.5)  # the relay has sent them and waits for its answer
    kafka.kill()
    assert await health.checks(db, access, "docs")["kafka"]() == "Kafka does not answer"
    await _write(writer, 75, 25)
    await kafka.start()
    await exchange.has_seen(100)

    kafka.kill()
    kafka.wipe()
    await _write(writer, 100, 50)
    await kafka.start()
    await exchange.has_seen(150)
    await eventually(lambda: _log_is_whole(kafka), "the log holds all again", timeout=60)
    gauges = health.gauges(db, access, "docs")
    await eventually(lambda: _quiet(gauges), "the reader is quiet", timeout=30)
    assert await health.checks(db, access, "docs")["kafka"]() is None
    assert sorted(exchange.seen) == list(range(150)), "each once"
    for key in range(7):
        mine = [number for number in exchange.seen if number % 7 == key]
        assert mine == sorted(mine)


@pytest.mark.timeout(300)  # two starts of a JVM, on a busy machine
async def test_logs_without_their_ends_are_whole_again_though_nothing_new_is_sent(
    exchange: Exchange,
):
    kafka, writer, db = exchange.kafka, exchange.writer, exchange.reader
    await db.as_worker(restate)
    for first in range(0, 150, 30):
        await _write(writer, first, 30)
        await exchange.has_seen(first + 30)
    await eventually(lambda: _log_is_whole(kafka), "both topics are written", timeout=60)
    marked = {writer: await _newest_mark(writer), db: await _newest_mark(db)}

    kafka.kill()
    _cut(kafka, SIGNATURES, keep=2 / 3)
    _cut(kafka, AGENCIES, keep=0)
    await kafka.start()
    await eventually(lambda: _log_is_whole(kafka), "the logs hold all again", timeout=60)

    for owner, before in marked.items():
        assert await _newest_mark(owner) > before, "what was cut off was sent again"
    order = first_order(await log_of(kafka.access("docs"), [SIGNATURES]))
    assert all(order[key] == ids for key, ids in (await _written(writer)).items())
    gauges = health.gauges(db, kafka.access("docs"), "docs")
    await eventually(lambda: _quiet(gauges), "the reader is quiet", timeout=30)
    assert sorted(exchange.seen) == list(range(150)), "each once"


def _cut(kafka: OwnKafka, topic: str, *, keep: float) -> None:
    """Cut the end off the longest partition of a topic, as a disk that lied would have."""
    segments = kafka.kafka.data.glob(f"{topic}-*/*.log")
    longest = max(segments, key=lambda file: file.stat().st_size)
    with longest.open("r+b") as file:
        file.truncate(int(longest.stat().st_size * keep))


async def _newest_mark(db: Database) -> datetime:
    query = "select max(published_at) from outbox"
    return await db.as_worker(lambda conn: conn.fetchval(query))


async def _written(db: Database) -> dict[tuple[str, str], list[UUID]]:
    """Return the events of each key in the order in which they were put into the outbox."""
    query = "select topic, key, array_agg(event_id order by id) from outbox group by topic, key"
    rows = await db.as_worker(lambda conn: conn.fetch(query))
    return {(row[0], row[1]): row[2] for row in rows}


async def _log_is_whole(kafka: OwnKafka) -> bool:
    signatures = await log_of(kafka.access("docs"), [SIGNATURES])
    agencies = await log_of(kafka.access("docs"), [AGENCIES])
    return (
        len({record.event_id for record in signatures}) == 150
        and len({record.key for record in agencies}) == 5
    )


async def _quiet(gauges: Mapping[str, health.Gauge]) -> bool:
    return not any([await gauge() for gauge in gauges.values()])
