"""Kafka mailboxes: every numbered event once, in order, to the systems that may, and no more."""

import json
import time
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import asyncpg
import pytest

from services.notify import subscribe
from services.notify.carry import Carrier
from services.notify.store import events, subscriptions
from services.notify.store.events import News
from services.notify.store.subscriptions import StoredSubscription
from shared.db import Connection
from shared.events import MailboxArrived, MailboxChanged
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox
from tests.notify.running import Running

HOME, NEIGHBOUR = "H14.03.05", "H14.03.06"
PREFIX = "lienthong.mailbox."


async def ready(notify: Running, system: str) -> StoredSubscription:
    """Give a system a ready subscription."""

    async def begin(conn: Connection) -> StoredSubscription:
        made = await subscriptions.begin(
            conn, uuid7(), client_id=system, kind="kafka", topic=f"{PREFIX}{system}.v1"
        )
        assert made is not None
        return await subscribe.make_ready(conn, made.id, "127.0.0.1:9093")

    return await notify.db.as_worker(begin)


async def rows(conn: Connection) -> list[asyncpg.Record]:
    """Return what waits for mailbox topics, in the order in which it goes out."""
    return await conn.fetch(
        "select topic, key, headers, value, event_id from outbox"
        " where topic like 'lienthong.mailbox.%' order by id"
    )


async def numbered(notify: Running) -> None:
    """Wait until every event has its number."""

    async def none() -> bool:
        return await notify.db.as_worker(events.count_unnumbered) == 0

    await eventually(none, "all events are numbered")


async def pushed(notify: Running) -> list[asyncpg.Record]:
    """Return what is on its way to mailbox topics once all is numbered."""
    await numbered(notify)
    return await notify.db.as_worker(rows)


@pytest.fixture
async def boxes(notify: Running) -> tuple[Mailbox, Mailbox]:
    """Two communes with systems of their own, and one system for both."""
    await notify.agency("G22")
    home, neighbour = await notify.agency(HOME), await notify.agency(NEIGHBOUR)
    await notify.system(HOME, NEIGHBOUR)
    return home, neighbour


def sequences(found: Sequence[asyncpg.Record], system: str, agency: UUID) -> list[int]:
    """Return the numbers of an agency's entries on a system's topic."""
    return [
        json.loads(row["value"])["sequence"]
        for row in found
        if (row["topic"], row["key"]) == (f"{PREFIX}{system}.v1", str(agency))
        and row["headers"]["ce_type"].endswith("mailbox.arrived.v1")
    ]


async def test_an_arrival_carries_what_the_chain_needs_and_nothing_of_people(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, _ = boxes
    await ready(notify, "sys-h14-03-05")
    entry = home.clear()
    await notify.deliver(entry)
    (row,) = await pushed(notify)
    event = MailboxArrived.model_validate_json(row["value"])
    assert (row["topic"], row["key"]) == (f"{PREFIX}sys-h14-03-05.v1", str(home.agency))
    assert (event.sequence, event.previous_hash, event.hash) == (1, "00" * 32, entry.hash)
    assert (event.sender, event.recipient, event.href) == (
        "G22",
        HOME,
        f"/v1/deliveries/{entry.delivery_id}",
    )
    headers = row["headers"]
    assert headers["ce_id"] == str(row["event_id"])
    assert headers["ce_subject"] == str(entry.delivery_id)
    assert headers["ce_dataref"] == f"/v1/deliveries/{entry.delivery_id}/package"


async def test_each_system_gets_its_own_agencies_in_their_order_and_once(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, neighbour = boxes
    await ready(notify, "sys-h14-03-05")
    await ready(notify, "sys-h14-03-05-h14-03-06")
    made = [*home.clear_many(30), *neighbour.clear_many(30)]
    for part in (made[:10], made[30:50], made[10:30], made[50:], made):  # the last: all again
        await notify.deliver(*part)
    found = await pushed(notify)
    for system, mine in (
        ("sys-h14-03-05", (home,)),
        ("sys-h14-03-05-h14-03-06", (home, neighbour)),
    ):
        for box in mine:
            assert sequences(found, system, box.agency) == list(range(1, 31))
    assert len(found) == 90


async def test_other_news_is_pushed_as_the_event_log_shows_it(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, _ = boxes
    await ready(notify, "sys-h14-03-05")
    subject = uuid7()
    news = News(home.agency, "dispatch.changed", subject, {"change": "held", "reason": None})
    await notify.db.as_worker(partial(events.put, news=[news]))
    (row,) = await pushed(notify)
    event = MailboxChanged.model_validate_json(row["value"])
    assert (event.event, event.subject, event.agency) == ("dispatch.changed", subject, HOME)
    assert event.detail == {"change": "held", "reason": None}


async def test_pushing_begins_where_the_answer_says(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, _ = boxes
    await notify.deliver(*home.clear_many(4))
    await numbered(notify)
    made = await ready(notify, "sys-h14-03-05")
    assert made.starts == ((home.agency, "normal", 4),)
    await notify.deliver(*home.clear_many(2))
    assert sequences(await pushed(notify), "sys-h14-03-05", home.agency) == [5, 6]


async def test_nothing_is_lost_between_starting_and_numbering(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    # While the subscription gets ready nothing is numbered: what comes in between is pushed.
    home, _ = boxes

    async def begin(conn: Connection) -> StoredSubscription:
        made = await subscriptions.begin(
            conn, uuid7(), client_id="sys-h14-03-05", kind="kafka", topic=f"{PREFIX}x.v1"
        )
        assert made is not None
        found = await subscribe.make_ready(conn, made.id, "127.0.0.1:9093")
        await notify.deliver(*home.clear_many(2))
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert await notify.db.as_worker(events.count_unnumbered) == 2
        return found

    made = await notify.db.as_worker(begin)
    assert made.starts == ()
    assert sequences(await pushed(notify), "sys-h14-03-05", home.agency) == [1, 2]


@pytest.mark.parametrize(
    "change",
    ["state = 'revoked'", "agencies = '{H14.03.06}'", "scopes = '{documents.send}'"],
    ids=["revoked", "narrowed", "no scope"],
)
async def test_a_system_that_may_not_gets_nothing_more(
    notify: Running, boxes: tuple[Mailbox, Mailbox], change: str
):
    home, neighbour = boxes
    system = "sys-h14-03-05-h14-03-06"
    await ready(notify, system)
    await notify.deliver(home.clear(), neighbour.clear())
    assert len(await pushed(notify)) == 2

    async def lose(conn: Connection) -> None:
        await conn.execute(
            f"update known_clients set {change}, version = version + 1"  # noqa: S608 (fixed)
            " where client_id = $1",
            system,
        )

    await notify.db.as_worker(lose)
    await notify.deliver(home.clear(), neighbour.clear())
    found = await pushed(notify)
    assert sequences(found, system, home.agency) == [1]
    still = [1, 2] if "agencies" in change else [1]
    assert sequences(found, system, neighbour.agency) == still


async def test_a_successor_hears_of_the_agency_that_it_succeeds(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, neighbour = boxes
    await ready(notify, "sys-h14-03-05")
    await notify.change_agency(neighbour.agency, NEIGHBOUR, closed_into=[home.agency])
    await notify.deliver(neighbour.clear())
    assert sequences(await pushed(notify), "sys-h14-03-05", neighbour.agency) == [1]


async def test_an_arrival_has_the_same_id_after_a_restore(
    notify: Running, boxes: tuple[Mailbox, Mailbox]
):
    home, _ = boxes
    await ready(notify, "sys-h14-03-05")
    entry = home.clear()
    await notify.deliver(entry)
    (before,) = await pushed(notify)

    async def restore(conn: Connection) -> None:
        for table in ("entries", "lanes", "waiting", "events", "event_heads", "outbox"):
            await conn.execute(f"delete from {table}")  # noqa: S608 (fixed names)
        await conn.execute("update service_state set epoch = gen_random_uuid()")

    await notify.db.as_worker(restore)
    await notify.deliver(entry)

    async def again() -> bool:
        return bool(await notify.db.as_worker(rows))

    await eventually(again, "the entry is pushed again")
    (after,) = await pushed(notify)
    assert (after["event_id"], after["value"] != b"") == (before["event_id"], True)


async def test_without_subscribers_one_look_is_all(notify: Running):
    asked: list[str] = []

    async def watched(conn: Connection) -> int:
        conn.add_query_logger(lambda record: asked.append(record.query))
        return await Carrier().carry(conn, past=0)

    assert await notify.db.as_worker(watched) == 0
    assert len([one for one in asked if " from " in one]) == 1, asked
