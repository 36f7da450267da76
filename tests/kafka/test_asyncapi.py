"""The AsyncAPI document: fresh, without findings, and what the broker really holds."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from infra.contracts.asyncapi import DOCUMENT, asyncapi_findings, document, live_differences, text
from infra.contracts.asyncapi_words import EXTENSIONS
from infra.kafka.admin import TopicSpec
from shared.events import ALL_EVENTS, DeliveryCleared
from shared.events.topics import TOPICS
from tests.kafka.conftest import Broker
from tests.shared.topics import delete_topic_of

pytestmark = pytest.mark.timeout(240)  # the first test starts a broker


def test_the_document_is_as_topics_and_events_say_now():
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "make routes writes it anew"


async def test_the_parser_finds_nothing():
    assert await asyncio.to_thread(asyncapi_findings) == []


@pytest.mark.parametrize("broken", ["$ref", "action", "no document"])
async def test_what_is_wrong_is_found(tmp_path: Path, broken: str):
    made = document()
    operation = made["operations"]["docs.send.documents.v1"]
    if broken == "$ref":
        operation["channel"]["$ref"] = "#/channels/nowhere"
    elif broken == "action":
        operation["action"] = "shout"
    file = tmp_path / "broken.json"
    file.write_text("[]" if broken == "no document" else json.dumps(made))
    assert await asyncio.to_thread(asyncapi_findings, file) != []


def test_every_topic_and_event_is_in_it():
    made = document()
    addresses = {channel["address"] for channel in made["channels"].values()}
    for topic in TOPICS:
        assert {topic.name, topic.dead_letters} <= addresses
    assert "lienthong.mailbox.{system}.v1" in addresses
    assert made["components"]["messages"].keys() == {event.NAME for event in ALL_EVENTS}


def test_an_integrator_only_receives_and_only_its_mailbox_and_the_directory():
    made = document()
    theirs = [name for name in made["operations"] if name.startswith("integrator.")]
    assert sorted(theirs) == ["integrator.receive.agencies.v1", "integrator.receive.mailbox.v1"]
    open_to_them = {
        channel["address"]
        for channel in made["channels"].values()
        if {"$ref": "#/servers/integrators"} in channel["servers"]
    }
    assert open_to_them == {"lienthong.agencies.v1", "lienthong.mailbox.{system}.v1"}


def test_headers_of_an_event_beyond_those_of_all_are_told():
    event = DeliveryCleared(
        delivery_id=uuid4(),
        dispatch_id=uuid4(),
        document_id=uuid4(),
        agency_id=uuid4(),
        level="commune",
        lane="normal",
        sequence=1,
        previous_hash="",
        hash="",
        entry="",
    )
    assert {event.NAME: tuple(event.extensions())} == EXTENSIONS


async def test_the_broker_holds_what_is_described(broker: Broker):
    await broker.settled("sys-described")
    assert await asyncio.to_thread(live_differences, broker.admin) == []


async def test_what_the_broker_holds_otherwise_is_told(broker: Broker):
    admin = broker.admin
    await broker.settled("sys-odd")
    odd, receipts = "lienthong.mailbox.sys-odd.v1", "lienthong.receipts.v1"
    month = {"cleanup.policy": "delete", "retention.ms": "2592000000"}
    admin.make_topics([TopicSpec("lienthong.planted.v1", 1)])
    admin.make_topics([TopicSpec(odd, 2, {"retention.ms": "60000"})])
    admin.make_topics([TopicSpec(receipts, 4, {"cleanup.policy": "compact"})])
    try:
        told = await asyncio.to_thread(live_differences, admin)
    finally:
        admin.make_topics([TopicSpec(receipts, 4, month)])
        for planted in (odd, "lienthong.planted.v1"):
            delete_topic_of(admin, planted)
    assert told == [
        f"{odd} has 2 partitions, not 1",
        f"{odd}: retention.ms is 60000, not 1209600000",
        "lienthong.planted.v1 is not described",
        f"{receipts}: cleanup.policy is compact, not delete",
    ]


async def test_a_topic_that_is_gone_is_told(broker: Broker):
    missing = TOPICS[0].dead_letters
    delete_topic_of(broker.admin, missing)
    assert f"{missing} is missing" in await asyncio.to_thread(live_differences, broker.admin)
    kafka = broker.own.kafka
    await kafka.provision()
