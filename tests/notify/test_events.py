"""Events per agency: numbered without gaps by whoever may, followed by cursor."""

import asyncio
import time
from functools import partial
from uuid import UUID

from services.notify import push
from services.notify.store import events
from services.notify.store.events import News
from shared.db import Connection
from shared.events import DispatchChanged
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import SENDER, SENDER_CODE, Mailbox, record
from tests.notify.running import Running


async def read(notify: Running, *codes: str, after: str = "") -> tuple[list[str], str]:
    """Return the subjects of the events after a cursor, and the next cursor."""
    address = "/v1/events" + (f"?after={after}" if after else "")
    page = (await notify.client.get(address, headers=notify.headers(*codes))).json()
    return [event["subject"] for event in page["items"]], page["next"]


async def test_a_recipient_is_told_of_what_arrives_in_order(notify: Running, mailbox: Mailbox):
    expected = [str(one.delivery_id) for one in mailbox.made]

    async def told() -> bool:
        return (await read(notify, mailbox.code))[0] == expected

    await eventually(told, "the events are numbered")
    _, cursor = await read(notify, mailbox.code)
    assert cursor.endswith(".3")
    assert await read(notify, mailbox.code, after=cursor) == ([], cursor)
    assert (await read(notify, "G22"))[0] == []


async def test_a_sender_is_told_what_became_of_its_dispatch(notify: Running, mailbox: Mailbox):
    changed = DispatchChanged(
        dispatch_id=uuid7(),
        document_id=uuid7(),
        sender_id=SENDER,
        change="recipient_failed",
        reason="DLV-4101",
        recipient_id=mailbox.agency,
        successors=(uuid7(),),
    )
    await notify.db.as_worker(lambda conn: push.tell_sender(conn, changed, record(mailbox.made[0])))

    async def told() -> list[dict[str, object]]:
        answer = await notify.client.get("/v1/events", headers=notify.headers(SENDER_CODE))
        return answer.json()["items"]

    await eventually(told, "the sender is told")
    (event,) = await told()
    assert event["type"] == "dispatch.changed"
    assert (event["change"], event["reason"]) == ("recipient_failed", "DLV-4101")
    assert event["successors"] == [str(changed.successors[0])]


async def test_a_recipient_that_holds_a_copy_is_told_of_its_withdrawal(
    notify: Running, mailbox: Mailbox
):
    changed = DispatchChanged(
        dispatch_id=uuid7(),
        document_id=uuid7(),
        sender_id=SENDER,
        change="withdrawn",
        reason="SIG-4221",
        recipient_id=mailbox.agency,
    )
    await notify.db.as_worker(lambda conn: push.tell_sender(conn, changed, record(mailbox.made[0])))

    async def told() -> bool:
        answer = await notify.client.get("/v1/events", headers=notify.headers(mailbox.code))
        kinds = [one["type"] for one in answer.json()["items"]]
        return kinds == [*["delivery.arrived"] * 3, "dispatch.changed"]

    await eventually(told, "the recipient is told")
    assert (await read(notify, SENDER_CODE))[0] == []


async def put_25(notify: Running, box: Mailbox) -> None:
    """Put events down, each in a transaction of its own."""
    for _ in range(25):
        news = News(box.agency, "delivery.arrived", uuid7(), {"n": 1})
        await notify.db.as_worker(partial(events.put, news=[news]))


async def number_until(notify: Running, done: asyncio.Event) -> None:
    """Number as one more instance does."""
    more, teller = True, push.Teller(notify.db, notify.ears)
    while more or not done.is_set():
        more = await teller.tell()


async def numbers(conn: Connection) -> dict[UUID, list[int]]:
    """Return all numbers that were given, by agency."""
    rows = await conn.fetch(
        "select agency_id, array_agg(number order by number) as n from events group by 1"
    )
    return {row["agency_id"]: row["n"] for row in rows}


async def test_numbers_have_no_gaps_whoever_numbers(notify: Running):
    boxes = [await notify.agency(f"H14.03.{number:02}") for number in range(4)]
    done = asyncio.Event()
    async with asyncio.TaskGroup() as numbering:
        for _ in range(3):
            numbering.create_task(number_until(notify, done))
        async with asyncio.TaskGroup() as putting:
            for box in boxes:
                putting.create_task(put_25(notify, box))
        done.set()

    async def numbered() -> bool:
        return await notify.db.as_worker(events.count_unnumbered) == 0

    await eventually(numbered, "all events are numbered")
    found = await notify.db.as_worker(numbers)
    assert found == {box.agency: list(range(1, 26)) for box in boxes}


async def test_a_cursor_of_a_history_before_a_restore_is_gone(notify: Running, mailbox: Mailbox):
    async def three() -> bool:
        return len((await read(notify, mailbox.code))[0]) == 3

    await eventually(three, "the events are numbered")
    _, cursor = await read(notify, mailbox.code)

    async def restored(conn: Connection) -> None:
        await conn.execute("update service_state set epoch = gen_random_uuid()")

    await notify.db.as_worker(restored)
    for address, more in (
        (f"/v1/events?after={cursor}", {}),
        (f"/v1/events/stream?after={cursor}", {}),
        ("/v1/events/stream", {"Last-Event-ID": cursor}),
    ):
        headers = notify.headers(mailbox.code) | more
        answer = await notify.client.get(address, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (410, "REQ-4101")


async def test_an_odd_cursor_is_the_callers_mistake(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    answer = await notify.client.get("/v1/events?after=yesterday!", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/after")
    answer = await notify.client.get("/v1/inbox?cursor=yesterday!", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/cursor")


async def test_one_instance_numbers_at_a_time(notify: Running):
    # The lock lasts until the commit, so positions become visible in the order they were given.
    box = await notify.agency("H14.03.05")
    news = News(box.agency, "delivery.arrived", uuid7(), {})

    async def hold(conn: Connection) -> bool:
        assert await events.lock_numbering(conn)
        await notify.db.as_worker(partial(events.put, news=[news]))
        await push.Teller(notify.db, notify.ears).tell()
        return await events.any_unnumbered(conn)

    assert await notify.db.as_worker(hold)

    async def numbered() -> bool:
        return await notify.db.as_worker(events.count_unnumbered) == 0

    await eventually(numbered, "the event is numbered once the lock is free")


async def test_what_another_instance_numbers_wakes_the_waiting_here(notify: Running):
    box = await notify.agency("H14.03.05")
    with notify.ears.open([box.agency]) as ear:

        async def put_and_number(conn: Connection) -> None:
            await events.put(conn, [News(box.agency, "delivery.arrived", uuid7(), {})])
            assert await events.lock_numbering(conn)
            assert await events.number(conn, limit=10) == 1

        began = time.monotonic()
        await notify.db.as_worker(put_and_number)
        await ear.wait(10)
        assert time.monotonic() - began < 5
