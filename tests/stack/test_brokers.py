"""Three nodes of Kafka: one may die; with two away all waits, and goes on by itself."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from infra.stack.brokers import broker_names, brokers_of, fixed_brokers
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from shared import outbox
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.events import VerdictWithdrawn
from shared.events.topics import TOPICS
from shared.events.types import SIGNATURES
from shared.kafka import Record
from shared.relay import relay
from tests.fixtures.database import access_of, opened
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Stack, aside, backing_of, stack_command, start
from tests.shared.conftest import run_beside
from tests.shared.transport import log_of


@dataclass(frozen=True, slots=True)
class Three:
    """A stack of three nodes, signing that relays, docs that reads, and what docs has handled."""

    stack: Stack
    backing: Backing
    db: Database
    seen: list[int]

    async def write(self, first: int, count: int) -> None:
        """Put so many events into the outbox."""
        for number in range(first, first + count):
            event = VerdictWithdrawn(
                dispatch_id=uuid4(),
                document_id=UUID(int=number % 7),
                judgement=number,
                reason="SIG-4221",
            )
            await self.db.as_worker(lambda conn, event=event: outbox.put(conn, event))

    async def has_seen(self, count: int) -> None:
        """Wait until docs has handled so many, each once and in the order of its key."""
        await eventually(lambda: len(self.seen) >= count, f"{count} are handled", timeout=120)
        assert sorted(self.seen) == list(range(count))
        for key in range(7):
            mine = [number for number in self.seen if number % 7 == key]
            assert mine == sorted(mine)


@pytest.fixture
async def three(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Three]:
    """PostgreSQL and three nodes in a folder of the test's own, a relay and a consumer at work."""
    folder = aside(tmp_path_factory.mktemp("three") / "run")
    try:
        await asyncio.to_thread(start, folder, "--only", "postgres,kafka", env={"BROKERS": "3"})
        async with _at_work(folder) as three:
            yield three
    finally:
        await asyncio.to_thread(stack_command, folder, "down")
        shutil.rmtree((folder.path / "postgres").resolve(), ignore_errors=True)


@asynccontextmanager
async def _at_work(folder: Folder) -> AsyncGenerator[Three]:
    backing, seen = backing_of(folder), list[int]()

    async def handle(_conn: Connection, event: VerdictWithdrawn, _record: Record) -> None:
        seen.append(event.judgement)

    async with AsyncExitStack() as lent:
        signing = await lent.enter_async_context(backing.fresh_database("signing"))
        docs = await lent.enter_async_context(backing.fresh_database("docs"))
        writer = await lent.enter_async_context(opened(signing, "signing", backing))
        reader = await lent.enter_async_context(opened(docs, "docs", backing))
        access, on = access_of(backing, "docs"), On(VerdictWithdrawn, handle)
        reading = consume(reader, access, service="docs", topics=[SIGNATURES], handlers=[on])
        sending = relay(writer, access_of(backing, "signing"), service="signing")
        await lent.enter_async_context(run_beside(reading))
        await lent.enter_async_context(run_beside(sending))
        yield Three(Stack(folder), backing, writer, seen)


@pytest.mark.timeout(600)  # seven starts of a JVM, on a busy machine
async def test_one_node_may_die_and_two_stop_the_line_until_one_is_back(three: Three):
    stack, db = three.stack, three.db
    states = await stack.status()
    assert {name: states[name] for name in broker_names(3)} == dict.fromkeys(
        broker_names(3), "healthy"
    )
    assert three.backing.kafka_bootstrap.count(",") == 2
    _assert_copied(three.backing)
    await three.write(0, 30)
    await three.has_seen(30)

    await stack.kill("kafka", hold=True)  # the first of the list, too
    await three.write(30, 30)
    await three.has_seen(60)

    await stack.kill("kafka-3", hold=True)
    assert "has no leader" in (await stack.status())["kafka-2"]
    await three.write(60, 30)
    await asyncio.sleep(5)
    assert len(three.seen) == 60, "nothing goes without a majority"
    assert await outbox.pending(db) == 30
    await stack.start("kafka-3")
    await three.has_seen(90)

    await stack.start("kafka")
    await stack.kill("kafka-2", hold=True)
    shutil.rmtree(stack.folder.path / "kafka-2" / "data")
    await three.write(90, 30)
    await stack.start("kafka-2")
    await three.has_seen(120)
    await eventually(lambda: _copied_everywhere(three.backing), "the wiped one has all", timeout=90)
    for name in ("kafka", "kafka-3"):
        await stack.kill(name)
    for name in ("kafka", "kafka-3"):
        await stack.wait(name)
    log = await log_of(access_of(three.backing, "docs"), [SIGNATURES])
    assert len({record.event_id for record in log}) == 120


def _assert_copied(backing: Backing) -> None:
    found = backing.kafka_admin().client.list_topics(timeout=30).topics
    for topic in TOPICS:
        for partition in found[topic.name].partitions.values():
            assert len(partition.replicas) == 3
    names = [topic.name for topic in TOPICS]
    settings = backing.kafka_admin().settings(names)
    assert {one["min.insync.replicas"] for one in settings.values()} == {"2"}


def _copied_everywhere(backing: Backing) -> bool:
    found = backing.kafka_admin().client.list_topics(timeout=30).topics
    return all(
        len(partition.isrs) == 3
        for topic in TOPICS
        for partition in found[topic.name].partitions.values()
    )


def test_a_folder_keeps_its_number_of_nodes(tmp_path: Path):
    folder = Folder(tmp_path / "run")
    folder.make()
    assert brokers_of(folder) == 1
    assert fixed_brokers(folder, "3") == 3
    assert fixed_brokers(folder, "") == 3
    with pytest.raises(Trouble, match="has 3 nodes") as refused:
        fixed_brokers(folder, "1")
    assert refused.value.way_out.endswith("LIENTHONG_RUN=run-1 make up BROKERS=1")
    with pytest.raises(Trouble, match="cannot have 2"):
        fixed_brokers(folder, "2")


def test_a_folder_of_before_has_one_node(tmp_path: Path):
    folder = Folder(tmp_path / "run")
    (folder.path / "kafka" / "data").mkdir(parents=True)
    with pytest.raises(Trouble, match="has 1 node,"):
        fixed_brokers(folder, "3")
    assert fixed_brokers(folder, "") == 1
