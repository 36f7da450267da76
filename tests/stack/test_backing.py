"""The parts that tests stand on: databases with their three roles, Kafka with its rights."""

import asyncpg
import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from infra.postgres.provision import grant_inside
from shared.events.topics import SERVICES, TOPICS, Service
from tests.conftest import FreshDatabase
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Login


@pytest.mark.parametrize("service", SERVICES)
async def test_a_fresh_database_has_the_tables_and_three_roles(
    fresh_database: FreshDatabase, service: Service
):
    made = await fresh_database(service)
    for address, role in ((made.owner, "owner"), (made.app, "app"), (made.worker, "worker")):
        connection = await asyncpg.connect(address)
        assert await connection.fetchval("select current_user") == f"{service}_{role}"
        assert await connection.fetchval("select count(*) from known_agencies") == 0
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_another_start_gives_no_right_back_that_a_migration_took_away(
    fresh_database: FreshDatabase, backing: Backing, service: Service
):
    made = await fresh_database(service)
    before = await _rights(made.owner)
    await grant_inside(backing.postgres_port, backing.folder.secret, made.name, service)
    assert await _rights(made.owner) == before
    assert ("outbox", f"{service}_app", "SELECT") not in before
    assert ("outbox", f"{service}_app", "INSERT") in before


async def _rights(owner: str) -> set[tuple[str, str, str]]:
    connection = await asyncpg.connect(owner)
    try:
        rows = await connection.fetch(
            "select table_name, grantee, privilege_type from information_schema.table_privileges"
            " where table_schema = 'public'"
        )
    finally:
        await connection.close()
    return {(row[0], row[1], row[2]) for row in rows}


async def test_roles_for_requests_and_work_cannot_change_tables(fresh_database: FreshDatabase):
    made = await fresh_database("docs")
    for address in (made.app, made.worker):
        connection = await asyncpg.connect(address)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table mine (id int)")
        await connection.close()


async def test_no_service_enters_the_database_of_another(fresh_database: FreshDatabase):
    made = await fresh_database("docs")
    other = await fresh_database("notify")
    foreign = made.app.replace(made.name, other.name)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)


def _client(backing: Backing, login: Login) -> dict[str, str | int]:
    return {
        "bootstrap.servers": backing.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": login.user,
        "sasl.password": login.password,
    }


async def _write(backing: Backing, service: Service, topic: str) -> KafkaError | None:
    producer = Producer(_client(backing, backing.login(service)) | {"message.timeout.ms": 8000})
    answers: list[KafkaError | None] = []
    producer.produce(topic, b"x", on_delivery=lambda error, _: answers.append(error))
    await eventually(lambda: producer.poll(0.05) or answers, f"an answer for {topic}")
    return answers[0]


async def test_a_topic_is_written_by_those_who_may(backing: Backing):
    topic = backing.fresh_topic("docs")
    assert await _write(backing, "docs", topic) is None


async def test_a_topic_is_not_written_by_others(backing: Backing):
    refused = await _write(backing, "gateway", backing.fresh_topic("docs"))
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_every_topic_of_the_list_exists_and_no_other_is_made_by_asking(backing: Backing):
    admin = backing.kafka_admin()
    present = admin.topics()
    for topic in TOPICS:
        assert present[topic.name] == topic.partitions
        assert topic.dead_letters in present
    admin.client.list_topics("lienthong.made-by-asking.v1", timeout=10)
    assert "lienthong.made-by-asking.v1" not in admin.topics()


def test_a_reader_without_the_right_is_refused(backing: Backing):
    topic = backing.fresh_topic("docs")
    consumer = Consumer(
        _client(backing, backing.login("notify"))
        | {"group.id": "lienthong.notify.documents", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
