"""The table of the README, step by step, on the running stack: what each step leaves behind."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from infra.client import Client
from infra.demo.count import chain_faults, read_mailbox
from infra.demo.inspect import receipt_faults
from infra.demo.plan import pages
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.database import rows
from tests.life.story import PROVINCE, Story

pytestmark = pytest.mark.stack


async def test_1_enter_the_gateway_counts_the_bytes_of_the_sender(
    stack: Stack, story: Story
) -> None:
    async def counted() -> bool:
        found = await rows(
            stack,
            "gateway",
            "select bytes_in from traffic where client_id = $1",
            "sys-g22",
        )
        return sum(row["bytes_in"] for row in found) >= len(story.letter.main)

    await eventually(counted, "the letter's bytes stand on the connection point of sys-g22")


async def test_2_accept_a_repeated_key_is_the_same_document(story: Story) -> None:
    assert story.draft.status == 201
    assert story.draft.headers["Location"] == f"/v1/documents/{story.document['id']}"
    assert story.draft_again.body == story.draft.body


async def test_2_accept_the_files_are_kept_by_the_digest_of_their_bytes(
    run: Path, story: Story
) -> None:
    digests = {a["role"]: a["sha256"] for a in story.document["attachments"]}
    assert digests == {
        "MAIN": hashlib.sha256(story.letter.main).hexdigest(),
        "ANNEX": hashlib.sha256(story.letter.annex).hexdigest(),
    }
    kept = {path.name for path in (run / "blobs").rglob("*") if path.is_file()}
    assert set(digests.values()) <= kept


async def test_4_dispatch_the_same_key_is_the_same_dispatch(story: Story) -> None:
    assert story.dispatch.status == 202
    assert story.dispatch_again.body == story.dispatch.body
    assert story.dispatch.json()["recipients"] == 2


async def test_4_dispatch_takes_its_turn_in_the_urgent_lane(stack: Stack, story: Story) -> None:
    assert story.dispatch.json()["lane"] == "urgent"
    found = await rows(
        stack,
        "docs",
        "select turn from dispatches where sender_code = 'G22' and lane = 'urgent' order by turn",
    )
    assert [row["turn"] for row in found] == list(range(1, len(found) + 1))


async def test_5_relay_each_event_is_marked_with_its_place_on_kafka(
    stack: Stack, story: Story
) -> None:
    found = await rows(
        stack,
        "docs",
        "select topic, partition, \"offset\" from outbox where convert_from(value, 'utf8') like $1"
        " and published_at is not null",
        f"%{story.dispatch_id}%",
    )
    topics = {row["topic"] for row in found if row["offset"] is not None}
    assert {
        "lienthong.documents.v1",
        "lienthong.deliveries.province.urgent.v1",
        "lienthong.deliveries.commune.urgent.v1",
    } <= topics


async def test_6_examine_each_file_has_its_verdict_with_evidence(
    stack: Stack, story: Story
) -> None:
    verdicts = {v["sha256"]: v["indication"] for v in story.arrived["verdicts"]}
    assert verdicts == {a["sha256"]: "TOTAL-PASSED" for a in story.document["attachments"]}
    found = await rows(
        stack,
        "docs",
        "select evidence_sha256 from verdicts where dispatch_id = $1",
        story.dispatch_id,
    )
    assert all(len(row["evidence_sha256"]) == 64 for row in found)


async def test_7_clear_every_recipient_has_a_number_and_a_hash(
    systems: Mapping[str, Client], story: Story
) -> None:
    matrix = await pages(systems["sys-g22"], f"/v1/dispatches/{story.dispatch_id}/deliveries?")
    assert {row["recipient"]["code"] for row in matrix} == set(story.received)
    assert all(row["sequence"] >= 1 and len(row["hash"]) == 64 for row in matrix)
    assert story.arrived["cleared_at"] > story.arrived["accepted_at"]


async def test_8_deliver_the_mailbox_is_gapless_and_chained_from_its_first_entry(
    systems: Mapping[str, Client], story: Story
) -> None:
    items = await read_mailbox(systems["sys-h14"], PROVINCE, "urgent")
    entries = [json.loads(item["entry"]) for item in items]
    province = UUID(entries[0]["to"]["id"])
    assert chain_faults(province, "urgent", items) == []
    assert [e["dispatch_id"] for e in entries].count(story.dispatch_id) == 1


async def test_8_deliver_the_entry_holds_no_subject_and_no_names(story: Story) -> None:
    entry = json.loads(story.received[PROVINCE].lease["delivery"]["entry"])
    assert set(entry) == {
        "delivery_id",
        "dispatch_id",
        "document_id",
        "code",
        "urgency",
        "from",
        "to",
        "files",
        "cleared_at",
    }


async def test_9_tell_the_recipient_reads_of_the_arrival_in_its_event_log(
    systems: Mapping[str, Client], story: Story
) -> None:
    delivery = story.received[PROVINCE].lease["delivery"]["delivery_id"]

    async def told() -> bool:
        events = (await systems["sys-h14"].ask("GET", "/v1/events?limit=500")).json()["items"]
        return any(event["subject"] == delivery for event in events)

    await eventually(told, "an event about the delivery")


async def test_10_receive_every_file_is_what_the_sender_signed(story: Story) -> None:
    sent = sorted([story.letter.main, story.letter.annex])
    for receiving in story.received.values():
        assert sorted(receiving.files.values()) == sent


async def test_10_receive_the_receipt_verifies_offline_and_names_entry_and_files(
    run: Path, story: Story
) -> None:
    receiving = story.received[story.commune]
    delivery = receiving.lease["delivery"]
    expected = {
        "delivery_id": delivery["delivery_id"],
        "document_id": story.document["id"],
        "code": story.letter.code,
        "client_id": "hub-h14-communes",
        "lane": "urgent",
        "sequence": delivery["sequence"],
        "hash": delivery["hash"],
    }
    receipt = receiving.acknowledged["receipt"]
    assert receipt_faults(receipt, run / "pki" / "root.pem", expected) is None
    assert receipt_faults(receipt, run / "pki" / "root.pem", {"lane": "normal"}) is not None


async def test_10_receive_a_repeated_acknowledgement_answers_the_same_receipt(
    story: Story,
) -> None:
    for receiving in story.received.values():
        assert receiving.repeated == receiving.acknowledged


async def test_11_report_the_sender_sees_each_recipient(story: Story) -> None:
    assert story.reported["state"] == "cleared"
    assert story.reported["counts"]["acknowledged"] == 2
    assert story.reported["by_level"]["province"]["acknowledged"] == 1
    assert story.reported["by_level"]["commune"]["acknowledged"] == 1


async def test_11_report_the_matrix_is_there_as_csv(
    systems: Mapping[str, Client], story: Story
) -> None:
    answer = await systems["sys-g22"].ask(
        "GET", f"/v1/dispatches/{story.dispatch_id}/deliveries", headers={"Accept": "text/csv"}
    )
    lines = answer.body.decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert sum("acknowledged" in line for line in lines[1:]) == 2
