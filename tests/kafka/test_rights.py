"""What a subscriber may not do: each try is made on the real broker and refused by it."""

import asyncio
import uuid
from dataclasses import dataclass

import pytest

from infra.kafka.integrators import OURS, holders, reader_rights, settle
from infra.kafka.provision import provision, rights
from shared.events.deliveries import mailbox_topic
from shared.events.topics import SERVICES
from tests.fixtures.eventually import eventually
from tests.kafka.conftest import Broker
from tests.kafka.tokens import user
from tests.proof.access.integrator import (
    RefusedError,
    consuming,
    next_record,
    visible,
    write,
)

pytestmark = pytest.mark.timeout(240)  # the first test starts a broker

DENIED = "TOPIC_AUTHORIZATION_FAILED"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems that have subscribed; the tests are the first one."""

    broker: Broker
    me: str
    other: str

    @property
    def mine(self) -> str:
        """Return the topic of the first."""
        return mailbox_topic(self.me)

    @property
    def foreign(self) -> str:
        """Return the topic of the other."""
        return mailbox_topic(self.other)

    def token(self) -> str:
        """Return a token of the first."""
        return self.broker.key.token(self.me)

    def name(self, pattern: str) -> str:
        """Fill the systems' ids into the name of a topic or group."""
        return pattern.format(me=self.me, other=self.other)

    def read(self, *topics: str, group: str = "{me}.reader") -> str:
        """Read one record; return its value, or Kafka's name for what refuses it."""
        named = self.name(group)
        with consuming(self.broker.bootstrap, self.token, named, *topics) as consumer:
            try:
                return (next_record(consumer).value() or b"").decode()
            except RefusedError as refused:
                return refused.code


@pytest.fixture
async def pair(broker: Broker) -> Pair:
    """Two new systems, subscribed."""
    made = uuid.uuid4().hex[:8]
    pair = Pair(broker, f"sys-{made}", f"sys-{made}-other")
    await broker.settled(pair.me, pair.other)
    return pair


async def test_a_subscriber_reads_its_own_topic_in_groups_of_its_own(pair: Pair):
    await pair.broker.fill(pair.mine, "for me")
    assert await asyncio.to_thread(pair.read, pair.mine) == "for me"
    assert await asyncio.to_thread(pair.read, pair.mine, group="{me}.second") == "for me"


@pytest.mark.parametrize(
    "topic",
    [
        "lienthong.mailbox.{other}.v1",
        "lienthong.documents.v1",
        "lienthong.deliveries.commune.urgent.v1",
        "lienthong.receipts.v1",
        "lienthong.clients.v1",
        "lienthong.documents.v1.dlt",
        "__consumer_offsets",
        "lienthong.mailbox.nobody.v1",
    ],
)
async def test_another_topic_is_refused(pair: Pair, topic: str):
    assert await asyncio.to_thread(pair.read, pair.name(topic)) == DENIED


@pytest.mark.parametrize(
    "group", ["{other}.reader", "{me}", "{me}-x.reader", "lienthong.notify.documents"]
)
async def test_another_group_is_refused(pair: Pair, group: str):
    seen = await asyncio.to_thread(pair.read, pair.mine, group=group)
    assert seen == "GROUP_AUTHORIZATION_FAILED"


async def test_a_pattern_that_fits_foreign_topics_brings_its_own_only(pair: Pair):
    await pair.broker.fill(pair.mine, "one of mine")
    await pair.broker.fill(pair.foreign, "one of the other's")

    def read_all() -> set[str | None]:
        group, pattern = f"{pair.me}.pattern", r"^lienthong\..*"
        with consuming(pair.broker.bootstrap, pair.token, group, pattern) as consumer:
            topics = {next_record(consumer).topic()}
            try:
                while True:
                    topics.add(next_record(consumer, seconds=3).topic())
            except TimeoutError:
                return topics

    assert await asyncio.to_thread(read_all) == {pair.mine}


async def test_only_its_own_topics_are_listed(pair: Pair):
    seen = await asyncio.to_thread(visible, pair.broker.bootstrap, pair.token())
    assert seen == {pair.mine, "lienthong.agencies.v1"}


@pytest.mark.parametrize(
    "topic",
    [
        "lienthong.mailbox.{me}.v1",
        "lienthong.mailbox.{other}.v1",
        "lienthong.agencies.v1",
        "lienthong.documents.v1",
        "made.by.writing",
    ],
)
async def test_writing_is_refused(pair: Pair, topic: str):
    bootstrap, named = pair.broker.bootstrap, pair.name(topic)
    assert await asyncio.to_thread(write, bootstrap, pair.token, named) == DENIED


async def test_a_system_that_has_not_subscribed_sees_nothing(broker: Broker):
    token = broker.key.token("sys-without")
    assert await asyncio.to_thread(visible, broker.bootstrap, token) == set()


async def test_an_open_session_is_worth_nothing_when_its_rights_are_gone(pair: Pair):
    await pair.broker.fill(pair.mine, "before")

    def read_on() -> str:
        group = f"{pair.me}.open"
        with consuming(pair.broker.bootstrap, pair.token, group, pair.mine) as consumer:
            next_record(consumer)
            settle(pair.broker.admin, {user(pair.other)})
            try:
                while True:
                    next_record(consumer)
            except RefusedError as refused:
                return refused.code

    assert await asyncio.to_thread(read_on) in {DENIED, "GROUP_AUTHORIZATION_FAILED"}


async def test_only_the_present_tokens_of_a_client_are_worth_anything(pair: Pair):
    await pair.broker.fill(pair.mine, "for the new one")
    admin, present = pair.broker.admin, user(pair.me, since=9)
    await eventually(lambda: settle(admin, {present}), "the rights have moved", timeout=60)
    assert await asyncio.to_thread(pair.read, pair.mine) in {DENIED, "GROUP_AUTHORIZATION_FAILED"}
    token = pair.broker.key.token(pair.me, kafka_principal=present)
    seen = await asyncio.to_thread(visible, pair.broker.bootstrap, token)
    assert seen == {pair.mine, "lienthong.agencies.v1"}


async def test_settling_gives_exactly_these_rights_and_leaves_the_services_alone(pair: Pair):
    admin = pair.broker.admin
    assert holders(admin) == {user(pair.me), user(pair.other)}
    assert admin.rights(user(pair.me)) == reader_rights(user(pair.me))
    assert not await asyncio.to_thread(settle, admin, {user(pair.other)})
    assert admin.rights(user(pair.me)) == set()
    assert admin.topics()[pair.mine] == 1  # until the end of its subscription is confirmed
    of_services = {right for service in SERVICES for right in admin.rights(service)}
    assert of_services == rights()


async def test_provisioning_anew_leaves_integrators_alone(pair: Pair):
    kafka = pair.broker.own.kafka
    assert await asyncio.to_thread(provision, kafka.address, kafka.folder.secret)
    assert pair.broker.admin.rights(user(pair.me)) == reader_rights(user(pair.me))


@pytest.mark.parametrize("name", sorted(OURS))
async def test_a_client_with_the_name_of_a_user_of_ours_gets_nothing(broker: Broker, name: str):
    before = broker.admin.rights(name)
    await broker.settled("sys-a", name)
    assert broker.admin.rights(name) == before
    assert broker.admin.rights(user(name)) == set()
    assert mailbox_topic(name) not in broker.admin.topics()


async def test_all_is_made_anew_after_the_log_directory_was_wiped(pair: Pair):
    own, bootstrap = pair.broker.own, pair.broker.bootstrap
    own.kill()
    own.wipe()
    await own.start()
    assert await asyncio.to_thread(visible, bootstrap, pair.token()) == set()
    await pair.broker.settled(pair.me)
    await pair.broker.fill(pair.mine, "after the wipe")
    assert await asyncio.to_thread(pair.read, pair.mine, group="{me}.after") == "after the wipe"
