"""The timeline of a dispatched document: all to its sender, its own part to each recipient."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.docs.store import mailboxes
from services.docs.wording import told
from shared.events import DeliveryCleared
from shared.ids import AgencyId, DispatchId
from tests.docs.country import OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.docs.server import PDF, SEND, Running, System
from tests.docs.test_deliveries import cleared, sent

TRACES = "http://jaeger.test/trace/"


async def timeline(system: System, path: str, **query: str) -> list[dict[str, Any]]:
    """Return the moments of one page."""
    answer = await system.ask("GET", f"{path}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def seen(exchange: Exchange, *entries: DeliveryCleared) -> None:
    """Let notify be seen at these entries."""
    heads = [
        mailboxes.Head(AgencyId(one.agency_id), one.lane, one.sequence, bytes.fromhex(one.hash))
        for one in entries
    ]
    await exchange.db.as_worker(lambda conn: mailboxes.see(conn, heads, epoch=UUID(int=1)))


async def story(docs: Running, exchange: Exchange) -> str:
    """Send to province and commune 1, up to a status at the province; return the document."""
    sender = await docs.system(SENDER)
    dispatch = await sent(sender, PDF, recipients=[{"agency": PROVINCE}, {"agency": commune(1)}])
    await exchange.judge(DispatchId(UUID(dispatch["id"])), "INDETERMINATE", reason="SIG-5031")
    await cleared(exchange, dispatch)
    at_province, at_commune = [
        (await exchange.mailbox(code, "urgent"))[0] for code in (PROVINCE, commune(1))
    ]
    await seen(exchange, at_province)
    await exchange.acknowledge(at_province)
    await exchange.report(at_province, "03", "04")
    await seen(exchange, at_commune)
    return f"/v1/documents/{dispatch['document_id']}"


def _told(items: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [(one["what"], one["recipient"], one["code"]) for one in items]


BEGINNING = [
    ("document.accepted", None, None),
    ("dispatch.accepted", None, None),
    ("file.examined", None, "SIG-5031"),
    ("dispatch.waiting", None, "SIG-5031"),
    ("file.examined", None, None),
]
AT_PROVINCE = [
    ("delivery.available", PROVINCE, None),
    ("delivery.acknowledged", PROVINCE, None),
    ("delivery.status", PROVINCE, "03"),
    ("delivery.status", PROVINCE, "04"),
]


async def test_the_sender_is_told_all_in_order(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    sender = await docs.system(SENDER)
    items = await timeline(sender, path)
    assert [one["at"] for one in items] == sorted(one["at"] for one in items)
    found = _told(items)
    assert found[: len(BEGINNING)] == BEGINNING
    in_transit = {one for one in found if one[0] == "delivery.in_transit"}
    assert in_transit == {("delivery.in_transit", one, None) for one in (PROVINCE, commune(1))}
    assert ("dispatch.cleared", None, None) in found
    assert found[-5:] == [*AT_PROVINCE, ("delivery.available", commune(1), None)]
    assert all(one["text"] and one["text_en"] for one in items)
    accepted = next(one for one in items if one["what"] == "dispatch.accepted")
    assert (accepted["by"], accepted["text"]) == (SENDER, "Đã gửi tới 2 nơi nhận")
    [status] = [one for one in items if one["code"] == "03"]
    assert (status["by"], status["text"]) == (PROVINCE, "03: Tiếp nhận, vào sổ văn bản đến")
    assert "trace_url" not in status


async def test_one_recipient_can_be_asked_for(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    sender = await docs.system(SENDER)
    found = _told(await timeline(sender, path, recipient="000.00.00.H14"))
    assert found[: len(BEGINNING)] == BEGINNING
    assert {one[1] for one in found} == {None, PROVINCE}
    assert found[-4:] == AT_PROVINCE


async def test_a_recipient_is_told_its_own_part(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    province, first = await docs.system(PROVINCE), await docs.system(commune(1))
    assert _told(await timeline(province, path)) == [
        ("delivery.in_transit", PROVINCE, None),
        *AT_PROVINCE,
    ]
    assert _told(await timeline(first, path)) == [
        ("delivery.in_transit", commune(1), None),
        ("delivery.available", commune(1), None),
    ]
    assert await timeline(first, path, recipient=PROVINCE) == []


async def test_strangers_learn_nothing(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    absent = f"/v1/documents/{uuid4()}"
    for code in (commune(2), OTHER_SENDER):
        system = await docs.system(code)
        for one in (path, absent):
            assert (await system.ask("GET", f"{one}/timeline")).status_code == 404
    operator = await docs.system(scope="operator")
    assert (await operator.ask("GET", f"{path}/timeline")).status_code == 403


async def test_pages_follow_on_and_later_news_come_behind(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    sender = await docs.system(SENDER)
    whole = await timeline(sender, path)
    paged: list[dict[str, Any]] = []
    query = {"limit": "3"}
    while True:
        page = (await sender.ask("GET", f"{path}/timeline", params=query)).json()
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
        if len(paged) == 3:
            [entry] = await exchange.mailbox(commune(1), "urgent")
            await exchange.acknowledge(entry)
    assert paged[: len(whole)] == whole
    assert _told(paged[len(whole) :]) == [("delivery.acknowledged", commune(1), None)]


async def test_refusals_and_withdrawals_have_their_reasons(docs: Running, exchange: Exchange):
    sender, province = await docs.system(SENDER), await docs.system(PROVINCE)
    refused = await sent(sender, PDF, recipients=[{"agency": PROVINCE}])
    await exchange.judge(DispatchId(UUID(refused["id"])), "TOTAL-FAILED", reason="SIG-4222")
    await exchange.clear()
    items = await timeline(sender, f"/v1/documents/{refused['document_id']}")
    assert _told(items)[-2:] == [
        ("file.examined", None, "SIG-4222"),
        ("dispatch.refused", None, "SIG-4222"),
    ]
    assert items[-1]["text"] == "Bị từ chối, không phát hành: Văn bản đã bị thay đổi sau khi ký"
    later = await sent(sender, PDF, recipients=[{"agency": PROVINCE}])
    await cleared(exchange, later)
    await exchange.withdraw(DispatchId(UUID(later["id"])), reason="SIG-4225")
    path = f"/v1/documents/{later['document_id']}"
    assert ("dispatch.withdrawn", None, "SIG-4225") in _told(await timeline(sender, path))
    assert _told(await timeline(province, path))[-1] == (
        "dispatch.withdrawn",
        PROVINCE,
        "SIG-4225",
    )


async def test_a_recipient_that_was_closed_is_named(docs: Running, exchange: Exchange):
    sender = await docs.system(SENDER)
    dispatch = await sent(sender, PDF, recipients=[{"agency": PROVINCE}, {"agency": commune(1)}])
    await exchange.close_agency(commune(1), commune(2))
    await cleared(exchange, dispatch)
    found = _told(await timeline(sender, f"/v1/documents/{dispatch['document_id']}"))
    assert ("delivery.failed", commune(1), "DSP-4101") in found
    heir = await docs.system(commune(2))
    answer = await heir.ask("GET", f"/v1/documents/{dispatch['document_id']}/timeline")
    assert answer.status_code == 404, "it was never delivered"


async def test_only_operators_are_shown_where_traces_are(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    docs.state.trace_url = TRACES
    operator = await docs.system(SENDER, scope=f"{SEND} operator")
    for one in await timeline(operator, path):
        expected = None if one["trace_id"] is None else TRACES + one["trace_id"]
        assert one["trace_url"] == expected
    sender = await docs.system(SENDER)
    assert all("trace_url" not in one for one in await timeline(sender, path))


async def test_the_text_is_in_the_readers_language(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    sender = await docs.system(SENDER)
    vietnamese = await timeline(sender, path)
    answer = await sender.ask(
        "GET", f"{path}/timeline?limit=2", headers={"Accept-Language": "en, vi;q=0.5"}
    )
    assert answer.headers["content-language"] == "en"
    assert "Accept-Language" in answer.headers["vary"]
    assert "cursor=" in answer.headers["link"]
    items = answer.json()["items"]
    assert items == [
        {**one, "text": one["text_en"], "text_vi": one["text"]} for one in vietnamese[:2]
    ]
    assert items[0]["text"] == "The document was accepted"


async def test_the_timeline_is_the_same_as_csv(docs: Running, exchange: Exchange):
    path = await story(docs, exchange)
    sender = await docs.system(SENDER)
    answer = await sender.ask("GET", f"{path}/timeline", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    items = await timeline(sender, path)
    assert [(one["what"], one["text"]) for one in rows] == [
        (one["what"], one["text"]) for one in items
    ]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"recipient": "H99"}, "/recipient"),
        ({"cursor": "bm90LWEtY3Vyc29y"}, "/cursor"),
        ({"limit": "0"}, "/limit"),
    ],
)
async def test_faulty_questions_are_named(country: Running, query: dict[str, str], pointer: str):
    sender = await country.system(SENDER)
    path = await sender.drafted(number="T1")
    refused = await sender.ask("GET", f"{path}/timeline", params=query)
    assert (refused.status_code, refused.json()["code"]) == (400, "REQ-4003")
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_a_code_of_a_newer_service_stands_as_it_is():
    assert told("delivery.status", code="13", detail=None).vi == "13: 13"
    assert told("delivery.unheard", code="XXX-1", detail=None).en == "delivery.unheard"
