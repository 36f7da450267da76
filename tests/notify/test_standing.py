"""Streams and long polls end with the right to them; a reader that does not read holds nothing."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import httpx2
import pytest

from services.notify.store import events
from services.notify.store.events import News
from shared.db import Connection
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox
from tests.notify.running import Running

CODE, OTHER = "H14.03.05", "H14.03.06"
SYSTEM = "sys-h14-03-05-h14-03-06"


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """Two communes with one system."""
    box = await notify.agency(CODE)
    await notify.agency(OTHER)
    await notify.system(CODE, OTHER)
    return box


async def change(notify: Running, what: str) -> None:
    """Change the system as a newer projection has it."""

    async def update(conn: Connection) -> None:
        await conn.execute(
            f"update known_clients set {what} where client_id = $1",  # noqa: S608 (fixed texts)
            SYSTEM,
        )

    await notify.db.as_worker(update)


LOSSES = {
    "revoked": "state = 'revoked'",
    "narrowed": "agencies = '{H14.03.06}'",
    "tokens refused": "not_before = now() + interval '1 hour'",
}


def losing(how: str) -> Callable[[Running], Awaitable[None]]:
    """Return what takes a right away."""
    return partial(change, what=LOSSES[how])


@pytest.mark.parametrize("how", LOSSES)
async def test_a_stream_ends_with_the_right_to_it(notify: Running, mailbox: Mailbox, how: str):
    headers = notify.headers(CODE, OTHER)
    async with asyncio.timeout(30):
        async with notify.client.stream("GET", "/v1/events/stream", headers=headers) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            await losing(how)(notify)
            rest = [line async for line in lines if line and not line.startswith(":")]
    assert rest == ["retry: 1000"]
    assert notify.ears.waiting(mailbox.agency) == 0


async def test_a_stream_ends_with_its_token(notify: Running, mailbox: Mailbox):
    token = notify.issuer.token(SYSTEM, [CODE, OTHER], seconds=3)
    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.timeout(30):
        async with notify.client.stream("GET", "/v1/events/stream", headers=headers) as answer:
            lines = [line async for line in answer.aiter_lines() if line[:1] not in {"", ":"}]
    assert lines == ["retry: 1000"] * 2
    assert notify.ears.waiting(mailbox.agency) == 0


@pytest.mark.parametrize(
    ("how", "status"), [("revoked", 401), ("narrowed", 200), ("tokens refused", 401)]
)
async def test_a_long_poll_ends_with_the_right_to_it(
    notify: Running, mailbox: Mailbox, how: str, status: int
):
    headers = notify.headers(CODE, OTHER)

    async def poll() -> httpx2.Response:
        return await notify.client.post("/v1/inbox/leases", json={"wait": "PT30S"}, headers=headers)

    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        asked = group.create_task(poll())
        await eventually(lambda: notify.ears.waiting(mailbox.agency), "the poll waits")
        await losing(how)(notify)
        answer = await asked
    assert answer.status_code == status
    assert answer.json().get("leases", []) == []


async def test_a_lost_right_takes_nothing_with_it(notify: Running, mailbox: Mailbox):
    # What arrives while the right is already gone is not handed out to who waited before.
    headers = notify.headers(CODE, OTHER)
    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        asked = group.create_task(
            notify.client.post("/v1/inbox/leases", json={"wait": "PT30S"}, headers=headers)
        )
        await eventually(lambda: notify.ears.waiting(mailbox.agency), "the poll waits")
        await losing("narrowed")(notify)
        await asyncio.sleep(2.1)  # as long as a standing is believed
        await notify.deliver(mailbox.clear())
        answer = await asked
    assert answer.json() == {"leases": []}
    own = await notify.client.post("/v1/inbox/leases", json={}, headers=notify.headers(CODE))
    assert [one["attempt"] for one in own.json()["leases"]] == [1]


async def test_a_reader_that_does_not_read_is_left(notify: Running, mailbox: Mailbox):
    notify.ears.patience = 0.5
    big = {"text": "x" * 50_000}
    for _ in range(6):
        news = [News(mailbox.agency, "delivery.arrived", uuid7(), big) for _ in range(50)]
        await notify.db.as_worker(partial(events.put, news=news))
    token = notify.issuer.token("sys-h14-03-05", [CODE])
    url = notify.client.base_url
    with socket.create_connection((url.host, url.port or 0)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = (
            f"GET /v1/events/stream HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        line.sendall(request.encode())

        async def open_() -> bool:
            return notify.ears.waiting(mailbox.agency) == 1

        await eventually(open_, "the stream is open")
        await eventually(
            lambda: notify.ears.waiting(mailbox.agency) == 0, "it is not held", timeout=20
        )


async def test_a_token_of_200_agencies_with_predecessors_reads_by_cursor(notify: Running):
    await notify.agency("G22")
    codes = [f"H14.{number:03}" for number in range(200)]
    boxes = [await notify.agency(code) for code in codes]
    await notify.system(*codes)
    for number, box in enumerate(boxes[:100]):
        await notify.change_agency(uuid7(), f"H15.{number:03}", closed_into=[box.agency])
    await notify.deliver(*(box.clear() for box in boxes))
    token = notify.issuer.token("sys-" + "-".join(codes).lower().replace(".", "-"), codes)
    headers = {"Authorization": f"Bearer {token}"}
    seen, cursor = set[str](), ""
    while True:
        query = f"limit=150{cursor and f'&cursor={cursor}'}"
        page = await notify.client.get(f"/v1/inbox?{query}", headers=headers)
        assert page.status_code == 200, page.text
        items, cursor = page.json()["items"], page.json()["next_cursor"]
        if not items:
            break
        seen |= {one["delivery_id"] for one in items}
    assert seen == {str(box.made[0].delivery_id) for box in boxes}
    logs = await notify.client.get("/v1/events?limit=150", headers=headers)
    again = await notify.client.get(f"/v1/events?after={logs.json()['next']}", headers=headers)
    assert again.status_code == 200


async def test_a_cursor_beyond_the_log_is_none_of_ours(notify: Running, mailbox: Mailbox):
    await notify.deliver(*mailbox.clear_many(3))
    headers = notify.headers(CODE, OTHER) | {"On-Behalf-Of": CODE}

    async def read() -> str | None:
        page = (await notify.client.get("/v1/events", headers=headers)).json()
        return page["next"] if len(page["items"]) == 3 else None

    cursor = await eventually(read, "the events are numbered")
    ahead = cursor.removesuffix(".3") + ".4"
    for address in (f"/v1/events?after={ahead}", f"/v1/events/stream?after={ahead}"):
        answer = await notify.client.get(address, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4003")
        assert answer.json()["errors"][0]["pointer"] == "/after"
