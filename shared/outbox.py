"""The outbox: events written in the effect's transaction (`shared.relay` carries them off)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from opentelemetry.trace import SpanKind

from shared import telemetry
from shared.db import Connection, Database, note_outbox
from shared.events import Event
from shared.ids import uuid7
from shared.kafka import ID_HEADER, TRACE_HEADER, TYPE_HEADER
from shared.relay import relay

__all__ = ["oldest", "pending", "put", "put_all", "put_copy", "relay"]

_SOURCE = "/lienthong"


async def put(conn: Connection, event: Event) -> UUID:
    """Insert `event` into the outbox of this transaction, with the present trace context.

    The row of the aggregate must be locked before (protocol.md 3). Returns the event's id.
    Works as the roles `app` and `worker`.
    """
    return (await put_all(conn, [event]))[0]


async def put_all(
    conn: Connection,
    events: Sequence[Event],
    *,
    ids: Sequence[UUID] | None = None,
    parents: Sequence[str | None] | None = None,
) -> list[UUID]:
    """Insert several events in this order, by one statement; return their ids.

    `ids` are for events whose id follows from what they tell: one that is there stays as it is.
    `parents` are the `traceparent` of what each event comes from (None: the present context).
    """
    ids = [uuid7() for _ in events] if ids is None else ids
    parents = [None] * len(events) if parents is None else parents
    await conn.execute(
        "insert into outbox (event_id, topic, key, headers, value)"
        " select e.event_id, e.topic, e.key, e.headers, e.value"
        " from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::bytea[])"
        " with ordinality as e (event_id, topic, key, headers, value, n) order by e.n"
        " on conflict do nothing",
        ids,
        [event.topic() for event in events],
        [event.key() for event in events],
        [_headers(*one) for one in zip(events, ids, parents, strict=True)],
        [event.to_json() for event in events],
    )
    note_outbox()
    return list(ids)


async def put_copy(
    conn: Connection, *, topic: str, key: str, headers: Mapping[str, str], value: bytes
) -> None:
    """Insert a copy of a foreign record (a dead letter) as a new row with an id of its own."""
    event_id = uuid7()
    await conn.execute(
        "insert into outbox (event_id, topic, key, headers, value) values ($1, $2, $3, $4, $5)",
        event_id,
        topic,
        key,
        {**headers, ID_HEADER: str(event_id)},
        value,
    )
    note_outbox()


def _headers(event: Event, event_id: UUID, parent: str | None) -> dict[str, str]:
    """Return CloudEvents headers (binary mode), the event's own, and the trace context."""
    headers = {
        "ce_specversion": "1.0",
        ID_HEADER: str(event_id),
        TYPE_HEADER: event.ce_type(),
        "ce_source": _SOURCE,
        "ce_subject": event.key(),
        "ce_time": datetime.now(UTC).isoformat(),
        "content-type": "application/json",
        **event.extensions(),
    }
    created = telemetry.point(
        f"create {event.topic()}",
        kind=SpanKind.PRODUCER,
        attributes=telemetry.facts(event),
        parent=parent,
    )
    return {**headers, TRACE_HEADER: created} if created else headers


async def pending(db: Database) -> float:
    """Count the rows that have not reached Kafka (gauge `lienthong_outbox_pending`)."""

    async def count(conn: Connection) -> float:
        return float(await conn.fetchval("select count(*) from outbox_to_send"))

    return await db.as_worker(count)


async def oldest(db: Database) -> float:
    """Return how many seconds the oldest row waits (gauge `lienthong_outbox_oldest_seconds`)."""

    async def age(conn: Connection) -> float:
        return float(
            await conn.fetchval(
                "select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)"
                " from outbox_to_send"
            )
        )

    return await db.as_worker(age)
