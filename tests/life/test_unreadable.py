"""A delivery event that nobody can read: an operator sees it, it is in the way of no other lane."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from infra.client import Client, ports
from infra.demo.plan import Plan, next_number, pages
from infra.demo.send import send, write_letter
from infra.stack.folder import TREE
from shared.events import DeliveryCleared
from shared.events.topics import deliveries_topic
from shared.kafka import ID_HEADER, TYPE_HEADER, KafkaAccess, Message
from shared.kafka.producer import Producer
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack, backing_of
from tests.life.story import HUB, reach

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

LANE = "urgent"
TOPIC = deliveries_topic("commune", LANE)
VISIBLE_S = 10
"""Promised: so soon an operator sees it."""


async def test_an_unreadable_event_is_shown_and_holds_up_no_other_and_nothing_is_dropped(
    stack: Stack, run: Path, systems: Mapping[str, Client]
) -> None:
    sender, hub = systems["sys-g22"], systems[HUB]
    commune, *others = hub.access.agencies
    last = max([0, *(number for number, _ in await entries(hub, commune))])
    before, gauge = await parked(run), await gauge_of(run)

    await write_unreadable(stack, await id_of(sender, commune), last + 1)

    async def shown() -> list[str]:
        return [name for name in await parked(run) if name not in before]

    (poison,) = await eventually(shown, "`make parked` shows it", timeout=VISIBLE_S)
    assert await gauge_of(run) == gauge + 1

    # Others' copies go by, on the same partition too: one topic has far fewer than there are.
    to_others = await send_to(run, sender, others)
    await reach(sender, to_others, "available", "acknowledged", recipients=len(others))
    assert await shown() == [poison]

    # The lane itself waits for nobody: what its log withholds is fetched from docs.
    first = await send_to(run, sender, [commune])
    await reach(sender, first, "available", "acknowledged", recipients=1)
    behind = [name for name in await eventually(shown, "it waits behind") if name != poison]
    assert await gauge_of(run) == gauge + 1 + len(behind)
    assert len(behind) == 1

    await operate(run, "--release", poison)

    async def none_shown() -> bool:
        return not await shown()

    await eventually(none_shown, "what is released, and what waits behind it, is done")
    second = await send_to(run, sender, [commune])
    await reach(sender, second, "available", "acknowledged", recipients=1)
    assert [
        (number, f"/v1/dispatches/{dispatch}")
        for number, dispatch in await entries(hub, commune, after=last)
    ] == [(last + 1, first), (last + 2, second)]


async def write_unreadable(stack: Stack, agency: str, number: int) -> None:
    """Write, with the rights of docs, the record of an agency's next entry, but no event in it."""
    backing = backing_of(stack.folder)
    login = backing.login("docs")
    producer = Producer(KafkaAccess(backing.kafka_bootstrap, login.user, login.password))
    headers = {
        TYPE_HEADER: DeliveryCleared.ce_type(),
        ID_HEADER: str(uuid4()),
        "lienthong_agency": agency,
        "lienthong_lane": LANE,
        "lienthong_sequence": str(number),
    }
    await producer.start()
    try:
        await producer.learn(TOPIC)
        place = TOPIC, producer.partition(TOPIC, agency)
        written, _ = await producer.begin(place, [Message(agency, headers, b"\xff no event")])
        await written
    finally:
        await producer.discard()


async def parked(run: Path) -> list[str]:
    """Return the names of what `make parked` shows of the topic."""
    return re.findall(rf"^(\S+)  \S+  {re.escape(TOPIC)}  ", await operate(run), re.MULTILINE)


async def operate(run: Path, *words: str) -> str:
    """Do what an operator does from the command line; return what is printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "infra.operate", *words],
        cwd=TREE,
        env={**os.environ, "LIENTHONG_RUN": str(run)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


async def gauge_of(run: Path) -> float:
    """Return how much notify's metrics say is parked."""
    async with aiohttp.ClientSession() as session:
        (address,) = ports(run)["metrics"]["notify"]
        async with session.get(f"{address}/metrics") as answer:
            text = await answer.text()
    (said,) = re.findall(r"^lienthong_parked (\S+)$", text, re.MULTILINE)
    return float(said)


async def id_of(client: Client, code: str) -> str:
    """Return an agency's id."""
    (found,) = [one["id"] for one in await pages(client, "/v1/agencies?") if one["code"] == code]
    return str(found)


async def entries(hub: Client, agency: str, after: int = 0) -> list[tuple[int, str]]:
    """Return number and dispatch of each entry of a mailbox's lane past a number."""
    found: list[tuple[int, str]] = []
    while True:
        last = found[-1][0] if found else after
        path = f"/v1/inbox?lane={LANE}&after={last}&limit=500"
        items = (await hub.ask("GET", path, acting=agency)).json()["items"]
        if not items:
            return found
        found += [(item["sequence"], json.loads(item["entry"])["dispatch_id"]) for item in items]


async def send_to(run: Path, sender: Client, codes: Sequence[str]) -> str:
    """Send an urgent letter; return where its dispatch is asked for."""
    plan = Plan(tuple({"agency": code} for code in codes), len(codes), ())
    letter = await asyncio.to_thread(write_letter, run, await next_number(sender), plan)
    return f"/v1/dispatches/{(await send(sender, letter)).dispatch}"
