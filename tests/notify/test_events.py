"""Events per agency: numbered without gaps by whoever may, followed by cursor or stream."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import httpx2
import pytest

from services.notify import push
from services.notify.store import events
from services.notify.store.events import News
from shared.db import Connection
from shared.events import DispatchChanged
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import SENDER, SENDER_CODE, Mailbox, record
from tests.notify.running import Running


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with three events in its log."""
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    await notify.deliver(*box.clear_many(3))
    return box


async def read(notify: Running, *codes: str, after: str = "") -> tuple[list[str], str]:
    """Return the subjects of the events after a cursor, and the next cursor."""
    address = "/v1/events" + (f"?after={after}" if after else "")
    page = (await notify.client.get(address, headers=notify.headers(*codes))).json()
    return [event["subject"] for event in page["items"]], page["next"]


@asynccontextmanager
async def stream(
    notify: Running, *codes: str, last: str | None = None
) -> AsyncGenerator[AsyncIterator[dict[str, str]]]:
    """Open the live stream; yields its events as fields."""
    headers = notify.headers(*codes) | ({} if last is None else {"Last-Event-ID": last})
    async with notify.client.stream("GET", "/v1/events/stream", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield fields(answer)


async def fields(answer: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    """Take the lines of a stream apart into events."""
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line == "":
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


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


async def test_a_stream_that_is_cut_again_and_again_loses_nothing(
    notify: Running, mailbox: Mailbox
):
    other = await notify.agency("H14.03.06")
    await notify.system(mailbox.code, other.code)
    seen, last = list[str](), None
    expected = [str(one.delivery_id) for one in mailbox.made]
    while len(seen) < 30:
        async with (
            asyncio.timeout(20),
            stream(notify, mailbox.code, other.code, last=last) as arriving,
        ):
            if len(expected) < 30:
                late = [mailbox.clear(), other.clear(), mailbox.clear()]
                await notify.deliver(*late)
                expected += [str(one.delivery_id) for one in late]
            async for event in arriving:
                if "id" in event:
                    last = event["id"]
                    seen.append(json.loads(event["data"])["subject"])
                    if len(seen) % 2 == 0:
                        break  # cut in the middle of what is on its way
    assert Counter(seen) == Counter(expected)
    mine = {str(one.delivery_id) for one in mailbox.made}
    assert [one for one in seen if one in mine] == [str(one.delivery_id) for one in mailbox.made]


async def test_a_stream_ends_with_retry_when_the_process_ends(notify: Running, mailbox: Mailbox):
    async with asyncio.timeout(10), stream(notify, mailbox.code) as arriving:
        got: list[dict[str, str]] = []
        async for event in arriving:
            got.append(event)
            if len(got) == 4:
                notify.stop.set()
    assert [event.get("event") for event in got[1:4]] == ["delivery.arrived"] * 3
    assert got[-1] == {"retry": "1000"}


async def test_a_stream_ends_when_its_system_is_revoked(notify: Running, mailbox: Mailbox):
    async with asyncio.timeout(20), stream(notify, mailbox.code) as arriving:
        assert "retry" in await anext(arriving)

        async def revoke(conn: Connection) -> None:
            await conn.execute("update known_clients set state = 'revoked'")

        await notify.db.as_worker(revoke)
        last = [event async for event in arriving][-1]
    assert last == {"retry": "1000"}


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


async def test_readers_that_go_away_leave_nothing_behind(
    notify: Running, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
):
    await notify.deliver(*mailbox.clear_many(200))
    for _ in range(10):
        async with stream(notify, mailbox.code) as arriving:
            assert "retry" in await anext(arriving)

    def gone() -> bool:
        return notify.ears.waiting(mailbox.agency) == 0

    await eventually(gone, "no stream waits any more")
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


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
