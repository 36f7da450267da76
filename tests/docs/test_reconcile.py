"""Docs and notify compare their heads: what one side lacks comes back, no number is given twice."""

import json
from functools import partial
from pathlib import Path

import pytest

from services.docs.agency import seeded_id
from services.docs.document import Named
from services.docs.reconcile import adopt
from services.docs.store import statuses, verdicts
from services.docs.turns import Verdict
from shared.db import Connection
from shared.errors import Unavailable
from shared.events import DeliveryCleared, DispatchChanged
from shared.ids import DeliveryId
from shared.internal import Internal
from tests.conftest import FreshDatabase
from tests.docs.country import commune
from tests.docs.pairs import Pair, cleared, paired
from tests.fixtures.stack import Backing, Databases
from tests.notify.running import Running, run_notify


async def test_a_copy_is_available_once_notify_was_seen_past_its_number(pair: Pair):
    sent = await cleared(pair.exchange, commune(1), commune(2))
    await pair.arrive(commune(1))
    assert not pair.comparison.made
    assert await pair.comparison.make() == 1
    assert pair.comparison.made
    counts = (await pair.exchange.progress(sent)).counts
    assert (counts["available"], counts["in_transit"]) == (1, 1)
    await pair.arrive(commune(2))
    assert await pair.comparison.make() == await pair.differing() == 0
    assert (await pair.exchange.progress(sent)).counts["available"] == 2


async def test_what_a_proxy_answers_instead_of_notify_is_waited_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    async def get(*_: object, **__: object) -> None:
        return  # an empty body

    monkeypatch.setattr(Internal, "get", get)
    for asked in (pair.comparison.make, pair.comparison.take_over_receipts):
        with pytest.raises(Unavailable):
            await asked()


async def test_a_docs_that_came_back_old_goes_on_behind_what_notify_holds(
    pair: Pair, restored: Pair
):
    await cleared(pair.exchange, commune(1), commune(2))
    await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1), commune(2))
    before = await pair.exchange.mailbox(commune(1))

    assert await restored.comparison.make() == 0
    assert await restored.exchange.mailbox(commune(1)) == before
    after = await cleared(restored.exchange, commune(1))
    entries = await restored.exchange.mailbox(commune(1))
    assert entries[:2] == before
    assert [one.sequence for one in entries if one.dispatch_id == after] == [3]
    await restored.arrive(commune(1))
    assert await restored.comparison.make() == 0


async def test_a_dispatch_that_was_cleared_in_the_lost_life_is_not_numbered_again(
    pair: Pair, restored: Pair
):
    sent = await cleared(pair.exchange, commune(1), commune(2))
    await pair.arrive(commune(1), commune(2))
    document = await restored.exchange.draft(*(Named(commune(n)) for n in (1, 2, 3)))
    await restored.exchange.dispatch(document, dispatch_id=sent)
    await restored.comparison.make()
    assert await restored.exchange.state(sent) == "waiting"
    await restored.exchange.judge(sent)
    await restored.exchange.clear()
    assert await restored.exchange.state(sent) == "cleared"
    for n in (1, 2, 3):
        assert [one.dispatch_id for one in await restored.exchange.mailbox(commune(n))] == [sent]


async def test_a_submission_that_is_repeated_after_the_restore_completes_its_stub(
    pair: Pair, restored: Pair
):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    await restored.comparison.make()
    assert await restored.exchange.state(sent) == "cleared"
    document = await restored.exchange.draft(Named(commune(1)), Named(commune(2)))
    assert await restored.exchange.dispatch(document, dispatch_id=sent) == sent
    await restored.exchange.judge(sent)
    await restored.exchange.clear()
    for n in (1, 2):
        assert [one.dispatch_id for one in await restored.exchange.mailbox(commune(n))] == [sent]
    again = await restored.exchange.draft(Named(commune(1)))
    assert await restored.exchange.dispatch(again, dispatch_id=sent) != sent


async def test_a_withdrawn_stub_ends_when_it_is_completed_and_stops_nobody(
    pair: Pair, restored: Pair
):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    await restored.comparison.make()
    exchange = restored.exchange
    await exchange.withdraw(sent, reason="SIG-4221")
    document = await exchange.draft(Named(commune(1)), Named(commune(2)))
    assert await exchange.dispatch(document, dispatch_id=sent) == sent
    assert await exchange.chunk(size=10)
    assert not await exchange.chunk(size=10)
    row = await exchange.row(sent)
    assert (row.state, row.reason) == ("withdrawn", "SIG-4221")
    counts = (await exchange.progress(sent)).counts
    assert (counts["available"], counts["failed"]) == (1, 1)
    told = [one.recipient_id for one in await exchange.told(DispatchChanged)]
    assert told == [None, seeded_id(commune(1))] * 2

    after = await cleared(exchange, commune(2))
    assert [one.dispatch_id for one in await exchange.mailbox(commune(2))] == [after]


@pytest.mark.parametrize("known", [False, True])
async def test_who_holds_a_copy_hears_of_a_withdrawal_that_came_before_it_was_taken_over(
    pair: Pair, restored: Pair, *, known: bool
):
    sent = await cleared(pair.exchange, commune(1), commune(2))
    await pair.arrive(commune(1), commune(2))
    exchange = restored.exchange
    if known:  # submitted again, or restored from before it was cleared
        document = await exchange.draft(*(Named(commune(n)) for n in (1, 2, 3)))
        await exchange.dispatch(document, dispatch_id=sent)
    await exchange.withdraw(sent, reason="SIG-4221")
    for _ in range(2):
        await restored.comparison.make()
    row = await exchange.row(sent)
    assert (row.state, row.reason, row.verdict) == ("withdrawn", "SIG-4221", Verdict.WITHDRAWN)
    counts = (await exchange.progress(sent)).counts
    assert (counts["available"], counts["failed"]) == (2, 1 if known else 0)
    told = await exchange.told(DispatchChanged)
    assert {one.change for one in told} == {"withdrawn"}
    holders = {seeded_id(commune(1)), seeded_id(commune(2))}
    assert [one.recipient_id for one in told].count(None) == 1
    assert {one.recipient_id for one in told} == {None, *holders}
    assert len(told) == 3, "each is told once"


async def test_a_copy_that_was_taken_over_of_what_is_bad_by_now_is_withdrawn(
    pair: Pair, restored: Pair
):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    document = await restored.exchange.draft(Named(commune(1)), Named(commune(2)))
    await restored.exchange.dispatch(document, dispatch_id=sent)
    await restored.exchange.judge(sent, "TOTAL-FAILED", reason="SIG-4221")
    await restored.comparison.make()
    assert await restored.exchange.state(sent) == "withdrawn"
    told = [one.recipient_id for one in await restored.exchange.told(DispatchChanged)]
    assert told == [None, seeded_id(commune(1))]


async def test_a_completed_stub_is_judged_by_its_own_files(pair: Pair, restored: Pair):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    await restored.comparison.make()
    await restored.exchange.judge(sent)
    document = await restored.exchange.draft(Named(commune(1)), Named(commune(2)))
    await restored.exchange.dispatch(document, dispatch_id=sent)
    await restored.exchange.clear()
    assert await restored.exchange.mailbox(commune(2)) == []
    await restored.exchange.judge(sent)
    await restored.exchange.clear()
    assert [one.dispatch_id for one in await restored.exchange.mailbox(commune(2))] == [sent]


async def test_two_processes_may_take_over_the_same_entries(pair: Pair, restored: Pair):
    await cleared(pair.exchange, commune(1))
    first = await pair.exchange.mailbox(commune(1))
    await cleared(pair.exchange, commune(1))
    both = await pair.exchange.mailbox(commune(1))
    for entries in (first, both, first, both):
        head = await restored.exchange.db.as_worker(partial(adopt, entries=entries))
    assert head is not None
    assert (head.sequence, head.hash.hex()) == (2, both[-1].hash)
    assert await restored.exchange.mailbox(commune(1)) == both


async def test_receipts_and_statuses_come_back_with_the_entries(pair: Pair, restored: Pair):
    await cleared(pair.exchange, commune(1))
    await pair.notify.change_agency(seeded_id(commune(1)), commune(1), closed_into=())
    await pair.notify.system(commune(1))
    await pair.arrive(commune(1))
    [entry] = await pair.exchange.mailbox(commune(1))
    receipt = await acknowledged(pair.notify, entry)
    for code in ("03", "05"):
        answer = await pair.notify.client.post(
            f"/v1/deliveries/{entry.delivery_id}/statuses",
            json={"code": code},
            headers=pair.notify.headers(commune(1)) | {"Idempotency-Key": code},
        )
        assert answer.status_code == 201
    await restored.comparison.make()
    reported = await restored.exchange.db.as_worker(
        lambda conn: statuses.reported(conn, [DeliveryId(entry.delivery_id)])
    )
    assert [(one.step, one.code) for one in reported] == [(1, "03"), (2, "05")]
    kept = await restored.exchange.db.as_worker(
        lambda conn: verdicts.receipts(conn, agency=None, after=None, limit=10)
    )
    assert [one.receipt for one in kept] == [receipt]


async def acknowledged(notify: Running, entry: DeliveryCleared) -> str:
    """Acknowledge an entry as its recipient; return the receipt."""
    digests = {one["id"]: one["sha256"] for one in json.loads(entry.entry)["files"]}
    answer = await notify.client.post(
        f"/v1/deliveries/{entry.delivery_id}/acknowledgement",
        json={"digests": digests},
        headers=notify.headers(commune(1)),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["receipt"]


async def test_the_newest_entry_of_a_lane_that_lags_is_sent_again_once_a_minute(pair: Pair):
    await cleared(pair.exchange, commune(1))
    await cleared(pair.exchange, commune(1))
    await pair.comparison.make()
    assert len(await pair.exchange.told(DeliveryCleared)) == 2
    await pair.exchange.db.as_worker(_age)
    await pair.comparison.make()
    await pair.comparison.make()
    told = await pair.exchange.told(DeliveryCleared)
    assert [one.sequence for one in told] == [1, 2, 2]
    assert told[2] == told[1]


async def test_a_notify_that_lost_everything_is_not_taken_for_the_old_one(
    pair: Pair,
    databases: Databases,
    fresh_database: FreshDatabase,
    backing: Backing,
    tmp_path: Path,
):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    assert await pair.comparison.make() == 0
    await pair.exchange.db.as_worker(_age)
    folder = tmp_path / "empty"
    folder.mkdir()
    empty = run_notify(await fresh_database("notify"), folder)
    async with empty as notify, paired(pair.exchange, databases, notify, backing) as now:
        await notify.db.as_worker(_begin_anew)
        assert await now.comparison.make() == 1
        assert (await pair.exchange.progress(sent)).counts["in_transit"] == 1
        assert [one.sequence for one in await pair.exchange.told(DeliveryCleared)] == [1, 1]


async def _begin_anew(conn: Connection) -> None:
    await conn.execute("update service_state set epoch = gen_random_uuid()")


async def _age(conn: Connection) -> None:
    await conn.execute("update deliveries set cleared_at = cleared_at - interval '11 seconds'")


async def test_a_foreign_entry_is_shown_and_stops_no_other_lane(pair: Pair, restored: Pair):
    await cleared(pair.exchange, commune(1), commune(2))
    await pair.arrive(commune(1), commune(2))
    await cleared(restored.exchange, commune(1))  # nothing was compared: the number exists twice
    await restored.comparison.make()
    assert await restored.differing() == 1
    assert len(await restored.exchange.mailbox(commune(2))) == 1
