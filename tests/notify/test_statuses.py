"""Statuses: allowed moves, one order for two at once, both sides' news, and who may."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import cast

import asyncpg
import httpx2
import pytest

from services.notify import status
from services.notify.store import statuses
from services.notify.store.statuses import StoredStatus
from shared.db import Connection
from shared.events import DeliveryStatusReported
from shared.ids import DeliveryId, uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox, digests
from tests.notify.running import Running

WORDS = {
    "arrival_number": "1234",
    "staff": {"name": "Nông Thị Hoa", "department": "Văn thư"},
    "note": "Vào sổ văn bản đến",
}
REOPEN = {"reopen": True}


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with one entry in its mailbox."""
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    await notify.deliver(box.clear())
    return box


def url(mailbox: Mailbox, *, of: int = 0) -> str:
    """Return where statuses of an entry are reported."""
    return f"/v1/deliveries/{mailbox.made[of].delivery_id}/statuses"


async def acknowledge(notify: Running, mailbox: Mailbox) -> None:
    """Confirm receipt of the first entry."""
    answer = await notify.client.post(
        url(mailbox).replace("statuses", "acknowledgement"),
        json={"digests": digests(mailbox.made[0])},
        headers=notify.headers(mailbox.code),
    )
    assert answer.status_code == 200


async def tell(
    notify: Running,
    mailbox: Mailbox,
    code: str,
    *,
    by: str = "",
    more: Mapping[str, object] = MappingProxyType({}),
) -> httpx2.Response:
    """Report a status."""
    headers = notify.headers(by or mailbox.code) | {"Idempotency-Key": str(uuid7())}
    return await notify.client.post(url(mailbox), json={"code": code} | dict(more), headers=headers)


async def stored(notify: Running, mailbox: Mailbox) -> list[StoredStatus]:
    """Return what was recorded of the first entry."""
    read = partial(
        statuses.history,
        delivery=DeliveryId(mailbox.made[0].delivery_id),
        visible=[mailbox.agency],
    )
    return await notify.db.as_worker(read)


async def sent(conn: Connection) -> list[asyncpg.Record]:
    """Return the status events that wait for the relay."""
    return await conn.fetch(
        "select topic, key, value from outbox where headers ->> 'ce_type' like '%status%'"
        " order by id"
    )


def test_every_code_of_the_line_has_its_moves():
    assert set(status.MOVES) == {"01", "02", "03", "04", "05", "06"}
    assert {code for moves in status.MOVES.values() for code in moves} == set(status.MOVES) - {"01"}
    assert [code for code, moves in status.MOVES.items() if not moves] == ["02", "06"]


@pytest.mark.parametrize(
    "codes", [["02"], ["03", "04", "05", "06"], ["03", "05", "06"], ["03", "04", "06"]]
)
async def test_a_line_of_statuses_is_recorded_step_by_step(
    notify: Running, mailbox: Mailbox, codes: list[str]
):
    await acknowledge(notify, mailbox)
    for code in codes:
        answer = await tell(notify, mailbox, code, more=WORDS)
        assert (answer.status_code, answer.json()["code"]) == (201, code)
        assert answer.headers["Location"] == url(mailbox)
    steps = [(one.step, one.code) for one in await stored(notify, mailbox)]
    assert steps == list(enumerate(codes, start=1))


@pytest.mark.parametrize(
    "case",
    [
        ([], "04", {}, ["02", "03"]),
        ([], "05", REOPEN, ["02", "03"]),
        (["03"], "03", {}, ["04", "05"]),
        (["03"], "02", {}, ["04", "05"]),
        (["03"], "06", {}, ["04", "05"]),
        (["03", "05"], "04", {}, ["06"]),
        (["02"], "03", {}, []),
        (["03", "05", "06"], "05", {}, []),
        (["03", "05", "06"], "04", REOPEN, []),
    ],
)
async def test_a_step_that_is_none_is_refused_with_those_that_are(
    notify: Running, mailbox: Mailbox, case: tuple[list[str], str, Mapping[str, bool], list[str]]
):
    before, code, more, allowed = case
    await acknowledge(notify, mailbox)
    for one in before:
        assert (await tell(notify, mailbox, one)).status_code == 201
    answer = await tell(notify, mailbox, code, more=more)
    assert (answer.status_code, answer.json()["code"]) == (409, "DLV-4094")
    assert answer.json()["allowed"] == allowed
    assert answer.json()["errors"][0]["pointer"] == "/code"
    assert len(await stored(notify, mailbox)) == len(before)


async def test_an_end_by_mistake_is_reopened(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)
    for code in ("03", "05", "06"):
        await tell(notify, mailbox, code)
    again = await tell(notify, mailbox, "05", more=REOPEN)
    assert (again.status_code, again.json()["step"], again.json()["allowed"]) == (201, 4, ["06"])
    assert (await tell(notify, mailbox, "06")).status_code == 201


async def test_nothing_is_reported_before_the_acknowledgement(notify: Running, mailbox: Mailbox):
    answer = await tell(notify, mailbox, "03")
    assert (answer.status_code, answer.json()["code"]) == (409, "DLV-4095")
    assert "acknowledgement" in answer.json()["hint"]
    read = await notify.client.get(url(mailbox), headers=notify.headers(mailbox.code))
    assert (read.status_code, read.json()["code"]) == (409, "DLV-4095")
    assert (await notify.client.get(url(mailbox), headers=notify.headers("G22"))).status_code == 404


async def test_two_at_once_make_one_order_without_gaps(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)
    codes = ["03"] * 6 + ["04"] * 6 + ["05"] * 6 + ["06"] * 6
    while "06" not in [one.code for one in await stored(notify, mailbox)]:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(tell(notify, mailbox, code)) for code in codes]
        assert {one.result().status_code for one in asked} <= {201, 409}
    found = await stored(notify, mailbox)
    assert [one.step for one in found] == list(range(1, len(found) + 1))
    line = ["01", *(one.code for one in found)]
    for before, after in pairwise(line):
        assert after in status.MOVES[before]
    events = await notify.db.as_worker(sent)
    assert [json.loads(row["value"])["step"] for row in events] == [one.step for one in found]


async def test_a_repeated_key_reports_once(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)
    headers = notify.headers(mailbox.code) | {"Idempotency-Key": "one"}
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(
                notify.client.post(url(mailbox), json={"code": "03"}, headers=headers)
            )
            for _ in range(10)
        ]
    assert {one.result().status_code for one in asked} == {201}
    assert len({one.result().content for one in asked}) == 1
    assert len(await stored(notify, mailbox)) == 1
    other = await notify.client.post(url(mailbox), json={"code": "04"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "REQ-4222")
    missing = await notify.client.post(
        url(mailbox), json={"code": "04"}, headers=notify.headers(mailbox.code)
    )
    assert (missing.status_code, missing.json()["code"]) == (400, "REQ-4002")


async def test_both_sides_read_the_history_with_its_words(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)
    await tell(notify, mailbox, "03", more=WORDS)
    for code in (mailbox.code, "G22"):
        page = (await notify.client.get(url(mailbox), headers=notify.headers(code))).json()
        arrived, taken = page["items"]
        assert (page["current"], page["allowed"]) == ("03", ["04", "05"])
        assert (arrived["step"], arrived["code"]) == (0, "01")
        assert {name: taken[name] for name in WORDS} == WORDS
        assert taken["acted"] == mailbox.code
        assert taken["title"] == "Tiếp nhận, vào sổ văn bản đến"


async def test_no_words_of_people_leave_by_events(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)
    await tell(notify, mailbox, "03", more=WORDS)
    (row,) = await notify.db.as_worker(sent)
    event = DeliveryStatusReported.model_validate_json(row["value"])
    assert (row["topic"], row["key"]) == ("lienthong.receipts.v1", str(event.delivery_id))
    assert (event.step, event.code) == (1, "03")
    secret = ("Nông", "Văn thư", "Vào sổ", "1234")
    assert not any(one in row["value"].decode() for one in secret)

    for code in ("G22", mailbox.code):

        async def told(code: str = code) -> list[dict[str, object]]:
            answer = await notify.client.get("/v1/events", headers=notify.headers(code))
            items = answer.json()["items"]
            return [one for one in items if one["type"] == "delivery.status_reported"]

        await eventually(told, f"{code} is told")
        (item,) = await told()
        assert (item["status"], item["step"], item["to"]) == ("03", 1, mailbox.code)
        assert not any(one in json.dumps(item, ensure_ascii=False) for one in secret)


async def test_only_the_recipient_and_its_successor_report(notify: Running, mailbox: Mailbox):
    heir = await notify.agency("H14.71")
    await notify.agency("H14.03.06")
    await acknowledge(notify, mailbox)
    for code in ("G22", "H14.03.06", heir.code):
        assert (await tell(notify, mailbox, "03", by=code)).status_code == 404
    strangers = await notify.client.get(url(mailbox), headers=notify.headers("H14.03.06"))
    assert strangers.status_code == 404
    await notify.change_agency(mailbox.agency, mailbox.code, closed_into=[heir.agency])
    answer = await tell(notify, mailbox, "03", by=heir.code)
    assert (answer.status_code, answer.json()["acted"]) == (201, heir.code)


async def test_a_recovering_notify_decides_nothing(notify: Running, mailbox: Mailbox):
    await acknowledge(notify, mailbox)

    async def restored(conn: Connection) -> None:
        await conn.execute("update service_state set recovering = true")

    await notify.db.as_worker(restored)
    answer = await tell(notify, mailbox, "03")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


async def test_a_request_cannot_change_a_receipt_by_the_right_to_lock_it(
    notify: Running, mailbox: Mailbox
):
    await acknowledge(notify, mailbox)

    async def forge(conn: Connection) -> None:
        await conn.execute("update receipts set receipt = 'forged'")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await notify.db.as_caller([mailbox.agency], forge)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "01"},
        {"code": "13"},
        {"code": 3},
        {"code": "03", "note": "a" * 1001},
        {"code": "03", "staff": {"name": ""}},
        {"code": "03", "arrival_number": "1" * 51},
    ],
)
async def test_an_odd_report_is_the_callers_mistake(
    notify: Running, mailbox: Mailbox, body: object
):
    headers = notify.headers(mailbox.code) | {"Idempotency-Key": str(uuid7())}
    answer = await notify.client.post(url(mailbox), json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "REQ-4221")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ({"note": "a\u202eb"}, "/note"),
        ({"arrival_number": "12\u200b34"}, "/arrival_number"),
        ({"arrival_number": "  "}, "/arrival_number"),
        ({"staff": {"name": "\u3000"}}, "/staff/name"),
        ({"staff": {"name": "Hoa\x07"}}, "/staff/name"),
        ({"staff": {"name": "Hoa", "department": "Văn\u2028thư"}}, "/staff/department"),
    ],
)
async def test_words_hide_nothing(notify: Running, mailbox: Mailbox, words: object, place: str):
    headers = notify.headers(mailbox.code) | {"Idempotency-Key": str(uuid7())}
    body = {"code": "03"} | cast("dict[str, object]", words)
    answer = await notify.client.post(url(mailbox), json=body, headers=headers)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [place]
