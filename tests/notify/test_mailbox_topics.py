"""Mailbox topics on the real Kafka: missing, wiped, given up; and whatever line is the last."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.admin import TopicSpec
from infra.stack.folder import TREE
from services.notify import subscribe
from services.notify.deliver import take_in
from services.notify.store import events, subscriptions
from shared import outbox, parking
from shared.db import Connection, Database
from shared.events import DeliveryCleared, MailboxArrived
from shared.events.deliveries import mailbox_topic
from shared.events.topics import named
from shared.healing import tidy
from shared.ids import AgencyId, uuid7
from shared.kafka import KafkaAccess, Record
from tests.conftest import FreshDatabase
from tests.fixtures.database import access_of, opened
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Databases
from tests.notify.chains import Mailbox, arrival
from tests.shared.transport import first_order, log_of

_SCRIPT = Path(__file__).with_name("number_process.py")


@dataclass(frozen=True, slots=True)
class Ground:
    """A database of notify, Kafka, and a system of its own for one commune."""

    backing: Backing
    databases: Databases
    db: Database
    access: KafkaAccess
    system: str
    box: Mailbox

    @property
    def topic(self) -> str:
        """Return the system's mailbox topic."""
        return mailbox_topic(self.system)

    def make_topic(self) -> None:
        """Make the topic, as the provisioner does."""
        self.backing.kafka_admin().make_topics([TopicSpec(self.topic, 1)])

    def drop_topic(self) -> None:
        """Wipe the topic."""
        client: Any = self.backing.kafka_admin().client
        for future in client.delete_topics([self.topic]).values():
            future.result(timeout=20)

    async def deliver(self, *entries: DeliveryCleared) -> None:
        """Take entries in as the consumers do."""

        async def take(conn: Connection) -> None:
            await take_in(conn, [arrival(entry) for entry in entries], source="log")

        await self.db.as_worker(take)

    async def quiet(self) -> bool:
        """Say whether everything is numbered and sent."""
        unnumbered = await self.db.as_worker(events.count_unnumbered)
        return unnumbered == 0 and await outbox.pending(self.db) == 0

    async def log(self) -> list[Record]:
        """Return what stands on the topic."""
        return await log_of(self.access, [self.topic])

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Number and relay for the length of a `with`."""
        with started(self) as process:
            yield
            assert process.poll() is None


@contextmanager
def started(ground: Ground, failpoint: str = "") -> Generator["subprocess.Popen[bytes]"]:
    """Run numbering and relay as a process; it ends by SIGKILL."""
    order = json.dumps({"databases": asdict(ground.databases), "access": asdict(ground.access)})
    process = subprocess.Popen(
        [sys.executable, str(_SCRIPT), order],
        cwd=TREE,
        env={**os.environ, "PYTHONPATH": str(TREE), "FAILPOINT": failpoint},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def ground(backing: Backing, fresh_database: FreshDatabase) -> AsyncIterator[Ground]:
    """A commune whose system has a ready subscription; its topic is not there yet."""
    databases = await fresh_database("notify")
    system = f"test-{uuid.uuid4().hex[:12]}"
    box = Mailbox(AgencyId(uuid7()), "H14.03.05")

    async def establish(conn: Connection) -> None:
        await conn.execute(
            "insert into known_agencies (id, code, level, state, valid_from, version)"
            " values ($1, $2, 'commune', 'active', '2025-07-01', 1)",
            box.agency,
            box.code,
        )
        await conn.execute(
            "insert into known_clients (client_id, state, agencies, scopes, not_before, version)"
            " values ($1, 'active', $2, '{documents.receive}', '2025-01-01Z', 1)",
            system,
            [box.code],
        )
        made = await subscriptions.begin(
            conn, uuid7(), client_id=system, kind="kafka", topic=mailbox_topic(system)
        )
        assert made is not None
        await subscribe.make_ready(conn, made.id, "127.0.0.1:9093")

    async with opened(databases, "notify", backing) as db:
        await db.as_worker(establish)
        yield Ground(backing, databases, db, access_of(backing, "notify"), system, box)


def sequences(records: list[Record]) -> list[int]:
    """Return the numbers of the entries on a topic, each event once, in order of appearance."""
    seen = {record.event_id: record for record in reversed(records)}
    (order,) = first_order(records).values() or [[]]
    return [MailboxArrived.model_validate_json(seen[one].value).sequence for one in order]


async def test_what_arrives_stands_on_the_topic_with_its_headers(ground: Ground):
    ground.make_topic()
    async with ground.working():
        await ground.deliver(*ground.box.clear_many(40))
        await eventually(ground.quiet, "everything is sent", timeout=40)
    records = await ground.log()
    assert sequences(records) == list(range(1, 41))
    first = records[0]
    assert first.key == str(ground.box.agency)
    assert first.headers["ce_type"] == "vn.lienthong.mailbox.arrived.v1"
    assert first.headers["ce_dataref"].endswith("/package")


async def test_a_missing_topic_holds_nothing_but_itself(ground: Ground):
    other = ground.backing.fresh_topic("notify")
    await ground.deliver(*ground.box.clear_many(5))
    async with ground.working():

        async def numbered() -> bool:
            return await outbox.pending(ground.db) == 5

        await eventually(numbered, "the entries wait for their topic", timeout=40)

        async def send(conn: Connection) -> None:
            await outbox.put_copy(conn, topic=other, key="k", headers={}, value=b"{}")

        for _ in range(3):
            await ground.db.as_worker(send)
            await eventually(numbered, "the other topic gets its own", timeout=20)
        ground.make_topic()
        await eventually(ground.quiet, "the entries go when their topic is there", timeout=40)
    assert sequences(await ground.log()) == [1, 2, 3, 4, 5]


async def test_a_wiped_topic_gets_everything_again(ground: Ground):
    ground.make_topic()
    async with ground.working():
        await ground.deliver(*ground.box.clear_many(20))
        await eventually(ground.quiet, "everything is sent", timeout=40)
        before = {record.event_id for record in await ground.log()}
        ground.drop_topic()
        await eventually(
            lambda: ground.topic not in ground.backing.kafka_admin().topics(), "it is gone"
        )
        ground.make_topic()

        async def healed() -> bool:
            return len(await ground.log()) >= 20

        await eventually(healed, "the lost records are sent again", timeout=60)
        await ground.deliver(ground.box.clear())
        await eventually(ground.quiet, "newer ones go after them", timeout=40)
    records = await ground.log()
    assert before <= {record.event_id for record in records}
    assert sequences(records) == list(range(1, 22))


async def test_a_given_up_mailbox_leaves_nothing_pending(ground: Ground):
    await ground.deliver(*ground.box.clear_many(8))
    async with ground.working():

        async def waits() -> bool:
            return await outbox.pending(ground.db) == 8

        await eventually(waits, "the entries wait for a topic that never comes", timeout=40)

        async def revoke(conn: Connection) -> None:
            await conn.execute("update known_clients set state = 'revoked', version = 2")

        await ground.db.as_worker(revoke)
        while await subscribe.keep(ground.db):
            pass
        assert await outbox.pending(ground.db) == 0
        await ground.deliver(*ground.box.clear_many(3))
        await eventually(ground.quiet, "later ones are not pushed", timeout=40)
    assert await parking.count(ground.db) == 0


async def test_rows_of_a_mailbox_are_kept_as_long_as_its_topic_and_a_week(ground: Ground):
    topic = named(ground.topic)
    assert topic is not None
    assert topic.retention_ms == 14 * 86_400_000
    assert named("lienthong.mailbox.") is None
    ground.make_topic()
    async with ground.working():
        await ground.deliver(*ground.box.clear_many(2))
        await eventually(ground.quiet, "everything is sent", timeout=40)

    async def age(conn: Connection) -> None:
        await conn.execute(
            "update outbox set published_at = published_at"
            " - make_interval(days => case when id % 2 = 0 then 20 else 22 end)"
        )

    await ground.db.as_worker(age)
    async with ground.db.alone() as conn:
        await tidy(conn)
        rows = await conn.fetch("select id from outbox where topic = $1", ground.topic)
    assert [row["id"] % 2 for row in rows] == [0]


@pytest.mark.parametrize(
    "point",
    [
        "notify.number.before_commit:2",
        "notify.push.before_commit:2",
        "relay.after_send:2",
        "relay.before_mark:1",
    ],
)
async def test_nothing_is_lost_doubled_or_turned_round_whatever_line_is_the_last(
    ground: Ground, point: str
):
    ground.make_topic()
    with started(ground, failpoint=point) as process:
        async with asyncio.timeout(60):
            while process.poll() is None:
                await ground.deliver(ground.box.clear())
                await asyncio.sleep(0.05)
    await ground.deliver(*ground.box.clear_many(5))
    async with ground.working():
        await eventually(ground.quiet, "the next process ends the work", timeout=40)
    assert sequences(await ground.log()) == list(range(1, ground.box.sequence + 1))

    async def rows(conn: Connection) -> int:
        return await conn.fetchval("select count(1) from outbox") or 0

    assert await ground.db.as_worker(rows) == ground.box.sequence
