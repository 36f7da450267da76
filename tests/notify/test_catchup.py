"""What a lane misses comes from docs; `behind` goes only when nothing can be missing."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.notify import catchup, deliver
from services.notify.compare import Comparison
from services.notify.deliver import take_in
from services.notify.mailbox import LaneState
from services.notify.store import alarms, lanes, state
from shared import telemetry
from shared.db import Connection
from shared.errors import Unavailable
from shared.events import DeliveryCleared
from shared.internal import Internal
from tests.notify.chains import Mailbox, arrival, record
from tests.notify.peer import Docs, serve_docs
from tests.notify.running import Running

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Pair:
    """Notify and the docs that it asks."""

    notify: Running
    docs: Docs
    internal: Internal

    async def lane(self, box: Mailbox) -> LaneState:
        """Return where a lane stands."""

        async def read(conn: Connection) -> LaneState:
            return (await lanes.lock(conn, [(box.agency, box.lane)]))[box.agency, box.lane]

        return await self.notify.db.as_worker(read)

    async def bring(self, event: DeliveryCleared) -> None:
        """Bring one record of the log."""
        await self.notify.db.as_worker(lambda conn: deliver.Deliveries()(conn, record(event)))

    async def catch_up(self) -> None:
        """Catch up until no round moves anything."""
        while await catchup.catch_up(self.notify.db, self.internal):
            pass


@pytest.fixture
async def pair(notify: Running) -> AsyncIterator[Pair]:
    """Notify and a docs with one mailbox."""
    await notify.agency("G22")
    async with serve_docs() as docs:
        docs.boxes.append(await notify.agency("H14.03.05"))
        (notify.pki / "unused.pem").write_bytes(
            next((notify.pki / "notify").iterdir()).read_bytes()
        )
        async with Internal.open(notify.settings, {"docs": docs.url}) as internal:
            yield Pair(notify, docs, internal)


async def test_a_lane_ends_whole_whatever_the_log_has_lost_doubled_or_turned_round(pair: Pair):
    chance = random.Random(20261122)  # noqa: S311 (a schedule, not a secret)
    (box,) = pair.docs.boxes
    box.clear_many(250)
    brought = [one for one in box.made for _ in range(chance.randint(0, 2))]
    for _ in range(80):
        place, other = chance.randrange(len(brought)), chance.randrange(len(brought))
        brought[place], brought[other] = brought[other], brought[place]
    for event in brought[:120]:
        await pair.bring(event)
    await pair.catch_up()
    for event in brought[120:]:
        await pair.bring(event)
    await pair.bring(box.made[-1])
    await pair.catch_up()
    lane = await pair.lane(box)
    assert (lane.sequence, lane.hash, lane.behind, lane.stopped) == (250, box.last, None, None)


async def test_what_docs_has_answered_with_is_in_its_dispatch_s_trace_once(
    pair: Pair, spans: InMemorySpanExporter
):
    box = pair.docs.boxes[0]
    pair.docs.traceparent = PARENT
    lost, sent = box.clear_many(2)
    await pair.bring(sent)  # it shows that one is missing; docs answers with both
    await pair.catch_up()
    await pair.bring(lost)
    done = [one for one in spans.get_finished_spans() if one.name == "deliver entry"]
    told = {(one.attributes or {})[telemetry.DELIVERY_ID]: one for one in done}
    assert len(done) == len(told) == 2
    brought = told[str(lost.delivery_id)]
    assert brought.context is not None
    assert format(brought.context.trace_id, "032x") == PARENT.split("-")[1]
    assert await _traces(pair) == [PARENT, PARENT]


async def _traces(pair: Pair) -> list[str | None]:
    async def read(conn: Connection) -> list[str | None]:
        rows = await conn.fetch("select traceparent from entries order by sequence")
        return [row["traceparent"] for row in rows]

    return await pair.notify.db.as_worker(read)


async def test_a_lane_stays_behind_while_docs_does_not_answer(pair: Pair):
    (box,) = pair.docs.boxes
    box.clear_many(3)
    await pair.bring(box.made[2])
    pair.docs.down = True
    with pytest.raises(Unavailable):
        await pair.catch_up()
    assert (await pair.lane(box)).behind == 3
    pair.docs.down = False
    await pair.catch_up()
    assert (await pair.lane(box)).behind is None


async def test_a_number_that_docs_has_lost_in_a_restore_is_not_waited_for(pair: Pair):
    (box,) = pair.docs.boxes
    box.clear_many(3)
    lost = Mailbox(box.agency, box.code)
    lost.clear_many(9)
    await pair.bring(lost.made[8])
    await pair.catch_up()
    lane = await pair.lane(box)
    assert (lane.sequence, lane.behind) == (3, None)


async def test_an_answer_from_before_a_restore_of_docs_changes_nothing(pair: Pair):
    (box,) = pair.docs.boxes
    old, new = pair.docs.epoch, uuid4()
    box.clear_many(2)
    await pair.bring(box.made[1])

    async def meet(conn: Connection) -> None:
        for epoch in (old, new):
            asked_under = await state.docs_epoch(conn)
            assert await state.meet_docs_epoch(conn, epoch, asked_under=asked_under)

    await pair.notify.db.as_worker(meet)
    await pair.catch_up()  # answered under the old epoch
    assert ((await pair.lane(box)).sequence, (await pair.lane(box)).behind) == (0, 2)
    pair.docs.epoch = new
    await pair.catch_up()
    assert ((await pair.lane(box)).sequence, (await pair.lane(box)).behind) == (2, None)


async def test_an_answer_asked_for_before_a_newer_epoch_was_met_does_not_count(pair: Pair):
    async def meet(conn: Connection) -> list[bool]:
        first, second, late = uuid4(), uuid4(), uuid4()
        met = [await state.meet_docs_epoch(conn, first, asked_under=None)]
        met.append(await state.meet_docs_epoch(conn, second, asked_under=first))
        met.append(await state.meet_docs_epoch(conn, late, asked_under=first))
        met.append(await state.meet_docs_epoch(conn, first, asked_under=second))
        return met

    assert await pair.notify.db.as_worker(meet) == [True, True, False, False]


async def test_docs_own_foreign_history_stops_the_lane(pair: Pair):
    (box,) = pair.docs.boxes
    box.clear()
    foreign = Mailbox(box.agency, box.code)
    foreign.clear_many(2)
    await pair.bring(foreign.made[0])
    await pair.bring(box.made[0])
    assert (await pair.lane(box)).stopped is None  # an applied number: alarm only
    box.clear()
    await pair.bring(box.made[1])
    lane = await pair.lane(box)
    assert lane.stopped is not None
    assert lane.behind == 2
    asked = pair.docs.asked
    await pair.catch_up()
    assert pair.docs.asked == asked  # a stopped lane waits for a person
    assert await pair.notify.db.as_worker(lanes.count_stopped) == 1
    assert await pair.notify.db.as_worker(alarms.count) == 2


async def test_a_stopped_lane_is_restarted_and_stops_again_while_the_two_differ(pair: Pair):
    (box,) = pair.docs.boxes
    true = Mailbox(box.agency, box.code)
    box.clear_many(2)
    true.clear_many(2)
    await pair.bring(true.made[0])
    pair.docs.boxes[:] = [box]
    await pair.bring(box.made[1])
    assert (await pair.lane(box)).stopped is not None
    client, operator = pair.notify.client, pair.notify.headers("G22", scope="operator")
    url = f"/v1/lanes/{box.code}/normal/restart"
    assert (await client.post(url, headers=pair.notify.headers("G22"))).status_code == 403
    assert (await client.post(url, headers=operator)).status_code == 202
    await pair.catch_up()
    assert (await pair.lane(box)).stopped is not None
    pair.docs.boxes[:] = [true]  # docs came back with what was true
    assert (await client.post(url, headers=operator)).status_code == 202
    await pair.catch_up()
    lane = await pair.lane(true)
    assert (lane.sequence, lane.hash, lane.behind, lane.stopped) == (2, true.last, None, None)
    for strange in ("H14.99/normal", f"{box.code}/urgent"):
        answer = await client.post(f"/v1/lanes/{strange}/restart", headers=operator)
        assert answer.status_code == 404
    assert await pair.notify.db.as_worker(lanes.count_stopped) == 0


async def test_a_lost_record_is_found_by_comparing_heads(pair: Pair):
    (box,) = pair.docs.boxes
    comparison = Comparison(pair.notify.db, pair.internal, seconds=0)
    box.clear_many(2)
    await comparison.make()
    assert (await pair.lane(box)).behind is None  # it may be on its way by the log
    await comparison.make()
    assert (await pair.lane(box)).behind == 2
    await pair.catch_up()
    assert (await pair.lane(box)).sequence == 2


async def test_different_hashes_of_one_number_are_an_alarm(pair: Pair):
    (box,) = pair.docs.boxes
    foreign = Mailbox(box.agency, box.code)
    await pair.bring(foreign.clear())
    box.clear()
    comparison = Comparison(pair.notify.db, pair.internal, seconds=0)
    for _ in range(3):
        await comparison.make()
    assert await pair.notify.db.as_worker(alarms.count) == 1


async def test_an_entry_that_nobody_can_read_holds_its_lane_and_no_other(pair: Pair):
    (box,) = pair.docs.boxes
    other = await pair.notify.agency("H14.03.06")
    pair.docs.boxes.append(other)
    box.clear_many(3)
    other.clear_many(3)
    box.made[1] = box.made[1].model_copy(update={"entry": "{}"})
    await pair.bring(box.made[2])
    await pair.bring(other.made[2])
    await pair.catch_up()
    held, free = await pair.lane(box), await pair.lane(other)
    assert (held.sequence, held.behind) == (1, 3)
    assert (free.sequence, free.behind) == (3, None)


async def test_two_instances_may_take_the_same_entries(pair: Pair):
    (box,) = pair.docs.boxes
    arrivals = [arrival(one) for one in box.clear_many(20)]
    take = partial(take_in, arrivals=arrivals, source="docs")
    for _ in range(2):
        await pair.notify.db.as_worker(take)
    assert (await pair.lane(box)).sequence == 20
    assert await pair.notify.db.as_worker(alarms.count) == 0
