"""The examples for integrators, run against the whole stack, killed and begun again."""

# The admin client's futures have no type arguments, and its names are not marked as exported.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false, reportUnknownVariableType=false

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from infra.client import Client, connect
from infra.demo.plan import Plan, next_number
from infra.demo.send import write_letter
from infra.kafka.admin import Admin
from infra.postgres.provision import admin
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack, backing_of
from tests.kafka.examples import JAVA, PYTHON, Example, JavaExample, PythonExample, running
from tests.kafka.examples import deliveries as stored
from tests.kafka.systems import System, registered
from tests.life.story import HUB, reach, twice, upload

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Post:
    """A sender, and an integrator's system that receives for three communes."""

    stack: Stack
    sender: Client
    system: System

    async def send(self) -> list[str]:
        """Send a letter to the three communes; return the deliveries when they have arrived."""
        communes = [{"agency": code} for code in self.system.client.access.agencies]
        number, run = await next_number(self.sender), self.stack.folder.path
        plan = Plan(tuple(communes), len(communes), ())
        letter = await asyncio.to_thread(write_letter, run, number, plan)
        made, _ = await twice(self.sender, "/v1/documents", letter.description)
        path = f"/v1/documents/{made.json()['id']}"
        await upload(self.sender, path, "MAIN", letter.main)
        await upload(self.sender, path, "ANNEX", letter.annex)
        dispatch, _ = await twice(self.sender, f"{path}/dispatches", {})
        where = dispatch.headers["Location"]
        await reach(self.sender, where, "available", recipients=len(communes))
        found = (await self.sender.ask("GET", f"{where}/deliveries")).json()["items"]
        return [str(item["id"]) for item in found]

    async def rewind(self, topic: str) -> None:
        """Set the reader's group back to the beginning, as a commit that never came would."""
        address = str(self.stack.ports["kafka"])
        client = Admin.of(address, self.stack.folder.secret).client
        start = [TopicPartition(topic, 0, 0)]
        group = ConsumerGroupTopicPartitions(f"{self.system.id}.reader", start)

        def reset() -> bool:
            asked = client.alter_consumer_group_offsets([group])[group.group_id]
            try:
                done = asked.result(timeout=10).topic_partitions
            except KafkaException:
                return False
            # Refused for as long as the killed reader is not missed.
            return bool(done) and all(one.error is None for one in done)

        await eventually(lambda: asyncio.to_thread(reset), "the group is empty", timeout=60)


@pytest.fixture
async def post(stack: Stack, tmp_path: Path) -> AsyncIterator[Post]:
    """A sender and a new system."""
    run = stack.folder.path
    async with connect(run, ["sys-g22", HUB]) as clients:
        communes = clients[HUB].access.agencies[20:23]
        async with registered(run, tmp_path, *communes) as system:
            yield Post(stack, clients["sys-g22"], system)


async def lives_through_a_kill(post: Post, example: Example, topic: str, log: Path) -> None:
    """Letters are there once each: one killed with while it was stored, one read twice."""
    with running(example, log) as process:
        sent = await post.send()
        await eventually(lambda: _holds(example, sent), f"the first letter ({log})", timeout=60)
        async with example.blocked() as stuck:
            sent += await post.send()
            await eventually(
                lambda: stuck(process), "the second letter cannot be stored", timeout=30
            )
            process.kill()
    with running(example, log):
        await eventually(lambda: _holds(example, sent), f"the second letter ({log})", timeout=60)
    await post.rewind(topic)  # as when it dies between the database and Kafka
    with running(example, log):
        sent += await post.send()
        await eventually(lambda: _holds(example, sent), f"each letter once ({log})", timeout=60)


async def _holds(example: Example, wanted: list[str]) -> bool:
    return await stored(example) == sorted(wanted)


async def test_the_python_example_stores_each_event_once(post: Post, tmp_path: Path):
    example = PythonExample(post.system, tmp_path)
    # It subscribes by itself; its topic is asked for here to rewind it.
    kafka = await post.system.ready(await post.system.subscribe())
    await lives_through_a_kill(post, example, kafka["topic"], tmp_path / "example.log")


async def test_the_java_example_stores_each_event_once(stack: Stack, post: Post, tmp_path: Path):
    port, secret = backing_of(stack.folder).postgres_port, stack.folder.secret
    name = post.system.id.replace("-", "_")
    superuser = await admin(port, secret)
    await superuser.execute(f"create database {name}")
    word = secret("postgres")
    database = f"postgresql://127.0.0.1:{port}/{name}?user=postgres&password={word}"
    connection = await asyncpg.connect(database)
    await connection.execute("create table events (ce_id text primary key, value text)")
    await connection.close()
    try:
        kafka = await post.system.ready(await post.system.subscribe())
        key = post.system.client.access.private_key
        example = await asyncio.to_thread(JavaExample.compiled, tmp_path, database, kafka, key)
        await lives_through_a_kill(post, example, kafka["topic"], tmp_path / "example.log")
    finally:
        await superuser.execute(f"drop database {name} with (force)")
        await superuser.close()


@pytest.mark.parametrize("example", [PYTHON, JAVA])
def test_an_example_is_short(example: Path):
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 60
