"""The live stream of events: cut, far behind, ended from here, left by its reader."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import pytest

from shared.db import Connection
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox
from tests.notify.running import Running
from tests.notify.test_events import put_25


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


async def test_a_stream_far_behind_has_everything_and_each_place_in_it(
    notify: Running, mailbox: Mailbox
):
    other = await notify.agency("H14.03.06")
    await notify.system(mailbox.code, other.code)
    for box in (mailbox, other):
        for _ in range(6):
            await put_25(notify, box)
    every = 2 * 150 + len(mailbox.made)
    seen, ids = list[str](), list[str]()
    while len(seen) < every:  # cut once in the middle of a page, far behind
        stop = 137 if len(seen) < 137 else every
        last = ids[-1] if ids else None
        async with (
            asyncio.timeout(20),
            stream(notify, mailbox.code, other.code, last=last) as arriving,
        ):
            async for event in arriving:
                if "id" in event:
                    ids.append(event["id"])
                    seen.append(json.loads(event["data"])["id"])
                if len(seen) == stop:
                    break
    assert len(set(seen)) == every
    assert len(set(ids)) == every


async def test_a_stream_ends_with_retry_when_the_process_ends(notify: Running, mailbox: Mailbox):
    async with asyncio.timeout(10), stream(notify, mailbox.code) as arriving:
        got: list[dict[str, str]] = []
        async for event in arriving:
            got.append(event)
            if len(got) == 4:
                notify.stop.set()
    assert [event.get("event") for event in got[1:4]] == ["delivery.arrived"] * 3
    assert got[-1] == {"retry": "1000"}


async def test_streams_that_wait_for_their_turn_end_with_the_process(
    notify: Running, mailbox: Mailbox
):
    system = "sys-" + mailbox.code.lower().replace(".", "-")
    async with asyncio.timeout(10), AsyncExitStack() as open_ones:
        async with notify.ears.behind.turn(system):  # nobody of this system reads on meanwhile
            streams = [
                await open_ones.enter_async_context(stream(notify, mailbox.code)) for _ in range(3)
            ]
            for arriving in streams:
                assert "retry" in await anext(arriving)
            notify.stop.set()
            await eventually(lambda: notify.ears.closed, "the process ends")
        for arriving in streams:
            assert [event async for event in arriving] == [{"retry": "1000"}]


async def test_a_stream_ends_when_its_system_is_revoked(notify: Running, mailbox: Mailbox):
    async with asyncio.timeout(20), stream(notify, mailbox.code) as arriving:
        assert "retry" in await anext(arriving)

        async def revoke(conn: Connection) -> None:
            await conn.execute("update known_clients set state = 'revoked'")

        await notify.db.as_worker(revoke)
        last = [event async for event in arriving][-1]
    assert last == {"retry": "1000"}


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
