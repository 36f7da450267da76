"""kill -9 on the processes of `make up` in the middle of a demo: the counts stay right."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.client import Client, Json
from infra.demo.plan import Plan, next_number
from infra.demo.send import send, write_letter
from shared.events.topics import SERVICES
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.running_demo import EVERYBODY_ONCE, run_demo
from tests.life.story import PROVINCE

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

SENT, ARRIVING = "accepted   202", "arrived    first"


async def test_an_undisturbed_demo_reaches_everybody(run: Path) -> None:
    outcome = await run_demo(run)
    assert outcome.counts() == EVERYBODY_ONCE, outcome.output
    assert int(outcome.figures["spans"]) > 172
    assert outcome.status == 0


@pytest.mark.parametrize("victim", ["docs", "kafka"])  # the proof kills each
async def test_a_part_killed_twice_in_mid_demo_changes_no_count(
    stack: Stack, run: Path, victim: str
) -> None:
    async def kill() -> None:
        await stack.kill(victim)

    outcome = await run_demo(run, {SENT: kill, ARRIVING: kill})

    assert outcome.counts() == EVERYBODY_ONCE, outcome.output
    assert outcome.status == 0


async def test_everything_killed_at_once_loses_nothing(stack: Stack, run: Path) -> None:
    async def power_cut() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in ("supervisor", "kafka", "postgres", *SERVICES):
                    group.create_task(stack.kill(part))
        finally:  # a failure here is not to fail all tests that come after
            await stack.up()

    outcome = await run_demo(run, {ARRIVING: power_cut})

    assert outcome.counts() == EVERYBODY_ONCE, outcome.output
    assert outcome.status == 0


async def test_two_instances_of_each_service_share_the_work_and_one_may_die(
    stack: Stack, run: Path
) -> None:
    async def kill() -> None:
        for service in SERVICES:
            await stack.kill(service)

    try:
        for service in SERVICES:
            await stack.scale(service, 2)
        outcome = await run_demo(run, {SENT: kill})
    finally:
        for service in SERVICES:
            await stack.scale(service, 1)

    assert outcome.counts() == EVERYBODY_ONCE, outcome.output


async def test_tracing_down_changes_nothing_else(stack: Stack, run: Path) -> None:
    await stack.kill("jaeger", hold=True)
    try:
        outcome = await run_demo(run)
    finally:
        await stack.start("jaeger")
    assert outcome.counts() == EVERYBODY_ONCE, outcome.output
    assert outcome.figures["spans"] == "0"
    assert outcome.status == 0


async def test_documents_are_accepted_while_kafka_is_down_and_arrive_when_it_is_back(
    stack: Stack, run: Path, systems: Mapping[str, Client]
) -> None:
    await stack.kill("kafka", hold=True)
    try:
        sent = [await send_one(run, systems["sys-g22"]) for _ in range(3)]
    finally:
        await stack.start("kafka")
    for dispatch in sent:
        await arrives(systems["sys-g22"], dispatch)


async def test_a_wiped_kafka_is_healed_and_everybody_is_reached(
    stack: Stack, run: Path, systems: Mapping[str, Client]
) -> None:
    before = await send_one(run, systems["sys-g22"])
    await stack.kill("kafka", hold=True)
    try:
        unsent = await send_one(run, systems["sys-g22"])
        shutil.rmtree(stack.kafka_logs)
    finally:
        await stack.start("kafka")

    await arrives(systems["sys-g22"], before)
    await arrives(systems["sys-g22"], unsent)
    outcome = await run_demo(run)
    assert outcome.counts() == EVERYBODY_ONCE, outcome.output


async def send_one(run: Path, sender: Client) -> str:
    """Send a letter to the province; returns its dispatch."""
    plan = Plan(({"agency": PROVINCE},), 1, ())
    letter = await asyncio.to_thread(write_letter, run, await next_number(sender), plan)
    return (await send(sender, letter)).dispatch


async def arrives(sender: Client, dispatch: str) -> Json:
    """Wait until a dispatch is in its one recipient's mailbox."""

    async def there() -> Json | None:
        seen = (await sender.ask("GET", f"/v1/dispatches/{dispatch}")).json()
        return seen if seen["counts"]["available"] + seen["counts"]["acknowledged"] else None

    return await eventually(there, f"{dispatch} is in its mailbox", timeout=60, pause=0.3)
