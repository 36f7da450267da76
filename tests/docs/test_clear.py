"""Clearing: numbers without gaps, the sender's order, refusals that the sender sees."""

from shared.events import DeliveryCleared, DispatchChanged
from tests.docs.exchange import DISTRICT, PROVINCE, Exchange, commune


async def test_a_good_dispatch_gets_a_number_at_each_recipient(exchange: Exchange):
    sent = await exchange.send(PROVINCE, DISTRICT, commune(1))
    await exchange.judge(sent)
    await exchange.clear()
    assert await exchange.state(sent) == "cleared"
    for code in (PROVINCE, DISTRICT, commune(1)):
        [entry] = await exchange.mailbox(code)
        assert entry.dispatch_id == sent
    assert {one.level for one in await exchange.told(DeliveryCleared)} == {
        "province",
        "district",
        "commune",
    }
    assert [one.change for one in await exchange.told(DispatchChanged)] == ["cleared"]


async def test_nothing_goes_before_every_file_was_judged_good(exchange: Exchange):
    sent = await exchange.send(PROVINCE, files=("MAIN", "ANNEX"))
    await exchange.judge(sent, file=0)
    await exchange.clear()
    assert await exchange.state(sent) == "waiting"
    await exchange.judge(sent, file=1)
    await exchange.clear()
    assert await exchange.state(sent) == "cleared"


async def test_a_bad_annex_refuses_the_whole_dispatch_with_its_reason(exchange: Exchange):
    sent = await exchange.send(PROVINCE, DISTRICT, files=("MAIN", "ANNEX"))
    await exchange.judge(sent, file=0)
    await exchange.judge(sent, "TOTAL-FAILED", file=1, reason="SIG-4221")
    await exchange.clear()
    row = await exchange.row(sent)
    assert (row.state, row.reason) == ("refused", "SIG-4221")
    assert (await exchange.progress(sent)).counts["failed"] == 2
    [told] = await exchange.told(DispatchChanged)
    assert (told.change, told.reason) == ("refused", "SIG-4221")
    assert await exchange.mailbox(PROVINCE) == []
