"""What a consumer does with records: together in one transaction, alone, parked or released."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Generic, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from shared import inbox, outbox, parking, positions, telemetry
from shared.db import Connection, Database, gone
from shared.db_faults import AGAIN, LOST
from shared.errors import Unavailable
from shared.events import Event
from shared.events.topics import BY_NAME
from shared.failpoint import reach
from shared.kafka import TRACE_HEADER, TYPE_HEADER, Record
from shared.text import storable

E = TypeVar("E", bound=Event)
Parked = Callable[[Connection, Record], Awaitable[None]]

TRIES = 3
"""How often a record is tried before it is parked."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class On(Generic[E]):
    """What to do with one type of event, inside the record's transaction (role `worker`)."""

    event: type[E]
    handle: Callable[[Connection, E, Record], Awaitable[None]]

    async def __call__(self, conn: Connection, record: Record) -> None:
        """Parse the record and handle it, in a span below the one that wrote it."""
        event = self.event.model_validate_json(record.value)
        with telemetry.span(
            f"process {record.topic}",
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
                **telemetry.facts(event),
            },
            parent=record.headers.get(TRACE_HEADER),
        ):
            await self.handle(conn, event, record)


class Handler(Protocol):
    """An `On` of any event: what a consumer needs of it."""

    @property
    def event(self) -> type[Event]:
        """The type it is for."""
        ...

    async def __call__(self, conn: Connection, record: Record) -> None:
        """Parse and handle the record."""
        ...


@runtime_checkable
class Together(Protocol):
    """A handler that takes what one transaction holds at once, and sees to the order itself."""

    async def together(self, conn: Connection, records: Sequence[Record]) -> None:
        """Parse and handle the records."""
        ...


class Unreadable(Exception):  # noqa: N818
    """A record without a CloudEvents type: nobody of ours wrote it."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one group of a service reads, and what it does with it."""

    db: Database
    group: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handler]
    inbox: bool
    parked: Parked | None

    def handler(self, record: Record) -> Handler | None:
        """Return who handles the record; None: it is passed over. Raises Unreadable."""
        kind = record.headers.get(TYPE_HEADER)
        if kind is None:
            raise Unreadable(f"the record has no header {TYPE_HEADER}")
        return self.handlers.get(kind)


async def handle(sub: Subscription, records: Sequence[Record], *, generation: int) -> bool:
    """Handle records of one partition in their order, and note the offset.

    All in one transaction; if one fails, each in its own, and what fails 3 times is parked. False
    when the offset was not ours to note. Raises Unavailable (then nothing of the open one is done).
    """
    try:
        noted = await sub.db.as_worker(
            lambda conn: _handle_all(conn, sub, records, generation=generation)
        )
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a handler may raise)
        _log.warning("records are handled one by one", group=sub.group, cause=_cause(error))
        for record in records:
            noted = await _handle_alone(sub, record, generation=generation)
            if not noted:
                return False
        return True
    reach("consumer.after_commit")
    return noted


async def _handle_all(
    conn: Connection, sub: Subscription, records: Sequence[Record], *, generation: int
) -> bool:
    blocked = await parking.keys_with_parked(conn, sub.group, records)
    free = [record for record in records if (record.topic, record.key) not in blocked]
    fresh = await _enter(conn, sub, [record for record in free if sub.handler(record)])
    reach("consumer.after_inbox")
    todo: list[tuple[Handler, Record]] = []
    for record in records:
        handler = sub.handler(record)
        if (record.topic, record.key) in blocked:
            await parking.park(conn, sub.group, record, cause=None, tries=0)
            if sub.parked:
                await sub.parked(conn, record)
        elif handler and (not sub.inbox or record.event_id in fresh):
            fresh.discard(record.event_id)  # the same event may stand twice in the log
            todo.append((handler, record))
    for handler, some in groupby(todo, key=itemgetter(0)):
        await _run(conn, handler, [record for _, record in some])
    return await positions.advance(conn, sub.group, records[-1], generation=generation)


async def _run(conn: Connection, handler: Handler, records: Sequence[Record]) -> None:
    if isinstance(handler, Together):
        await handler.together(conn, records)
        return
    for record in records:
        await handler(conn, record)


async def _enter(conn: Connection, sub: Subscription, records: Sequence[Record]) -> set[UUID]:
    return await inbox.enter(conn, sub.group, records) if sub.inbox else set()


async def _handle_alone(sub: Subscription, record: Record, *, generation: int) -> bool:
    cause = ""
    for _ in range(TRIES):
        try:
            return await sub.db.as_worker(
                lambda conn: _handle_all(conn, sub, [record], generation=generation)
            )
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a handler may raise)
            cause = _cause(error)
    _log.error(
        "record parked",
        group=sub.group,
        topic=record.topic,
        event_id=str(record.event_id),
        cause=cause,
    )

    async def park(conn: Connection) -> bool:
        await parking.park(conn, sub.group, record, cause=cause, tries=TRIES)
        await _copy_to_dead_letters(conn, sub, record, cause)
        if sub.parked:
            await sub.parked(conn, record)
        return await positions.advance(conn, sub.group, record, generation=generation)

    return await sub.db.as_worker(park)


async def _copy_to_dead_letters(
    conn: Connection, sub: Subscription, record: Record, cause: str
) -> None:
    topic = BY_NAME.get(record.topic)
    if topic is None:
        return
    headers = {
        **record.headers,
        "lienthong_original_id": str(record.event_id),
        "lienthong_original_place": f"{record.topic}/{record.partition}/{record.offset}",
        "lienthong_group": sub.group,
        "lienthong_cause": cause,
    }
    await outbox.put_copy(
        conn, topic=topic.dead_letters, key=record.key, headers=headers, value=record.value
    )


async def release(sub: Subscription) -> bool:
    """Try one parked record whose turn has come; say whether there was one."""
    if not await sub.db.look(lambda conn: parking.any_waiting(conn, sub.group)):
        return False
    try:
        return await sub.db.as_worker(lambda conn: _release_one(conn, sub))
    except _StillFails as failed:
        again = failed
    await sub.db.as_worker(lambda conn: parking.failed(conn, again.waiting, again.cause))
    return True


class _StillFails(Exception):  # noqa: N818
    def __init__(self, waiting: parking.Waiting, cause: str) -> None:
        super().__init__(cause)
        self.waiting, self.cause = waiting, cause


async def _release_one(conn: Connection, sub: Subscription) -> bool:
    waiting = await parking.next_waiting(conn, sub.group)
    if waiting is None:
        return False
    record = waiting.record
    try:
        handler = sub.handler(record)
        if handler and (not sub.inbox or await _enter(conn, sub, [record])):
            await handler(conn, record)
    except (Unavailable, *AGAIN, *LOST):
        raise
    except Exception as error:
        if gone(conn):
            raise
        raise _StillFails(waiting, _cause(error)) from error
    await parking.done(conn, waiting)
    return True


def _cause(error: Exception) -> str:
    """Return what went wrong without the record's content (pydantic shows its input)."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        cause = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
    else:
        cause = f"{type(error).__name__}: {error}"
    return storable(cause[:1000])
