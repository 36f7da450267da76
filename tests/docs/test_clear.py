"""Clearing: numbers without gaps, the sender's order, refusals that the sender sees."""

import json
from functools import partial

import pytest

from services.docs.agency import seeded_id
from services.docs.dispatch import ask_again
from services.docs.document import Urgency
from services.docs.store import mailboxes
from shared.events import DeliveryCleared, DispatchChanged, DocumentDispatched
from tests.docs.country import DISTRICT, OTHER_SENDER, PROVINCE, commune
from tests.docs.exchange import Exchange


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


@pytest.mark.usefixtures("spans")
async def test_an_entry_that_is_asked_for_comes_with_its_dispatch_s_trace(exchange: Exchange):
    first, second = await exchange.send(PROVINCE), await exchange.send(PROVINCE)
    for one in (first, second):
        await exchange.judge(one)
    await exchange.clear()
    entries = await exchange.mailbox(PROVINCE)
    told = await exchange.db.as_worker(partial(mailboxes.contexts, entries=entries))
    assert told == [(await exchange.row(one)).traceparent for one in (first, second)]
    assert None not in told


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


async def test_a_later_dispatch_waits_for_the_earlier_one(exchange: Exchange):
    first, second = await exchange.send(PROVINCE), await exchange.send(PROVINCE)
    await exchange.judge(second)
    await exchange.clear()
    assert await exchange.mailbox(PROVINCE) == []
    await exchange.judge(first)
    await exchange.clear()
    assert [one.dispatch_id for one in await exchange.mailbox(PROVINCE)] == [first, second]


async def test_lanes_and_senders_do_not_wait_for_each_other(exchange: Exchange):
    await exchange.send(PROVINCE)
    urgent = await exchange.send(PROVINCE, urgency=Urgency.EXPRESS)
    other = await exchange.send(PROVINCE, sender=OTHER_SENDER)
    await exchange.judge(urgent)
    await exchange.judge(other)
    await exchange.clear()
    assert [one.dispatch_id for one in await exchange.mailbox(PROVINCE, "urgent")] == [urgent]
    assert [one.dispatch_id for one in await exchange.mailbox(PROVINCE)] == [other]


async def test_after_ten_seconds_one_of_which_signing_cannot_tell_is_held(exchange: Exchange):
    first, second = await exchange.send(PROVINCE), await exchange.send(PROVINCE)
    await exchange.judge(first, "INDETERMINATE", reason="SIG-4131")
    await exchange.judge(second)
    await exchange.age_verdict(second, seconds=9.5)
    await exchange.clear()
    assert await exchange.state(first) == "waiting"
    await exchange.age_verdict(second, seconds=1)
    await exchange.clear()
    assert (await exchange.state(first), await exchange.state(second)) == ("held", "cleared")
    told = [one.change for one in await exchange.told(DispatchChanged)]
    assert told == ["waiting", "held", "cleared"]
    await exchange.judge(first, judgement=2)
    await exchange.clear()
    assert [one.dispatch_id for one in await exchange.mailbox(PROVINCE)] == [second, first]


async def test_one_of_which_signing_has_said_nothing_keeps_its_place_for_five_minutes(
    exchange: Exchange,
):
    """A dead broker, a killed judge: no file is the cause of that."""
    first, second = await exchange.send(PROVINCE), await exchange.send(PROVINCE)
    await exchange.judge(second)
    await exchange.age_verdict(second, seconds=299)
    await exchange.clear()
    assert await exchange.state(first) == "waiting"
    await exchange.age_verdict(second, seconds=2)
    await exchange.clear()
    assert (await exchange.state(first), await exchange.state(second)) == ("held", "cleared")


async def test_a_file_that_was_doubted_and_is_good_now_holds_nothing(exchange: Exchange):
    first = await exchange.send(PROVINCE, files=("MAIN", "ANNEX"))
    second = await exchange.send(PROVINCE)
    await exchange.judge(first, "INDETERMINATE", file=0)
    await exchange.judge(first, file=0, judgement=2)
    await exchange.judge(second)
    await exchange.age_verdict(second, seconds=60)
    await exchange.clear()
    assert await exchange.state(first) == "waiting"


async def test_nobody_is_held_before_one_that_stops_all_the_same(exchange: Exchange):
    first, silent, last = [await exchange.send(PROVINCE) for _ in range(3)]
    await exchange.judge(first, "INDETERMINATE")
    await exchange.judge(last)
    await exchange.age_verdict(last, seconds=60)
    await exchange.clear()
    assert [await exchange.state(one) for one in (first, silent, last)] == ["waiting"] * 3


async def test_an_agency_closed_meanwhile_fails_with_its_successors(exchange: Exchange):
    sent = await exchange.send(commune(1), commune(2))
    await exchange.close_agency(commune(1), commune(3))
    await exchange.judge(sent)
    await exchange.clear()
    assert await exchange.state(sent) == "cleared"
    assert await exchange.mailbox(commune(1)) == []
    assert len(await exchange.mailbox(commune(2))) == 1
    failed, cleared = await exchange.told(DispatchChanged)
    assert (failed.change, failed.reason) == ("recipient_failed", "DSP-4101")
    assert failed.recipient_id == seeded_id(commune(1))
    assert failed.successors == (seeded_id(commune(3)),)
    assert cleared.change == "cleared"


async def test_a_withdrawal_before_the_verdict_wins(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.withdraw(sent)
    await exchange.judge(sent)
    await exchange.clear()
    assert await exchange.state(sent) == "withdrawn"
    assert await exchange.mailbox(PROVINCE) == []
    assert [one.change for one in await exchange.told(DispatchChanged)] == ["withdrawn"]


async def test_a_withdrawal_between_two_chunks_stops_the_rest_and_tells_the_others(
    exchange: Exchange,
):
    sent = await exchange.send(*(commune(n) for n in range(1, 6)))
    await exchange.judge(sent)
    await exchange.chunk(size=2)
    assert await exchange.state(sent) == "clearing"
    await exchange.withdraw(sent)
    await exchange.clear()
    counts = (await exchange.progress(sent)).counts
    assert (counts["in_transit"], counts["failed"]) == (2, 3)
    told = [one for one in await exchange.told(DispatchChanged) if one.change == "withdrawn"]
    assert told[0].recipient_id is None
    assert {one.recipient_id for one in told[1:]} == {
        one.agency_id for one in await exchange.told(DeliveryCleared)
    }


async def test_a_withdrawal_after_clearing_takes_nothing_back_but_tells_everybody(
    exchange: Exchange,
):
    sent = await exchange.send(commune(1), commune(2))
    await exchange.judge(sent)
    await exchange.clear()
    await exchange.withdraw(sent, reason="SIG-4221")
    row = await exchange.row(sent)
    assert (row.state, row.reason) == ("withdrawn", "SIG-4221")
    assert row.cleared_at is not None
    assert (await exchange.progress(sent)).counts["in_transit"] == 2
    told = [one.recipient_id for one in await exchange.told(DispatchChanged)]
    assert told[:2] == [None, None]
    assert set(told[2:]) == {seeded_id(commune(1)), seeded_id(commune(2))}
    await exchange.withdraw(sent)
    assert len(await exchange.told(DispatchChanged)) == 4


async def test_bad_after_numbering_began_acts_as_a_withdrawal(exchange: Exchange):
    sent = await exchange.send(commune(1), commune(2), commune(3))
    await exchange.judge(sent)
    await exchange.chunk(size=1)
    await exchange.judge(sent, "TOTAL-FAILED", judgement=1, reason="SIG-4221")
    await exchange.clear()
    assert await exchange.state(sent) == "withdrawn"
    assert (await exchange.progress(sent)).counts["failed"] == 2


async def test_bad_beats_good_whatever_the_numbers_of_the_judgements(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent, "TOTAL-FAILED", judgement=1, reason="SIG-4221")
    await exchange.judge(sent, judgement=7)
    await exchange.clear()
    assert await exchange.state(sent) == "refused"


async def test_the_sender_is_told_why_a_verdict_is_still_missing(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent, "INDETERMINATE", reason="SIG-4231")
    await exchange.judge(sent, "INDETERMINATE", reason="SIG-4231")
    await exchange.clear()
    assert await exchange.state(sent) == "waiting"
    assert [(one.change, one.reason) for one in await exchange.told(DispatchChanged)] == [
        ("waiting", "SIG-4231")
    ]


async def test_signing_is_asked_again_when_a_verdict_is_long_missing(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.db.as_worker(lambda conn: ask_again(conn, seconds=60))
    assert len(await exchange.told(DocumentDispatched)) == 1
    await exchange.db.as_worker(lambda conn: ask_again(conn, seconds=0))
    first, again = await exchange.told(DocumentDispatched)
    assert first == again
    assert first.dispatch_id == sent


async def test_an_entry_carries_no_subject_and_no_file_name(exchange: Exchange):
    sent = await exchange.send(PROVINCE, number="7816")
    await exchange.judge(sent)
    await exchange.clear()
    [cleared] = await exchange.mailbox(PROVINCE)
    entry = json.loads(cleared.entry)
    assert set(entry) == {
        "delivery_id", "dispatch_id", "document_id", "code", "urgency", "from", "to", "files",
        "cleared_at",
    }  # fmt: skip
    assert (entry["code"], entry["from"]["code"]) == ("7816/VPCP-TTĐT", "G22")
    assert set(entry["files"][0]) == {"id", "role", "media_type", "size", "sha256"}
    assert "triển khai" not in cleared.entry
