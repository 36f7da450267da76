"""An integrator's Kafka client, by librdkafka: the token, what it sees, what refuses it."""

# The client's public names are not marked as exported, and its callbacks have no types.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

TokenSource: TypeAlias = Callable[[], str]
Settings: TypeAlias = dict[str, object]
_ASKED_AGAIN = 3600.0


class RefusedError(Exception):
    """The broker does not let it: `code` is Kafka's name for it."""

    def __init__(self, error: KafkaError) -> None:
        """Keep what the broker said."""
        super().__init__(error.str())
        self.code = error.name()


def settings(bootstrap: str, source: TokenSource) -> Settings:
    """Return the settings of a client that logs in with the tokens of a source."""

    def token(_config: str) -> tuple[str, float]:
        return source(), time.time() + _ASKED_AGAIN

    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": token,
        "reconnect.backoff.max.ms": 200,
        "log_level": 0,
    }


@contextmanager
def consuming(
    bootstrap: str, source: TokenSource, group: str, *topics: str, **more: object
) -> Generator[Consumer]:
    """Lend a consumer of topics (`^…` is a pattern), from their beginning."""
    consumer = Consumer(
        settings(bootstrap, source)
        | {
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "topic.metadata.refresh.interval.ms": 500,
            **more,
        }
    )
    consumer.subscribe(list(topics))
    try:
        yield consumer
    finally:
        consumer.close()


def next_record(consumer: Consumer, *, seconds: float = 20) -> Message:
    """Return the next record. Raises RefusedError with what stands instead, TimeoutError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is None:
            return message
        if error.code() not in {KafkaError._PARTITION_EOF, KafkaError._TRANSPORT}:  # noqa: SLF001
            raise RefusedError(error)
    raise TimeoutError(f"no record within {seconds} s")


def visible(bootstrap: str, token: str) -> set[str]:
    """Return the topics that the bearer of a token sees. Raises RefusedError at the door."""
    refusals: list[KafkaError] = []
    consumer = Consumer(
        settings(bootstrap, lambda: token)
        | {"group.id": "none", "error_cb": refusals.append, "socket.timeout.ms": 3000}
    )
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            consumer.poll(0.1)
            if any(error.code() == KafkaError._AUTHENTICATION for error in refusals):  # noqa: SLF001
                raise RefusedError(refusals[0])
            try:
                return set(consumer.list_topics(timeout=1).topics)
            except KafkaException:
                continue
        raise TimeoutError(f"neither let in nor refused: {refusals}")
    finally:
        consumer.close()


async def admitted(bootstrap: str, token: str) -> bool:
    """Say whether the bearer of a token comes in."""
    try:
        await asyncio.to_thread(visible, bootstrap, token)
    except RefusedError:
        return False
    return True


def write(bootstrap: str, source: TokenSource, topic: str) -> str:
    """Try to write to a topic; return Kafka's name for what refuses it, empty if nothing does."""
    producer = Producer(settings(bootstrap, source) | {"message.timeout.ms": 8000})
    answers: list[KafkaError | None] = []
    try:
        producer.produce(topic, b"x", on_delivery=lambda error, _: answers.append(error))
    except KafkaException as refused:  # the broker's answer on the topic was there already
        return refused.args[0].name()
    producer.flush(15)
    return "" if answers[0] is None else answers[0].name()
