"""What could not be handled or sent: kept, shown to the operator, and released by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.db import Connection, Database
from shared.kafka import TRACE_HEADER, Record


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked record whose turn has come: released, or no longer behind another one."""

    id: int
    record: Record


@dataclass(frozen=True, slots=True)
class Shown:
    """One parked record or row, for the operator: never its value."""

    id: str
    """`record-7` (could not be handled) or `row-7` (could not be sent)."""
    topic: str
    key: str
    event_id: str
    cause: str | None
    """None: it waits behind an earlier one of its key."""
    parked_at: datetime
    trace_id: str | None
    """The trace of the document that it belongs to; None: it came without one."""


async def keys_with_parked(
    conn: Connection, group: str, records: Sequence[Record]
) -> set[tuple[str, str]]:
    """Return which (topic, key) of these records must wait behind parked ones."""
    rows = await conn.fetch(
        "select distinct topic, key from parked where consumer_group = $1"
        " and (topic, key) in (select t, k from unnest($2::text[], $3::text[]) as u (t, k))",
        group,
        [record.topic for record in records],
        [record.key for record in records],
    )
    return {(row[0], row[1]) for row in rows}


async def park(
    conn: Connection, group: str, record: Record, *, cause: str | None, tries: int
) -> None:
    """Keep a record aside: with its cause, or (None) behind an earlier one of its key.

    A record that was handled before, or is parked already, is left as it is.
    """
    await conn.execute(
        "insert into parked (consumer_group, topic, partition, record_offset, key, event_id,"
        " headers, value, cause, tries) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
        " where not exists (select from inbox where consumer_group = $1 and event_id = $6)"
        " on conflict do nothing",
        group,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.event_id,
        dict(record.headers),
        record.value,
        cause,
        tries,
    )


async def any_waiting(conn: Connection, group: str) -> bool:
    """Say whether a parked record may be tried again; `next_waiting` then finds the first."""
    return bool(
        await conn.fetchval(
            "select exists (select from parked where consumer_group = $1"
            " and (released_at is not null or cause is null))",
            group,
        )
    )


async def next_waiting(conn: Connection, group: str) -> Waiting | None:
    """Lock and return the first of a key that may be tried again: released, or never tried."""
    row = await conn.fetchrow(
        "select p.id, p.topic, p.partition, p.record_offset, p.key, p.headers, p.value, p.event_id"
        " from parked as p where p.consumer_group = $1"
        " and (p.released_at is not null or p.cause is null)"
        " and not exists (select from parked as q where q.consumer_group = $1"
        " and q.topic = p.topic and q.key = p.key and q.id < p.id)"
        " order by p.id limit 1 for update skip locked",
        group,
    )
    return Waiting(row[0], Record(*row[1:])) if row else None


async def done(conn: Connection, waiting: Waiting) -> None:
    """Forget a parked record that was handled now."""
    await conn.execute("delete from parked where id = $1", waiting.id)


async def failed(conn: Connection, waiting: Waiting, cause: str) -> None:
    """Keep a record parked that failed again."""
    await conn.execute(
        "update parked set cause = $2, tries = tries + 1, released_at = null where id = $1",
        waiting.id,
        cause,
    )


async def listing(conn: Connection) -> list[Shown]:
    """Return everything parked in this service, oldest first (role `worker`)."""
    rows = await conn.fetch(
        "select 'record-' || id, topic, key, event_id::text, cause, parked_at,"
        " nullif(split_part(headers ->> $1, '-', 2), '') from parked"
        " union all"
        " select 'row-' || id, topic, key, event_id::text, parked_cause, parked_at,"
        " nullif(split_part(headers ->> $1, '-', 2), '') from outbox"
        " where published_at is null and parked_at is not null order by 6 limit 1000",
        TRACE_HEADER,
    )
    return [Shown(*row) for row in rows]


async def release(conn: Connection, shown_id: str) -> bool:
    """Let a parked record or row be tried again, and then those behind it (role `worker`).

    False when nothing of this id is parked.
    """
    kind, _, number = shown_id.partition("-")
    if not number.isdecimal() or len(number) > 18:  # noqa: PLR2004 (what a bigint holds)
        return False
    if kind == "record":
        released = await conn.execute(
            "update parked set released_at = clock_timestamp() where id = $1", int(number)
        )
    else:
        released = await conn.execute(
            "update outbox set parked_at = null, parked_cause = null"
            " where id = $1 and published_at is null and parked_at is not null",
            int(number) if kind == "row" else -1,
        )
    return bool(released == "UPDATE 1")


async def count(db: Database) -> float:
    """Count what is parked (gauge `lienthong_parked`)."""

    async def counted(conn: Connection) -> float:
        return float(
            await conn.fetchval(
                "select (select count(*) from parked) + (select count(*) from outbox"
                " where published_at is null and parked_at is not null)"
            )
        )

    return await db.as_worker(counted)
