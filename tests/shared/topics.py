"""What tests do to topics that only an administrator may."""

# The admin client's futures have no type arguments.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from typing import Any

from confluent_kafka import TopicPartition

from infra.kafka.admin import Admin, TopicSpec
from tests.fixtures.stack import Backing


def delete_topic(backing: Backing, topic: str) -> None:
    """Delete a topic with its records."""
    delete_topic_of(backing.kafka_admin(), topic)


def delete_topic_of(admin: Admin, topic: str) -> None:
    """Delete a topic of the Kafka of this administrator."""
    client = admin.client  # its futures fail when it is gone
    _finish(client.delete_topics([topic]))


def make_topic(backing: Backing, topic: str) -> None:
    """Make a topic (again) with one partition."""
    backing.kafka_admin().make_topics([TopicSpec(topic, 1)])


def truncate_topic(backing: Backing, topic: str, *, before: int) -> None:
    """Take records away as retention does."""
    client, gone = backing.kafka_admin().client, TopicPartition(topic, 0, before)
    _finish(client.delete_records([gone]))


def _finish(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(timeout=10)
