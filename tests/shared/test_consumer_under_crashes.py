"""Every event has its effect exactly once: killed, frozen, redelivered, restarted at random."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import consumer, outbox
from shared.consumer import On, consume
from shared.kafka import KafkaAccess, Moved, Place, Record
from shared.kafka.reader import Reader
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.effects import done, has_done, put, sending
from tests.shared.notes import Noted
from tests.shared.transport import look, started
from tests.shared.transport_process import Order, note

POINTS = ("consumer.after_fetch", "consumer.after_inbox", "consumer.after_commit")
crashes = st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4)), min_size=1, max_size=2)
REDELIVER = "update outbox set published_at = null where id % 5 = $1"


@pytest.mark.usefixtures("effects")
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deaths=crashes, again=st.integers(0, 4))
async def test_each_event_once_whatever_line_is_the_last(
    deaths: list[tuple[str, int]], again: int, ground: Ground
):
    await look(ground.databases, "delete from effects")
    topic = ground.fresh_topic(partitions=2)
    order = Order(ground.databases, ground.access, [topic])
    notes = [(f"k{n % 7}", n) for n in range(90)]
    async with sending(ground):
        for number, (point, nth) in enumerate(deaths):
            await put(ground, topic, *notes[number * 30 : number * 30 + 30])
            log = ground.folder / "log"
            with started(order, log, failpoint=f"{point}:{nth}") as process:
                await eventually(
                    lambda process=process, number=number: (
                        process.dead() or _count(ground, number * 30 + 30)
                    ),
                    "it dies, or is done",
                    timeout=30,
                )
            await look(ground.databases, REDELIVER, again)
        await put(ground, topic, *notes[len(deaths) * 30 :])
        on = On(Noted, note)
        reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
        async with ground.running(reader):
            await has_done(ground, *notes)
            await look(ground.databases, REDELIVER, again)
            await eventually(lambda: _read_to_the_end(ground, topic), "all is sent and read again")
    assert sorted(await done(ground)) == sorted(notes)
    for key in range(7):
        numbers = [number for about, number in await done(ground) if about == f"k{key}"]
        assert numbers == sorted(numbers)


async def _count(ground: Ground, number: int) -> bool:
    return len(await done(ground)) >= number


async def _read_to_the_end(ground: Ground, topic: str) -> bool:
    if await outbox.pending(ground.db):
        return False
    rows = await look(
        ground.databases,
        'select max(o."offset") + 1 - min(p.next_offset) from outbox as o'
        " join offsets as p on p.topic = o.topic and p.partition = o.partition"
        " where o.topic = $1 group by o.partition",
        topic,
    )
    return all(row[0] <= 0 for row in rows)


@pytest.mark.usefixtures("effects")
async def test_a_fetch_that_brings_nothing_passes_no_fail_point(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
):
    reached, fetched = list[str](), list[int]()
    fetch = Reader.fetch

    async def counted(
        reader: Reader, places: Collection[Place], *, seconds: float, most: int
    ) -> dict[Place, list[Record]]:
        found = await fetch(reader, places, seconds=seconds, most=most)
        fetched.append(len(found))
        return found

    monkeypatch.setattr(Reader, "fetch", counted)
    monkeypatch.setattr(consumer, "reach", reached.append)
    topic, on = ground.fresh_topic(), On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with sending(ground), ground.running(reader):
        await eventually(lambda: len(fetched) > 1, "it has fetched twice")
        assert (sum(fetched), reached) == (0, [])
        await put(ground, topic, ("a", 1))
        await has_done(ground, ("a", 1))
    assert reached == ["consumer.after_fetch"]


@pytest.mark.usefixtures("effects")
async def test_a_frozen_member_that_wakes_does_nothing_twice(ground: Ground, tmp_path: Path):
    topic = ground.fresh_topic()
    order = Order(ground.databases, ground.access, [topic])
    notes = [("a", n) for n in range(20)]
    point = "consumer.after_fetch:1:STOP"
    with started(order, tmp_path / "log", failpoint=point) as frozen:
        async with sending(ground):
            await put(ground, topic, *notes)
            await eventually(frozen.frozen, "it freezes with records in hand", timeout=30)
            on = On(Noted, note)
            reader = consume(
                ground.db, ground.access, service="docs", topics=[topic], handlers=[on]
            )
            async with ground.running(reader):
                # Its session with Kafka ends after 3 s; then the other member gets the partition.
                await eventually(lambda: _count(ground, 20), "the other takes over", timeout=40)
                frozen.process.send_signal(signal.SIGCONT)
                await put(ground, topic, ("a", 20))
                await has_done(ground, *notes, ("a", 20))
    assert await done(ground) == [*notes, ("a", 20)]


@pytest.mark.usefixtures("effects")
async def test_a_reader_that_brings_nothing_is_thrown_away(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
):
    """aiokafka can hang without an error (#1154): a paused one looks the same from outside."""
    async with _one_read(ground, monkeypatch) as (topic, made):
        made[0].pause()
        await put(ground, topic, ("a", 2))
        await has_done(ground, ("a", 1), ("a", 2))
    assert len(made) == 2


@pytest.mark.usefixtures("effects")
async def test_a_reader_without_places_is_thrown_away_while_more_and_more_comes(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
):
    """It may hang in its group's rebalance, and nobody else has its places then."""
    async with _one_read(ground, monkeypatch) as (topic, made):
        made[0].lose_places()
        async with asyncio.timeout(30):
            sent = 1
            while len(made) == 1:
                sent += 1
                await put(ground, topic, ("a", sent))
                await asyncio.sleep(0.2)
        await has_done(ground, *(("a", n + 1) for n in range(sent)))


@pytest.mark.usefixtures("effects")
@pytest.mark.parametrize("trouble", ["moved", "lost"])
async def test_a_reader_that_only_ever_begins_anew_is_thrown_away(
    trouble: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
):
    """It was never idle, and brought nothing: 15 records lay unread for two minutes."""
    async with _one_read(ground, monkeypatch) as (topic, made):
        made[0].trouble = trouble
        await put(ground, topic, ("a", 2))
        await eventually(lambda: len(made) > 1, "another reader", timeout=30)
        await has_done(ground, ("a", 1), ("a", 2))


@asynccontextmanager
async def _one_read(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> "AsyncGenerator[tuple[str, list[_Watched]]]":
    """Have a reader that has read one record; lends the topic and every reader that is made."""
    made = _watched(monkeypatch)
    topic, on = ground.fresh_topic(), On(Noted, note)
    reader = consume(ground.db, ground.access, service="docs", topics=[topic], handlers=[on])
    async with sending(ground), ground.running(reader):
        await put(ground, topic, ("a", 1))
        await has_done(ground, ("a", 1))
        yield topic, made


class _Watched(Reader):
    """A reader that can be made to hang, or to begin anew for ever."""

    hangs, trouble = False, ""

    def places(self) -> set[Place]:
        return set() if self.hangs else super().places()

    def lost(self) -> bool:
        return super().lost() or self.trouble == "lost"

    async def fetch(
        self, places: Collection[Place], *, seconds: float, most: int
    ) -> dict[Place, list[Record]]:
        found = await super().fetch(places, seconds=seconds, most=most)
        if self.trouble == "moved" and any(records[0].offset for records in found.values()):
            raise Moved  # not where the record before is looked at, the first one
        return found

    def lose_places(self) -> None:
        self.hangs = True

    def pause(self) -> None:
        self._client.pause(*self._client.assignment())


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[_Watched]:
    """Return what will hold every reader that is made, which is soon found to hang."""
    made = list[_Watched]()

    class Noticed(_Watched):
        def __init__(
            self, access: KafkaAccess, *, group: str | None = None, wait_ms: int = 250
        ) -> None:
            super().__init__(access, group=group, wait_ms=wait_ms)
            made.append(self)

    monkeypatch.setattr(consumer, "Reader", Noticed)
    monkeypatch.setattr(consumer, "_STUCK", 1.0)
    monkeypatch.setattr(consumer, "_STILL_STUCK", 1.0)
    return made
