"""`GET /v1/deliveries`: every filter, both directions, pages that inserts do not move, CSV."""

import csv
import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from services.docs.document import Urgency
from tests.docs.country import DISTRICT, OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.docs.server import Running, System, run_docs
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing


async def tell(exchange: Exchange) -> Exchange:
    """Send an urgent letter to three agencies that come to three statuses, and one that waits.

    One more was refused by commune 3; another ministry sends the last.
    """
    urgent = await exchange.send(
        PROVINCE, commune(1), commune(2), urgency=Urgency.URGENT, number="1"
    )
    await exchange.judge(urgent)
    refused = await exchange.send(commune(3), number="3")
    await exchange.judge(refused)
    other = await exchange.send(PROVINCE, sender=OTHER_SENDER, number="4")
    await exchange.judge(other)
    await exchange.clear()
    await exchange.send(DISTRICT, commune(4), number="2")
    at_province = (await exchange.mailbox(PROVINCE, "urgent"))[0]
    await exchange.acknowledge(at_province)
    await exchange.report(at_province, "03", "04")
    await exchange.acknowledge((await exchange.mailbox(commune(1), "urgent"))[0])
    [to_commune] = await exchange.mailbox(commune(3))
    await exchange.acknowledge(to_commune)
    await exchange.report(to_commune, "02")
    return exchange


@pytest.fixture
async def story(exchange: Exchange) -> Exchange:
    """These letters in a database of one test alone."""
    return await tell(exchange)


@pytest.fixture(scope="module")
async def standing(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Running]:
    """Docs over HTTP with these letters, for tests that only read."""
    async with (
        backing.fresh_database("docs") as databases,
        opened(databases, "docs", backing) as db,
    ):
        exchange = Exchange(db)
        await exchange.fill()
        await tell(exchange)
        async with run_docs(databases, backing, db, tmp_path_factory.mktemp("blobs")) as running:
            yield running


async def listed(system: System, **query: str) -> list[dict[str, Any]]:
    """Return the items of one page."""
    answer = await system.ask("GET", "/v1/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def _pairs(items: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["document"]["code"].partition("/")[0], one["recipient"]["code"]) for one in items}


ALL = {("1", PROVINCE), ("1", commune(1)), ("1", commune(2)), ("3", commune(3)),
       ("2", DISTRICT), ("2", commune(4))}  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ALL),
        ({"status": "04"}, {("1", PROVINCE)}),
        ({"status": "01"}, {("1", commune(1))}),
        ({"status": "02"}, {("3", commune(3))}),
        ({"status": "06"}, set[tuple[str, str]]()),
        ({"missing": "03"}, ALL - {("1", PROVINCE), ("3", commune(3))}),
        ({"missing": "05"}, ALL - {("3", commune(3))}),
        ({"missing": "01"}, {("1", commune(2)), ("2", DISTRICT), ("2", commune(4))}),
        ({"transport": "queued"}, {("2", DISTRICT), ("2", commune(4))}),
        ({"transport": "in_transit"}, {("1", commune(2))}),
        ({"transport": "acknowledged"}, {("1", PROVINCE), ("1", commune(1)), ("3", commune(3))}),
        ({"transport": "available"}, set[tuple[str, str]]()),
        ({"transport": "failed"}, set[tuple[str, str]]()),
        ({"urgency": "urgent"}, {("1", PROVINCE), ("1", commune(1)), ("1", commune(2))}),
        ({"urgency": "normal"}, {("3", commune(3)), ("2", DISTRICT), ("2", commune(4))}),
        ({"urgency": "express"}, set[tuple[str, str]]()),
        ({"level": "province"}, {("1", PROVINCE)}),
        ({"level": "district"}, {("2", DISTRICT)}),
        ({"agency": "000.00.00.H14"}, {("1", PROVINCE)}),
        ({"under": PROVINCE}, ALL - {("1", PROVINCE)}),
        ({"under": DISTRICT, "missing": "03"}, {("1", commune(1)), ("1", commune(2)),
                                                ("2", commune(4))}),
        ({"older_than": "PT4H"}, set[tuple[str, str]]()),
        ({"from_date": "2999-01-01"}, set[tuple[str, str]]()),
        ({"to_date": "2020-01-01"}, set[tuple[str, str]]()),
        ({"from_date": "2020-01-01", "to_date": "2999-01-01"}, ALL),
    ],
)  # fmt: skip
async def test_a_sender_lists_what_it_asks_for(
    standing: Running, query: dict[str, str], expected: set[tuple[str, str]]
):
    sender = await standing.system(SENDER)
    assert _pairs(await listed(sender, direction="out", **query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"1", "4"}),
        ({"agency": OTHER_SENDER}, {"4"}),
        ({"level": "central"}, {"1", "4"}),
        ({"level": "commune"}, set[str]()),
        ({"under": PROVINCE}, set[str]()),
        ({"status": "04"}, {"1"}),
        ({"missing": "01"}, {"4"}),
        ({"transport": "in_transit"}, {"4"}),
        ({"urgency": "urgent"}, {"1"}),
        ({"from_date": "2999-01-01"}, set[str]()),
    ],
)
async def test_a_recipient_lists_what_it_received(
    standing: Running, query: dict[str, str], expected: set[str]
):
    recipient = await standing.system(PROVINCE)
    items = await listed(recipient, direction="in", **query)
    assert {one["document"]["code"].partition("/")[0] for one in items} == expected
    assert {one["recipient"]["code"] for one in items} <= {PROVINCE}


async def test_age_counts_from_clearing_or_while_waiting_from_acceptance(
    docs: Running, story: Exchange
):
    await story.db.as_worker(
        lambda conn: conn.execute(
            """update deliveries set accepted_at = accepted_at - interval '5 hours',
                cleared_at = cleared_at - interval '3 hours'"""
        )
    )
    sender, recipient = await docs.system(SENDER), await docs.system(PROVINCE)
    old = await listed(sender, direction="out", older_than="PT4H")
    assert _pairs(old) == {("2", DISTRICT), ("2", commune(4))}, "cleared 3 hours ago only"
    assert len(await listed(sender, direction="out", older_than="PT2H30M")) == len(ALL)
    assert len(await listed(recipient, direction="in", older_than="PT2H")) == 2
    assert await listed(recipient, direction="in", older_than="P1DT1H") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "/direction"),
        ({"direction": "both"}, "/direction"),
        ({"direction": "out", "status": "03", "missing": "03"}, "/missing"),
        ({"direction": "out", "agency": PROVINCE, "under": PROVINCE}, "/under"),
        ({"direction": "in", "transport": "queued"}, "/transport"),
        ({"direction": "in", "transport": "failed"}, "/transport"),
        ({"direction": "out", "from_date": "2026-02-01", "to_date": "2026-01-01"}, "/to_date"),
        ({"direction": "out", "to_date": "9999-12-31"}, "/from_date"),
        ({"direction": "out", "from_date": "01/02/2026"}, "/from_date"),
        ({"direction": "out", "older_than": "4h"}, "/older_than"),
        ({"direction": "out", "older_than": "P"}, "/older_than"),
        ({"direction": "out", "older_than": "PT"}, "/older_than"),
        ({"direction": "out", "older_than": "-PT4H"}, "/older_than"),
        ({"direction": "out", "older_than": "P1Y"}, "/older_than"),
        ({"direction": "out", "older_than": "P99999D"}, "/older_than"),
        ({"direction": "out", "older_than": "PT" + "9" * 30 + "H"}, "/older_than"),
        ({"direction": "out", "status": "07"}, "/status"),
        ({"direction": "out", "missing": "02"}, "/missing"),
        ({"direction": "out", "transport": "lost"}, "/transport"),
        ({"direction": "out", "urgency": "soon"}, "/urgency"),
        ({"direction": "out", "agency": "H99"}, "/agency"),
        ({"direction": "out", "under": "H99"}, "/under"),
        ({"direction": "out", "expand": "files"}, "/expand"),
        ({"direction": "out", "limit": "0"}, "/limit"),
        ({"direction": "out", "limit": "501"}, "/limit"),
        ({"direction": "out", "cursor": "bm90LWEtY3Vyc29y"}, "/cursor"),
        ({"direction": "out", "cursor": "MjAyNi0xMS0yNiB4"}, "/cursor"),
    ],
)
async def test_a_question_without_sense_says_which_part_and_what_to_do(
    country: Running, query: dict[str, str], pointer: str
):
    sender = await country.system(SENDER)
    refused = await sender.ask("GET", "/v1/deliveries", params=query)
    body = refused.json()
    assert (refused.status_code, body["code"]) == (400, "REQ-4003"), refused.text
    assert pointer in [one["pointer"] for one in body["errors"]]
    assert body["hint"]
    assert all(one["detail"] and " or " not in one["detail"] for one in body["errors"])


async def test_strangers_and_siblings_see_nothing(standing: Running):
    for code in (commune(5), OTHER_SENDER):
        system = await standing.system(code)
        seen = [
            *await listed(system, direction="out"),
            *await listed(system, direction="in"),
        ]
        assert {one["document"]["sender"]["code"] for one in seen} <= {OTHER_SENDER}
        assert (await listed(system, direction="in", agency=SENDER)) == []
    sibling = await standing.system(commune(2))
    assert [one["recipient"]["code"] for one in await listed(sibling, direction="in")] == [
        commune(2)
    ]
    early = await standing.system(commune(4))
    assert await listed(early, direction="in") == [], "it has no number yet"


async def test_a_system_of_several_agencies_lists_all_or_one(standing: Running):
    hub = await standing.system(commune(1), commune(2), commune(3))
    everything = await listed(hub, direction="in")
    assert {one["recipient"]["code"] for one in everything} == {commune(n) for n in (1, 2, 3)}
    answer = await hub.ask(
        "GET", "/v1/deliveries?direction=in", headers={"On-Behalf-Of": commune(2)}
    )
    assert [one["recipient"]["code"] for one in answer.json()["items"]] == [commune(2)]


async def test_inserts_neither_double_nor_hide_what_is_paged(docs: Running, exchange: Exchange):
    sender = await docs.system(SENDER)
    for number in range(4):
        await exchange.send(PROVINCE, commune(1), number=f"A{number}")
    seen: list[str] = []
    query = {"direction": "out", "limit": "3"}
    while True:
        answer = await sender.ask("GET", "/v1/deliveries", params=query)
        body = answer.json()
        seen += [f"{one['document']['code']} {one['recipient']['code']}" for one in body["items"]]
        await exchange.send(PROVINCE, number=f"B{len(seen)}")
        if body["next_cursor"] is None:
            break
        assert body["next_cursor"] in answer.headers["link"]
        query["cursor"] = body["next_cursor"]
    assert len(seen) == len(set(seen)) == 8
    assert [one.partition("/")[0] for one in seen] == [f"A{n}" for n in (3, 3, 2, 2, 1, 1, 0, 0)]


async def test_items_tell_status_and_document(standing: Running):
    sender = await standing.system(SENDER)
    [one] = await listed(sender, direction="out", status="04")
    assert (one["status"], one["transport"], one["lane"]) == ("04", "acknowledged", "urgent")
    assert one["status_since"]
    assert one["document"]["subject"].startswith("V/v")
    assert "attachments" not in one["document"]
    [whole] = await listed(sender, direction="out", status="04", expand="document")
    assert [file["role"] for file in whole["document"]["attachments"]] == ["MAIN"]
    assert "recipients" not in whole["document"]


async def test_the_list_is_the_same_as_csv(docs: Running, story: Exchange):
    sender = await docs.system(SENDER)
    story.counter = 100
    await story.send(PROVINCE, number="=1+1")
    query = {"direction": "out", "level": "province"}
    answer = await sender.ask("GET", "/v1/deliveries", params=query, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    items = await listed(sender, **query)
    assert [(one["id"], one["status"]) for one in rows] == [
        (one["id"], one["status"] or "") for one in items
    ]
    assert [one["code"] for one in rows] == ["'=1+1/VPCP-TTĐT", "1/VPCP-TTĐT"]
    first = await sender.ask(
        "GET", "/v1/deliveries?direction=out&limit=2", headers={"Accept": "text/csv"}
    )
    assert 'rel="next"' in first.headers["link"], "a table that is cut says where it goes on"
    refused = await sender.ask(
        "GET", "/v1/deliveries?direction=out", headers={"Accept": "image/png"}
    )
    assert refused.status_code == 406


async def test_a_scope_is_needed(country: Running):
    reader = await country.system(SENDER, scope="directory")
    refused = await reader.ask("GET", "/v1/deliveries?direction=out")
    assert refused.status_code == 403
