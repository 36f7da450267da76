"""Faults in Kafka: topics and rights that are not as the one list says."""

# confluent-kafka's public names are not marked as exported, and its futures have no types.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from infra.kafka.admin import Admin, Right
from tests.doctor.planting import Ground, Planted
from tests.fixtures.eventually import eventually

_QUIET = "lienthong.receipts.v1.dlt"
"""A topic that nobody reads, and to which nobody writes while all is well."""


@asynccontextmanager
async def topic_deleted(ground: Ground) -> AsyncGenerator[Planted]:
    kafka = ground.kafka
    await _delete(kafka)
    try:
        yield Planted(f"{_QUIET} is missing", "make provision")
    finally:
        await ground.mend()


@asynccontextmanager
async def partition_added(ground: Ground) -> AsyncGenerator[Planted]:
    kafka = ground.kafka
    kafka.client.create_partitions([NewPartitions(_QUIET, 2)])[_QUIET].result()
    await eventually(lambda: kafka.topics()[_QUIET] == 2, "the topic has grown")
    try:
        yield Planted(f"{_QUIET} has 2 partitions of 1", "delete the topic, then")
    finally:
        await _delete(kafka)
        await ground.mend()


@asynccontextmanager
async def retention_altered(ground: Ground) -> AsyncGenerator[Planted]:
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    altered = ConfigResource(ResourceType.TOPIC, _QUIET, incremental_configs=[entry])
    kafka = ground.kafka
    kafka.client.incremental_alter_configs([altered])[altered].result()
    try:
        yield Planted(f"{_QUIET}: retention.ms is 1000, 7776000000 is meant", "make provision")
    finally:
        await ground.mend()


@asynccontextmanager
async def right_removed(ground: Ground) -> AsyncGenerator[Planted]:
    lost, kafka = Right("docs", "write", "topic", _QUIET), ground.kafka
    kafka.revoke([lost])
    await eventually(lambda: lost not in kafka.rights("docs"), "the right is gone")
    try:
        yield Planted(f"missing: docs may write topic {_QUIET}", "make provision")
    finally:
        await ground.mend()


@asynccontextmanager
async def foreign_right(ground: Ground) -> AsyncGenerator[Planted]:
    # Of a service: what anybody else was given the running provisioner may take away first.
    given, kafka = Right("gateway", "read", "topic", _QUIET), ground.kafka
    kafka.grant([given])
    await eventually(lambda: given in kafka.rights("gateway"), "the right counts")
    try:
        yield Planted(f"not on the list: gateway may read topic {_QUIET}", "takes it away")
    finally:
        await ground.mend()


async def _delete(kafka: Admin) -> None:
    kafka.client.delete_topics([_QUIET])[_QUIET].result()
    await eventually(lambda: _QUIET not in kafka.topics(), "the topic is gone")
