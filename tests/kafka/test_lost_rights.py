"""What a system may not do any more, with the whole stack: keys, scopes and agencies it lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.kafka.admin import Admin
from infra.kafka.integrators import reader_rights
from shared.kafka import KafkaAccess, Message
from shared.kafka.producer import Producer
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.kafka.systems import System, registered
from tests.proof.access.integrator import RefusedError, admitted, consuming, next_record, visible

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.fixture
async def system(stack: Stack, tmp_path: Path) -> AsyncIterator[System]:
    """A new system that receives for two agencies."""
    async with registered(stack.folder.path, tmp_path, "G22", "H14") as system:
        yield system


async def fill(stack: Stack, topic: str, value: str) -> None:
    """Write a record as notify, but in no row of its outbox."""
    producer = Producer(
        KafkaAccess(str(stack.ports["kafka"]), "notify", stack.folder.secret("kafka-notify"))
    )
    await producer.start()
    try:
        batch, _ = await producer.begin((topic, 0), [Message("k", {}, value.encode())])
        await batch
    finally:
        await producer.discard()


def read_all(system: System, token: str, kafka: dict[str, str], group: str) -> list[str]:
    """Return what stands on a system's topic, for a group of its own. Raises RefusedError."""
    found: list[str] = []
    name = f"{kafka['group_prefix']}{group}"
    with consuming(system.bootstrap, lambda: token, name, kafka["topic"]) as consumer:
        found.append((next_record(consumer).value() or b"").decode())
        try:
            while True:
                found.append((next_record(consumer, seconds=3).value() or b"").decode())
        except TimeoutError:
            return found


async def refused(system: System, token: str, kafka: dict[str, str]) -> bool:
    """Say whether the bearer of a token sees nothing and is refused what it asks for."""
    if await asyncio.to_thread(visible, system.bootstrap, token):
        return False
    try:
        await asyncio.to_thread(read_all, system, token, kafka, "refused")
    except RefusedError as error:
        return error.code in {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}
    return False


async def test_a_token_got_by_a_lost_key_reads_nothing_while_a_new_one_does(
    stack: Stack, system: System
):
    kafka = await system.ready(await system.subscribe())
    lost, before = await system.client.token(), await system.user()
    await fill(stack, kafka["topic"], "hers")
    assert await asyncio.to_thread(read_all, system, lost, kafka, "before") == ["hers"]
    await system.change_key()
    async with asyncio.timeout(30):
        await eventually(lambda: refused(system, lost, kafka), "refused", timeout=30)
    new = await system.anew().token()

    async def seen() -> bool:
        return kafka["topic"] in await asyncio.to_thread(visible, system.bootstrap, new)

    await eventually(seen, "the new token sees the topic", timeout=30)
    assert await asyncio.to_thread(read_all, system, new, kafka, "after") == ["hers"]
    admin = Admin.of(str(stack.ports["kafka"]), stack.folder.secret)
    of_system = {right for right in admin.every_right() if right.user.startswith(system.id)}
    (after,) = {right.user for right in of_system}
    assert (after != before, of_system) == (True, reader_rights(after))


async def test_a_token_without_the_scope_to_receive_does_not_come_in(system: System):
    kafka = await system.ready(await system.subscribe())
    directory = await system.anew(scope="directory").token()
    receiving = await system.anew(scope="documents.receive").token()
    assert not await admitted(system.bootstrap, directory)
    assert kafka["topic"] in await asyncio.to_thread(visible, system.bootstrap, receiving)


async def test_what_was_pushed_for_an_agency_that_was_taken_away_is_gone(
    stack: Stack, system: System
):
    path = await system.subscribe()
    kafka = await system.ready(path)
    old = await system.client.token()
    await fill(stack, kafka["topic"], "of both agencies")
    assert await asyncio.to_thread(read_all, system, old, kafka, "main") == ["of both agencies"]
    await system.change("PATCH", body={"agencies": ["H14"]})
    system = System(system.anew(), system.registrar, system.run, system.session)

    async def ended() -> bool:
        return (await system.shown(path))["state"] == "ended"

    await eventually(ended, "the subscription has ended", timeout=30)
    assert (await system.shown(path))["ended_because"] == "agency_removed"
    new = await system.client.token()
    for token in (old, new):
        await eventually(lambda token=token: refused(system, token, kafka), "refused", timeout=30)
    kafka = await system.ready(await system.subscribe())
    await fill(stack, kafka["topic"], "of the one that is left")
    left = await asyncio.to_thread(read_all, system, new, kafka, "main")
    assert left == ["of the one that is left"]
    assert await refused(system, old, kafka)
