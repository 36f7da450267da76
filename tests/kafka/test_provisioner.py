"""From a subscription to a topic that its system reads, and back, with the whole stack."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.client import ports
from infra.kafka.admin import Admin
from infra.kafka.integrators import reader_rights
from infra.pki.registrar import rotate
from infra.stack.kafka import JWKS
from services.gateway.keys import read_folder
from shared.events.deliveries import mailbox_topic
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.kafka.systems import System, registered
from tests.kafka.tokens import TokenKey
from tests.proof.access.integrator import (
    RefusedError,
    admitted,
    consuming,
    next_record,
    visible,
    write,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.fixture
async def system(stack: Stack, tmp_path: Path) -> AsyncIterator[System]:
    """A new system of the Government Office's."""
    async with registered(stack.folder.path, tmp_path, "G22") as system:
        yield system


def administrator(stack: Stack) -> Admin:
    return Admin.of(str(stack.ports["kafka"]), stack.folder.secret)


async def seen(system: System) -> set[str]:
    """Return the topics that the system sees with the token it has."""
    token = await system.client.token()
    return await asyncio.to_thread(visible, system.bootstrap, token)


async def sees_nothing(system: System) -> bool:
    return await seen(system) == set()


async def test_a_subscription_becomes_a_topic_that_its_system_reads(stack: Stack, system: System):
    before = await seen(system)
    kafka = await system.ready(await system.subscribe())
    topic = mailbox_topic(system.id)
    assert (kafka["bootstrap"], kafka["topic"]) == (system.bootstrap, topic)
    assert before == set()
    assert await seen(system) == {topic, "lienthong.agencies.v1"}
    user = await system.user()
    assert administrator(stack).rights(user) == reader_rights(user)

    token = await system.client.token()

    def first_of_the_directory() -> str | None:
        group = f"{kafka['group_prefix']}directory"
        agencies = kafka["agencies_topic"]
        with consuming(system.bootstrap, lambda: token, group, agencies) as consumer:
            return next_record(consumer).topic()

    assert await asyncio.to_thread(first_of_the_directory) == "lienthong.agencies.v1"
    refused = await asyncio.to_thread(write, system.bootstrap, lambda: token, topic)
    assert refused == "TOPIC_AUTHORIZATION_FAILED"


async def test_the_end_of_a_subscription_ends_its_rights(stack: Stack, system: System):
    path = await system.subscribe()
    await system.ready(path)
    etag = (await system.client.ask("GET", path)).headers["ETag"]
    await system.client.ask("DELETE", path, headers={"If-Match": etag})
    await eventually(lambda: sees_nothing(system), "the topics are out of sight", timeout=60)
    admin = administrator(stack)
    assert admin.rights(await system.user()) == set()
    topic = mailbox_topic(system.id)
    await eventually(lambda: topic not in admin.topics(), "the topic is gone", timeout=60)

    await system.ready(await system.subscribe())
    assert await seen(system) == {mailbox_topic(system.id), "lienthong.agencies.v1"}


async def test_a_revoked_system_reads_nothing_more_within_a_minute(system: System):
    kafka = await system.ready(await system.subscribe())
    token, began = await system.client.token(), list[float]()

    def read_on() -> str:
        group = f"{kafka['group_prefix']}open"
        with consuming(system.bootstrap, lambda: token, group, kafka["agencies_topic"]) as open_one:
            next_record(open_one)
            began.append(time.monotonic())
            try:
                while True:
                    next_record(open_one, seconds=60)
            except RefusedError as refused:
                return refused.code

    async def revoke() -> float:
        await eventually(lambda: began, "the session reads", timeout=60)
        await system.change("DELETE")
        return time.monotonic()

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        reading = group.create_task(asyncio.to_thread(read_on))
        revoking = group.create_task(revoke())
    took = time.monotonic() - revoking.result()
    assert reading.result() in {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}
    print(f"revoked: the open session was refused after {took:.1f} s")  # noqa: T201
    # The token itself is good until it ends; its bearer comes in and may do nothing.
    assert await asyncio.to_thread(visible, system.bootstrap, token) == set()


async def test_a_system_that_may_not_receive_any_more_loses_its_rights(system: System):
    await system.ready(await system.subscribe())
    await system.client.token()
    await system.change("PATCH", body={"scopes": ["directory"]})
    await eventually(lambda: sees_nothing(system), "the topics are out of sight", timeout=60)


async def test_a_killed_provisioner_loses_nothing(stack: Stack, system: System):
    await stack.kill("provisioner", hold=True)
    path = await system.subscribe()
    try:
        assert (await stack.status())["provisioner"].startswith("held down")
        assert (await system.shown(path))["state"] == "pending"
    finally:
        await stack.start("provisioner")
    await system.ready(path)
    assert mailbox_topic(system.id) in await seen(system)

    before = stack.pid("provisioner")
    await stack.kill("provisioner")
    await stack.wait("provisioner")
    assert stack.pid("provisioner") not in {0, before}
    assert (await stack.status())["provisioner"] == "healthy"


async def test_without_notify_rights_are_taken_away_but_none_is_lost(
    stack: Stack, system: System, tmp_path: Path
):
    (tmp_path / "other").mkdir()
    async with registered(stack.folder.path, tmp_path / "other", "G22") as other:
        for subscriber in (system, other):
            await subscriber.ready(await subscriber.subscribe())
            assert mailbox_topic(subscriber.id) in await seen(subscriber)
        await stack.kill("notify", hold=True)
        try:
            await stack.kill("provisioner")  # its next life knows no subscription
            await system.change("DELETE")
            await eventually(
                lambda: sees_nothing(system), "the revoked one sees nothing", timeout=60
            )
            assert mailbox_topic(other.id) in await seen(other)
            assert "notify" in (await stack.status())["provisioner"]
        finally:
            await stack.start("notify")
        await stack.wait("provisioner")
        assert mailbox_topic(other.id) in await seen(other)


async def test_a_wiped_kafka_has_topics_and_rights_of_subscribers_again(
    stack: Stack, system: System
):
    await system.ready(await system.subscribe())
    topic = mailbox_topic(system.id)
    await stack.kill("kafka", hold=True)
    try:
        shutil.rmtree(stack.kafka_logs)
    finally:
        await stack.start("kafka")

    async def again() -> bool:
        return topic in await seen(system)

    await eventually(again, f"{topic} is there and seen again", timeout=60, pause=1)
    user = await system.user()
    assert administrator(stack).rights(user) == reader_rights(user)


async def test_a_new_token_key_reaches_the_broker_without_a_restart(stack: Stack, system: System):
    run, broker = stack.folder.path, stack.pid("kafka")
    kid = rotate(run, "gateway").sha256[:32]

    def known() -> bool:
        return kid in (run / JWKS).read_text()

    await eventually(known, "the new key lies in the broker's file", timeout=60)
    # It signs ten minutes after it was published; here it does at once.
    private = read_folder(run / "pki" / "gateway")[kid].private
    issuer = str(ports(run)["gateway"])
    token = TokenKey(kid, private).token(system.id, iss=issuer)
    assert await admitted(system.bootstrap, token)
    assert await admitted(system.bootstrap, await system.client.token())
    assert stack.pid("kafka") == broker
