"""From the log into mailboxes: consumers, parking and receipts' recovery on the real Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.kafka.admin import Right
from services.notify import catchup, recover
from services.notify.deliver import Deliveries, miss, read, take_in
from services.notify.store import lanes, state
from shared import outbox, parking, telemetry
from shared.consumer import consume
from shared.db import Connection
from shared.events import DeliveryAcknowledged, DeliveryCleared, DeliveryStatusReported
from shared.internal import Internal
from shared.kafka import TRACE_HEADER, KafkaAccess
from tests.fixtures.database import access_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.notify.chains import Mailbox, digests, record
from tests.notify.peer import Docs, serve_docs
from tests.notify.running import Running

_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Line:
    """Notify reading a topic of its own on the real Kafka, and the docs that it asks."""

    notify: Running
    docs: Docs
    internal: Internal
    access: KafkaAccess
    topic: str

    async def send(self, events: Sequence[DeliveryCleared], *, garbled: bool = False) -> None:
        """Write entries to the topic, through the outbox and its relay."""

        async def put(conn: Connection) -> None:
            for event in events:
                one = record(event)
                await outbox.put_copy(
                    conn,
                    topic=self.topic,
                    key=one.key,
                    headers=one.headers,
                    value=b"\xff" if garbled else one.value,
                )

        await self.notify.db.as_worker(put)

    async def heads(self) -> dict[str, int]:
        """Return how far each lane has come, by agency."""
        found = await self.notify.db.as_worker(lanes.states)
        return {str(one.agency): one.sequence for one in found}

    async def parked(self) -> int:
        """Return how many records are parked."""
        return int(await parking.count(self.notify.db))


@pytest.fixture
async def line(notify: Running, backing: Backing) -> AsyncIterator[Line]:
    """Run relay and delivery consumer for the length of a test."""
    await notify.agency("G22")
    topic, access = backing.fresh_topic("notify", partitions=2), access_of(backing, "notify")
    backing.kafka_admin().grant(
        [Right("notify", "all", "group", "lienthong.notify.test.", prefixed=True)]
    )
    reading = consume(
        notify.db,
        access,
        service="notify",
        topics=[topic],
        handlers=[Deliveries()],
        inbox=False,
        parked=miss,
    )
    stop = asyncio.Event()
    (notify.pki / "unused.pem").write_bytes(next((notify.pki / "notify").iterdir()).read_bytes())
    async with AsyncExitStack() as opened:
        docs = await opened.enter_async_context(serve_docs())
        internal = await opened.enter_async_context(
            Internal.open(notify.settings, {"docs": docs.url})
        )
        group = await opened.enter_async_context(asyncio.TaskGroup())
        opened.callback(stop.set)
        for task in (outbox.relay(notify.db, access, service="notify"), reading):
            group.create_task(task(stop))
        yield Line(notify, docs, internal, access, topic)


async def test_a_dispatch_to_172_agencies_lands_at_once(line: Line):
    first = await line.notify.agency("H14")
    await line.send([first.clear()])
    await eventually(line.heads, "the line is warm")
    boxes = [await line.notify.agency(f"H14.{number:03}") for number in range(172)]
    events = [box.clear() for box in boxes]
    began = time.monotonic()
    await line.send(events)

    async def landed() -> bool:
        return len(await line.heads()) == 173

    await eventually(landed, "all entries are in their mailboxes", timeout=20)
    print(f"172 entries from outbox to mailboxes: {time.monotonic() - began:.2f} s")  # noqa: T201


async def test_an_unreadable_record_stops_no_lane_for_long(line: Line):
    box, other = await line.notify.agency("H14.03.05"), await line.notify.agency("H14.03.06")
    line.docs.boxes += [box, other]
    box.clear_many(3)
    other.clear_many(2)
    await line.send(box.made[:1])
    await line.send(box.made[1:2], garbled=True)
    await line.send([*box.made[2:], *other.made])

    async def parked() -> bool:
        return await line.parked() == 2 and (await line.heads()).get(str(other.agency)) == 2

    await eventually(parked, "the record and the one behind it are parked, the others go on")
    (behind,) = await line.notify.db.as_worker(partial(lanes.behind, limit=5))
    assert (behind.agency, behind.sequence, behind.behind) == (box.agency, 1, 3)
    while await catchup.catch_up(line.notify.db, line.internal):
        pass
    assert (await line.heads())[str(box.agency)] == 3

    client, operator = line.notify.client, line.notify.headers("G22", scope="operator")
    shown = (await client.get("/v1/parked/notify", headers=operator)).json()["items"]
    assert [one["cause"] is None for one in shown] == [False, True]
    assert {one["key"] for one in shown} == {str(box.agency)}
    released = f"/v1/parked/notify/{shown[0]['id']}/release"
    refused = await client.post(released, headers=line.notify.headers("G22"))
    assert (await client.post(released, headers=operator)).status_code == 202
    assert refused.status_code == 403

    async def quiet() -> bool:
        return await line.parked() == 0

    await eventually(quiet, "nothing is parked any more")


async def test_a_number_that_is_none_is_parked_and_stops_no_other(line: Line):
    box, other = await line.notify.agency("H14.03.05"), await line.notify.agency("H14.03.06")
    one = record(box.clear())
    await line.notify.db.as_worker(
        partial(
            outbox.put_copy,
            topic=line.topic,
            key=one.key,
            headers={**one.headers, "lienthong_sequence": "9" * 4301},
            value=b"\xff",
        )
    )
    await line.send(other.clear_many(2))

    async def parked() -> bool:
        return await line.parked() == 1 and (await line.heads()).get(str(other.agency)) == 2

    await eventually(parked, "the record is parked, the others go on")


async def test_an_entry_has_one_span_however_often_its_record_is_read(
    notify: Running, spans: InMemorySpanExporter
):
    box = await notify.agency("H14.03.05")
    answered, sent = box.clear_many(2)
    take = partial(take_in, arrivals=[read(answered, None)], source="docs")
    await notify.db.as_worker(take)
    for event in (sent, sent, answered):
        one = record(event)
        records = [replace(one, headers={**one.headers, TRACE_HEADER: _PARENT})]
        await notify.db.as_worker(partial(Deliveries().together, records=records))
    done = [one for one in spans.get_finished_spans() if one.name == "deliver entry"]
    told = [(one.attributes or {})[telemetry.DELIVERY_ID] for one in done]
    assert told == [str(sent.delivery_id), str(answered.delivery_id)]


async def test_records_sent_again_have_no_second_effect(line: Line):
    box = await line.notify.agency("H14.03.05")
    for _ in range(3):
        await line.send(box.made or box.clear_many(20))

    async def all_read() -> bool:
        async def offsets(conn: Connection) -> int:
            return await conn.fetchval("select sum(next_offset) from offsets") or 0

        return await line.notify.db.as_worker(offsets) == 60

    await eventually(all_read, "all sixty records are read")
    page = await line.notify.client.get(
        "/v1/inbox?lane=normal&limit=100", headers=line.notify.headers(box.code)
    )
    assert [item["delivery_id"] for item in page.json()["items"]] == [
        str(one.delivery_id) for one in box.made
    ]


async def come_to_05(line: Line, entries: Sequence[DeliveryCleared], code: str) -> dict[str, str]:
    """Acknowledge deliveries and report 03 and 05 of each; return the receipts."""
    headers, held = line.notify.headers(code), dict[str, str]()
    for entry in entries:
        url = f"/v1/deliveries/{entry.delivery_id}"
        answer = await line.notify.client.post(
            f"{url}/acknowledgement", json={"digests": digests(entry)}, headers=headers
        )
        held[str(entry.delivery_id)] = answer.json()["receipt"]
        for status in ("03", "05"):
            told = await line.notify.client.post(
                f"{url}/statuses",
                json={"code": status, "note": "của người"},
                headers=headers | {"Idempotency-Key": status},
            )
            assert told.status_code == 201
    return held


async def test_a_restored_notify_has_its_receipts_and_statuses_back(line: Line):
    box = await line.notify.agency("H14.03.05")
    entries = box.clear_many(7)
    await line.notify.deliver(*entries)
    held = await come_to_05(line, entries, box.code)
    headers = line.notify.headers(box.code)

    async def published() -> bool:
        return await outbox.pending(line.notify.db) == 0

    await eventually(published, "receipts and statuses are on their topic")

    async def lose(conn: Connection) -> list[bytes]:
        rows = await conn.fetch("select value from outbox order by id")
        await conn.execute("delete from receipts")
        await conn.execute("delete from statuses")
        await conn.execute("update service_state set recovering = true")
        return [row["value"] for row in rows]

    sent = await line.notify.db.as_worker(lose)  # docs lacks the newest two deliveries
    line.docs.receipts = [DeliveryAcknowledged.model_validate_json(one) for one in sent[:15:3]]
    line.docs.statuses = [DeliveryStatusReported.model_validate_json(one) for one in sent[1:15:3]]
    await recover.recovery(line.notify.db, line.internal, line.access).due()
    assert not (await line.notify.db.as_worker(state.read)).recovering
    for delivery, receipt in held.items():
        again = await line.notify.client.get(f"/v1/deliveries/{delivery}/receipt", headers=headers)
        assert again.json()["receipt"] == receipt
        page = await line.notify.client.get(f"/v1/deliveries/{delivery}/statuses", headers=headers)
        found = [(one["step"], one["code"]) for one in page.json()["items"]]
        assert found == [(0, "01"), (1, "03"), (2, "05")]
    sender = await line.notify.client.get(
        f"/v1/deliveries/{entries[0].delivery_id}/receipt", headers=line.notify.headers("G22")
    )
    assert sender.status_code == 200


async def test_a_parked_record_that_names_no_number_is_said_and_no_more(line: Line):
    box: Mailbox = await line.notify.agency("H14.03.05")
    broken = record(box.clear())
    for headers in ({}, {**broken.headers, "lienthong_sequence": "9" * 30}):
        nameless = type(broken)(
            broken.topic, 0, 0, broken.key, headers, broken.value, broken.event_id
        )
        await line.notify.db.as_worker(partial(miss, record=nameless))
    assert await line.heads() == {}
