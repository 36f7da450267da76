"""Acknowledgement: exact digests, one receipt for ever, and who may."""

import asyncio
from functools import partial

import asyncpg
import pytest
from cryptography import x509

from infra.receipts.checks import Trust, take_apart, verify
from services.notify.deliver import take_in
from services.notify.store import receipts
from shared.db import Connection
from shared.events import DeliveryAcknowledged
from shared.ids import DeliveryId, uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox, arrival, digests
from tests.notify.running import Running


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with one entry in its mailbox."""
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    await notify.deliver(box.clear())
    return box


def url(mailbox: Mailbox) -> str:
    """Return where the first entry is acknowledged."""
    return f"/v1/deliveries/{mailbox.made[0].delivery_id}/acknowledgement"


async def outbox_rows(conn: Connection) -> list[asyncpg.Record]:
    """Return what waits for the relay."""
    return await conn.fetch("select topic, value from outbox order by id")


async def test_fifty_at_once_get_one_receipt(notify: Running, mailbox: Mailbox):
    body = {"digests": digests(mailbox.made[0])}
    headers = notify.headers(mailbox.code)
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(notify.client.post(url(mailbox), json=body, headers=headers))
            for _ in range(50)
        ]
    assert {one.result().status_code for one in asked} == {200}
    assert len({one.result().content for one in asked}) == 1
    rows = await notify.db.as_worker(outbox_rows)
    (event,) = [DeliveryAcknowledged.model_validate_json(row["value"]) for row in rows]
    assert event.receipt == asked[0].result().json()["receipt"]


async def test_the_receipt_says_what_was_acknowledged_and_verifies(
    notify: Running, mailbox: Mailbox
):
    entry = mailbox.made[0]
    answer = await notify.client.post(
        url(mailbox), json={"digests": digests(entry)}, headers=notify.headers(mailbox.code)
    )
    root = x509.load_pem_x509_certificate((notify.pki / "root.pem").read_bytes())
    assert [one for one in verify(answer.text, Trust(root)) if one.failure is not None] == []
    claims = take_apart(answer.text).claims
    assert claims["hash"] == entry.hash
    assert (claims["lane"], claims["sequence"]) == ("normal", 1)
    assert claims["acted"]["code"] == claims["to"]["code"] == mailbox.code
    assert {file["id"]: file["sha256"] for file in claims["files"]} == digests(entry)


async def test_wrong_digests_change_nothing_and_are_named(notify: Running, mailbox: Mailbox):
    (file,) = digests(mailbox.made[0])
    stranger = str(uuid7())
    headers = notify.headers(mailbox.code)
    for wrong, pointers in (
        ({file: "0" * 64}, [f"/digests/{file}"]),
        ({stranger: "0" * 64}, [f"/digests/{file}", f"/digests/{stranger}"]),
        (digests(mailbox.made[0]) | {stranger: "0" * 64}, [f"/digests/{stranger}"]),
    ):
        answer = await notify.client.post(url(mailbox), json={"digests": wrong}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "DLV-4221")
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert await notify.db.as_worker(outbox_rows) == []
    page = (await notify.client.get("/v1/inbox?lane=normal", headers=headers)).json()
    assert page["items"][0]["state"] == "available"


async def test_wrong_digests_after_the_receipt_are_still_wrong(notify: Running, mailbox: Mailbox):
    headers, right = notify.headers(mailbox.code), digests(mailbox.made[0])
    good = await notify.client.post(url(mailbox), json={"digests": right}, headers=headers)
    wrong = dict.fromkeys(right, "0" * 64)
    bad = await notify.client.post(url(mailbox), json={"digests": wrong}, headers=headers)
    again = await notify.client.post(url(mailbox), json={"digests": right}, headers=headers)
    assert (bad.status_code, again.content) == (422, good.content)


async def test_a_foreign_delivery_looks_like_none(notify: Running, mailbox: Mailbox):
    await notify.agency("H14.03.06")
    entry = mailbox.made[0]
    for code in ("H14.03.06", "G22"):  # a neighbour, and the sender itself
        headers = notify.headers(code)
        foreign = await notify.client.post(
            url(mailbox), json={"digests": digests(entry)}, headers=headers
        )
        absent = await notify.client.post(
            f"/v1/deliveries/{uuid7()}/acknowledgement",
            json={"digests": digests(entry)},
            headers=headers,
        )
        assert foreign.status_code == absent.status_code == 404
        same = {"instance", "trace_id"}
        assert {k: v for k, v in foreign.json().items() if k not in same} == {
            k: v for k, v in absent.json().items() if k not in same
        }


async def test_both_sides_read_the_receipt_and_nobody_else(notify: Running, mailbox: Mailbox):
    await notify.agency("H14.03.06")
    receipt = url(mailbox).replace("acknowledgement", "receipt")
    before = await notify.client.get(receipt, headers=notify.headers("G22"))
    assert before.status_code == 404
    made = await notify.client.post(
        url(mailbox),
        json={"digests": digests(mailbox.made[0])},
        headers=notify.headers(mailbox.code),
    )
    for code, status in ((mailbox.code, 200), ("G22", 200), ("H14.03.06", 404)):
        answer = await notify.client.get(receipt, headers=notify.headers(code))
        assert answer.status_code == status
        assert (answer.content == made.content) == (status == 200)


async def test_a_system_of_several_agencies_names_the_one(notify: Running, mailbox: Mailbox):
    await notify.agency("H14.03.06")
    await notify.system(mailbox.code, "H14.03.06")
    headers = notify.headers(mailbox.code, "H14.03.06")
    body = {"digests": digests(mailbox.made[0])}
    answer = await notify.client.post(url(mailbox), json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "AUT-4001")
    wrong = {**headers, "On-Behalf-Of": "H14.03.06"}
    assert (await notify.client.post(url(mailbox), json=body, headers=wrong)).status_code == 404
    right = {**headers, "On-Behalf-Of": mailbox.code}
    assert (await notify.client.post(url(mailbox), json=body, headers=right)).status_code == 200


async def test_a_successor_acts_for_a_closed_agency_and_is_named(notify: Running, mailbox: Mailbox):
    heir = await notify.agency("H14.71")
    await notify.change_agency(mailbox.agency, mailbox.code, closed_into=[heir.agency])
    headers = notify.headers(heir.code)
    page = (await notify.client.get("/v1/inbox", headers=headers)).json()
    assert [item["agency"] for item in page["items"]] == [mailbox.code]
    answer = await notify.client.post(
        url(mailbox), json={"digests": digests(mailbox.made[0])}, headers=headers
    )
    claims = take_apart(answer.text).claims
    assert (claims["to"]["code"], claims["acted"]["code"]) == (mailbox.code, heir.code)


async def test_a_recovering_notify_signs_nothing(notify: Running, mailbox: Mailbox):
    async def restored(conn: Connection) -> None:
        await conn.execute("update service_state set recovering = true")

    await notify.db.as_worker(restored)
    answer = await notify.client.post(
        url(mailbox),
        json={"digests": digests(mailbox.made[0])},
        headers=notify.headers(mailbox.code),
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert await notify.db.as_worker(outbox_rows) == []


def receipt_of(box: Mailbox) -> receipts.StoredReceipt:
    """Return a receipt of an earlier life for the first entry of a mailbox."""
    first = arrival(box.made[0])
    return receipts.StoredReceipt(
        DeliveryId(first.entry.delivery_id),
        first.entry.dispatch_id,
        first.entry.document_id,
        box.agency,
        first.entry.sender_id,
        box.agency,
        acknowledged_at=first.content.cleared_at,
        receipt="the.old.bytes",
    )


async def test_a_receipt_that_came_back_first_leaves_nothing_waiting(notify: Running):
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    box.clear()
    assert await notify.db.as_worker(partial(receipts.keep, new=receipt_of(box)))
    await notify.deliver(box.made[0])
    headers = notify.headers(box.code)
    answer = await notify.client.post("/v1/inbox/leases", json={}, headers=headers)
    assert answer.json()["leases"] == []
    again = await notify.client.post(
        url(box), json={"digests": digests(box.made[0])}, headers=headers
    )
    assert again.json()["receipt"] == "the.old.bytes"


async def test_a_receipt_that_comes_back_while_its_entry_arrives_leaves_nothing_waiting(
    notify: Running,
):
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    box.clear()
    written, on = asyncio.Event(), asyncio.Event()

    async def arrives(conn: Connection) -> None:
        await take_in(conn, [arrival(box.made[0])], source="log")
        written.set()
        await on.wait()

    async def somebody_waits(conn: Connection) -> bool:
        return await conn.fetchval("select exists (select from pg_locks where not granted)")

    async with asyncio.TaskGroup() as group:
        group.create_task(notify.db.as_worker(arrives))
        await written.wait()
        assert await notify.db.as_worker(partial(receipts.keep, new=receipt_of(box)))
        group.create_task(notify.db.as_worker(receipts.end_waiting))
        await eventually(lambda: notify.db.look(somebody_waits), "the entry is waited for")
        on.set()
    answer = await notify.client.post("/v1/inbox/leases", json={}, headers=notify.headers(box.code))
    assert answer.json()["leases"] == []


async def test_the_sender_is_told_once(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    for _ in range(3):
        body = {"digests": digests(mailbox.made[0])}
        await notify.client.post(url(mailbox), json=body, headers=headers)

    async def told() -> list[str]:
        answer = await notify.client.get("/v1/events", headers=notify.headers("G22"))
        return [event["type"] for event in answer.json()["items"]]

    await eventually(told, "the sender is told")
    assert await told() == ["delivery.acknowledged"]
