"""The relay: one leader per service carries outbox rows to Kafka, in order, for ever again."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import time_ns
from typing import Any, TypeVar

import asyncpg
import structlog
from opentelemetry.trace import SpanKind

from shared import healing, outbox_rows, telemetry
from shared.bell import Listener
from shared.db import Database, Session
from shared.db_faults import AGAIN, LOST
from shared.errors import Unavailable
from shared.events.topics import Service
from shared.failpoint import reach
from shared.kafka import TRACE_HEADER, KafkaAccess, Place, RecordRefused, TopicRefused
from shared.kafka.producer import Producer
from shared.kafka.reader import Reader
from shared.outbox_rows import Row, Taken
from shared.process import Task

T = TypeVar("T")

_ROWS = 500
_POLL, _LOOK, _TIDY = 0.25, 10.0, 600.0
_TIDY_PART = 5
"""While old rows are left, one part of so many of the leader's time goes to them."""
_TIDY_SECONDS = 5.0
_BEAT = 0.5
_HOLD, _PATIENCE = 2.0, 15.0
_FENCE = {"idle_session_timeout": "5s", "idle_in_transaction_session_timeout": "5s"}
_GIVEN_UP = (*LOST, *AGAIN, asyncpg.InterfaceError)
"""What ends a lead that is then taken again; of a statement that met a lock nothing is done."""
_log = structlog.get_logger()


@dataclass(slots=True)
class Leader:
    """What the leader holds: its connection (the lock lives on it) and what it may not send."""

    conn: Session
    held: dict[str, float] = field(default_factory=dict[str, float])
    """Topics that Kafka refuses, until when."""
    single: dict[Place, int] = field(default_factory=dict[Place, int])
    """Places where rows go one by one, to find the one that is refused."""
    look: float = 0
    """When the log is to be looked at again."""

    def hold(self, topic: str, error: Exception) -> None:
        """Do not try a topic for a while, and then not before its log was looked at."""
        if topic not in self.held:
            _log.warning("topic held", topic=topic, cause=str(error))
        self.held[topic] = asyncio.get_running_loop().time() + _HOLD
        self.look = min(self.look, self.held[topic])

    def topics_held(self) -> list[str]:
        """Return the topics that are not tried now."""
        now = asyncio.get_running_loop().time()
        self.held = {topic: until for topic, until in self.held.items() if until > now}
        return list(self.held)

    async def beside(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for Kafka and keep the connection alive (a frozen leader loses it, and the lock)."""
        lost: Exception | None = None
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_outcome(work))
            while not (await asyncio.wait((task,), timeout=_BEAT))[0]:
                try:
                    await outbox_rows.beat(self.conn)
                except _GIVEN_UP as error:
                    lost = error
                    task.cancel()
                    break
        if lost is not None:
            raise lost  # itself, not in a group: the lead is lost, the task goes on
        result, error = task.result()
        if error is not None:
            raise error
        return result  # pyright: ignore[reportReturnType] (there is one when there is no error)


async def _outcome(work: Coroutine[Any, Any, T]) -> tuple[T | None, Unavailable | None]:
    try:
        return await work, None
    except Unavailable as error:
        return None, error


def relay(
    db: Database, access: KafkaAccess, *, service: Service, restate: healing.Restate | None = None
) -> Task:
    """Publish outbox rows in order of their ids while this process holds the service's lock.

    `restate` puts the present state of a lost compacted topic into the outbox again.
    """

    async def task(stop: asyncio.Event) -> None:
        bell = db.outbox_bell.listen()
        while not stop.is_set():
            try:
                await _lead(db, access, bell, stop, restate=restate or {})
            except Unavailable as error:
                _log.warning("relay waits", service=service, cause=str(error))
            except _GIVEN_UP as error:
                _log.warning("relay lost its lead", service=service, cause=repr(error))
            if not stop.is_set():
                await bell.rung(timeout=1)

    return task


async def _lead(
    db: Database,
    access: KafkaAccess,
    bell: Listener,
    stop: asyncio.Event,
    *,
    restate: healing.Restate,
) -> None:
    """Lead until the end, or until the connection is given up and the lock with it."""
    async with db.alone(**_FENCE) as conn:
        while not await outbox_rows.lead(conn):
            if stop.is_set():
                return
            await asyncio.sleep(1)
        leader = Leader(conn)
        _log.info("relay leads")
        while not stop.is_set():
            try:
                await _with_a_producer(db, access, leader, bell, stop=stop, restate=restate)
            except Unavailable as error:
                _log.warning("relay waits", cause=str(error))
                await leader.beside(asyncio.sleep(1))


async def _with_a_producer(
    db: Database,
    access: KafkaAccess,
    leader: Leader,
    bell: Listener,
    *,
    stop: asyncio.Event,
    restate: healing.Restate,
) -> None:
    """Send with one producer until it errs or a connection is lost; look at the log before."""
    loop, conn = asyncio.get_running_loop(), leader.conn
    async with AsyncExitStack() as stack:
        producer = Producer(access)
        stack.push_async_callback(producer.discard)
        await leader.beside(producer.start())
        reader = await leader.beside(stack.enter_async_context(Reader.open(access)))
        leader.look, tidy = 0, loop.time() + _BEAT
        while not stop.is_set():
            if producer.lost() or reader.lost():
                return
            if loop.time() >= leader.look:
                leader.look = loop.time() + _LOOK
                cluster = producer.cluster
                gone = await healing.heal(db, leader, reader, cluster=cluster, restate=restate)
                for topic in gone:
                    leader.hold(topic, TopicRefused("missing"))
            if loop.time() >= tidy:
                tidy = await _tidied(conn)
            rows = await outbox_rows.waiting(conn, held=leader.topics_held(), limit=_ROWS)
            if rows:
                reach("relay.after_select")
                if not await _send(leader, producer, rows):
                    return
                continue
            await bell.rung(timeout=_POLL)


async def _tidied(conn: Session) -> float:
    """Delete some of what is old; return when to go on. No lead is lost over it, nor begins anew.

    Nothing is sent meanwhile: what cannot be deleted in time is left to the next time.
    """
    loop = asyncio.get_running_loop()
    began, more = loop.time(), False
    try:
        async with asyncio.timeout(_TIDY_SECONDS):
            more = await healing.tidy(conn)
    except (*AGAIN, TimeoutError) as error:
        _log.warning("old rows not deleted", cause=repr(error))
    now = loop.time()
    return now + ((_TIDY_PART - 1) * (now - began) if more else _TIDY)


async def _send(leader: Leader, producer: Producer, rows: Sequence[Row]) -> bool:
    """Send one batch per partition and mark what was taken; False: the producer is spent."""
    began = time_ns()
    sent: list[tuple[Place, Any, list[Row]]] = []
    for place, waiting in (await _by_place(leader, producer, rows)).items():
        now = waiting[:1] if leader.single.get(place) else waiting
        messages = [row.message() for row in now]
        future, fitted = await leader.beside(producer.begin(place, messages))
        sent.append((place, future, now[:fitted]))
    well = await _answered(leader, producer, [future for _, future, _ in sent])
    reach("relay.after_send")
    taken: list[Taken] = []
    for place, future, batch in sent:
        try:
            first = Producer.offset(future)
        except RecordRefused as error:
            await _refused(leader, place, batch, error)
            well = False
        except TopicRefused as error:
            leader.hold(place[0], error)
            well = False
        except Unavailable:
            well = False
        else:
            leader.single[place] = max(0, leader.single.get(place, 0) - 1)
            taken += [(row, place, first + n) for n, row in enumerate(batch)]
    reach("relay.before_mark")
    await outbox_rows.mark(leader.conn, producer.cluster, taken)
    _trace(taken, began_ns=began)
    return well


async def _by_place(
    leader: Leader, producer: Producer, rows: Sequence[Row]
) -> dict[Place, list[Row]]:
    places: dict[Place, list[Row]] = {}
    for row in rows:
        if row.topic in leader.held:
            continue
        if not producer.knows(row.topic):
            await leader.beside(producer.learn(row.topic))
        if not producer.knows(row.topic):
            leader.hold(row.topic, TopicRefused("unknown, or not ours to write"))
            continue
        place = row.topic, producer.partition(row.topic, row.key)
        places.setdefault(place, []).append(row)
    return places


async def _answered(leader: Leader, producer: Producer, futures: Sequence[Any]) -> bool:
    """Wait until every batch is answered; False when a connection or the patience ended first."""
    loop = asyncio.get_running_loop()
    until, waiting = loop.time() + _PATIENCE, set(futures)
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=_BEAT)
        if waiting:
            await outbox_rows.beat(leader.conn)
            # What is sent again by itself could meet a log that was wiped in between.
            if producer.lost() or loop.time() > until:
                return False
    return True


async def _refused(leader: Leader, place: Place, batch: list[Row], error: Exception) -> None:
    """Park the row that the broker will never take; find it first when it was among others."""
    if len(batch) > 1:
        leader.single[place] = len(batch)
        return
    row = batch[0]
    _log.error("outbox row parked", event_id=str(row.event_id), topic=row.topic, cause=str(error))
    await outbox_rows.park(leader.conn, row, str(error))


def _trace(taken: Sequence[Taken], *, began_ns: int) -> None:
    """Note the span of each row; but not again of what is healed, ten thousands of them."""
    ended = time_ns()
    for row, (topic, partition), offset in taken:
        if row.again:
            continue
        telemetry.record(
            f"send {topic}",
            kind=SpanKind.CLIENT,
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.name": topic,
                "messaging.destination.partition.id": str(partition),
                "messaging.kafka.offset": offset,
                telemetry.OUTBOX_WAIT_MS: round(row.waited_ms, 1),
            },
            parent=row.headers.get(TRACE_HEADER),
            start_ns=began_ns,
            end_ns=ended,
        )
