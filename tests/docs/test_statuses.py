"""Statuses as notify reports them: kept by step, whatever their order, and shown everywhere."""

from itertools import permutations
from uuid import uuid4

import pytest

from services.docs import reconcile
from services.docs.progress import reported
from tests.docs.country import PROVINCE, SENDER, commune
from tests.docs.exchange import RECORD, Exchange
from tests.docs.made import status_of
from tests.docs.server import Running


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_any_order_and_repetition_comes_to_the_same(
    exchange: Exchange, order: tuple[int, ...]
):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    codes = {1: "03", 2: "04", 3: "06"}
    for step in (*order, *order):
        await exchange.report(entry, codes[step], first=step)
    await exchange.acknowledge(entry)
    assert await exchange.count("statuses") == 3
    counts = (await exchange.progress(sent)).by_status
    assert {name: count for name, count in counts.items() if count} == {"06": 1}


async def test_a_receipt_alone_is_status_01(exchange: Exchange):
    sent = await exchange.send(PROVINCE, commune(1))
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    await exchange.acknowledge(entry)
    assert (await exchange.progress(sent)).by_status == {
        "none": 1, "01": 1, "02": 0, "03": 0, "04": 0, "05": 0, "06": 0,
    }  # fmt: skip


async def test_a_code_of_a_newer_notify_is_kept_and_listed(docs: Running, exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    await exchange.report(entry, "13")
    sender = await docs.system(SENDER)
    [item] = (await sender.ask("GET", "/v1/deliveries?direction=out")).json()["items"]
    assert item["status"] == "13"
    assert (await exchange.progress(sent)).by_status["13"] == 1


async def test_a_status_of_an_unknown_delivery_waits_for_it(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    unknown = entry.model_copy(update={"delivery_id": uuid4()})
    event = status_of(unknown, "03", step=1)
    await exchange.db.as_worker(lambda conn: reported(conn, event, RECORD))
    assert await exchange.count("statuses") == 1
    assert await exchange.count("deliveries where status <> ''") == 0


async def test_a_delivery_that_is_taken_over_has_its_statuses(exchange: Exchange):
    """As after a restore: statuses were read again before notify's entries were."""
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    await exchange.report(entry, "03", "04")
    await exchange.db.as_worker(lambda conn: conn.execute("delete from deliveries"))
    await exchange.db.as_worker(
        lambda conn: conn.execute("update mailbox_heads set sequence = 0, hash = $1", bytes(32))
    )
    await exchange.db.as_worker(lambda conn: reconcile.adopt(conn, [entry]))
    assert await exchange.count("deliveries where status = '04' and status_step = 2") == 1


async def test_matrix_and_delivery_show_the_latest_status(docs: Running, exchange: Exchange):
    sent = await exchange.send(PROVINCE, commune(1))
    await exchange.judge(sent)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    await exchange.report(entry, "03", "04")
    sender, recipient = await docs.system(SENDER), await docs.system(PROVINCE)
    matrix = (await sender.ask("GET", f"/v1/dispatches/{sent}/deliveries")).json()["items"]
    assert [one["status"] for one in matrix] == ["04", None]
    assert matrix[0]["status_since"]
    table = await sender.ask(
        "GET", f"/v1/dispatches/{sent}/deliveries", headers={"Accept": "text/csv"}
    )
    assert "status,status_since" in table.text.partition("\r\n")[0]
    for party in (sender, recipient):
        one = (await party.ask("GET", f"/v1/deliveries/{entry.delivery_id}")).json()
        assert one["status"] == "04"
    dispatch = (await sender.ask("GET", f"/v1/dispatches/{sent}")).json()
    assert (dispatch["by_status"]["04"], dispatch["by_status"]["none"]) == (1, 1)
