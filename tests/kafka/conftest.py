"""A Kafka of these tests' own, with a listener for tokens and the keys of an issuer of ours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from infra.kafka.admin import Admin
from infra.kafka.integrators import settle
from infra.stack.kafka import JWKS
from shared.kafka import KafkaAccess, Message
from shared.kafka.producer import Producer
from tests.fixtures.eventually import eventually
from tests.kafka.tokens import TokenKey, user
from tests.shared.own_kafka import OwnKafka


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker and the key whose tokens it takes."""

    own: OwnKafka
    key: TokenKey

    @property
    def bootstrap(self) -> str:
        """Where integrators begin."""
        return f"127.0.0.1:{self.own.kafka.oauth_port}"

    @property
    def admin(self) -> Admin:
        """Return its administrator."""
        return Admin.of(self.own.kafka.address, self.own.kafka.folder.secret)

    @property
    def notify(self) -> KafkaAccess:
        """Return how notify logs in."""
        return self.own.access("notify")

    def publish(self, *keys: TokenKey) -> None:
        """Replace the file of keys that the broker reads."""
        self.own.kafka.folder.write(JWKS, {"keys": [key.jwk() for key in keys]})

    async def fill(self, topic: str, value: str) -> None:
        """Write a record, as the service that may."""
        producer = Producer(self.notify)
        await producer.start()
        try:
            batch, _ = await producer.begin((topic, 0), [Message("k", {}, value.encode())])
            await batch
        finally:
            await producer.discard()

    async def settled(self, *readers: str) -> None:
        """Give these clients, and no others, what subscribers have."""
        users = [user(reader) for reader in readers]
        await eventually(
            lambda: settle(self.admin, users), "topics and rights are there", timeout=60
        )


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """One broker for all these tests: provisioned, and with one key."""
    own = OwnKafka.below(tmp_path_factory.mktemp("kafka"))
    broker = Broker(own, TokenKey("first"))
    await own.start()
    broker.publish(broker.key)
    yield broker
    own.kill()
