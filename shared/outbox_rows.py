"""The outbox as relay and healing see it: what waits, what was taken, what the log has lost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.db import Connection, Session
from shared.failpoint import reach
from shared.kafka import Message, Place


@dataclass(frozen=True, slots=True)
class Row:
    """An outbox row that waits."""

    id: int
    event_id: UUID
    topic: str
    key: str
    headers: dict[str, str]
    value: bytes
    waited_ms: float
    again: bool
    """It was published once; the log has lost it."""

    def message(self) -> Message:
        """Return the row as it is sent."""
        return Message(self.key, self.headers, self.value)


_LOCK = 0x6C74_7265_6C61_79  # "ltrelay"; each service has a database of its own

_FORGET = 5000

Taken = tuple[Row, Place, int]
"""A row, its place, and the offset that the broker gave it."""


async def lead(conn: Session) -> bool:
    """Try to become the leader: the lock lives as long as this connection."""
    return bool(await conn.fetchval("select pg_try_advisory_lock($1)", _LOCK))


async def beat(conn: Session) -> None:
    """Show that the leader is awake; else PostgreSQL ends the connection, and the lock with it."""
    await conn.execute("select 1")


async def waiting(conn: Session, *, held: Collection[str], limit: int) -> list[Row]:
    """Return rows to send, in order; none of held topics, none behind a parked row of its key.

    What lost clusters held (`note_lost`) is sent again, in its old order with the rest.
    """
    may_go = (
        "topic <> all($1::text[])"
        " and not exists (select from outbox as p where p.topic = o.topic and p.key = o.key"
        " and p.published_at is null and p.parked_at is not null and p.id < o.id)"
    )
    rows = await conn.fetch(
        "select id, event_id, topic, key, headers, value,"  # noqa: S608 (a text of ours)
        " extract(epoch from clock_timestamp() - created_at)::float8 * 1000 as waited_ms,"
        " cluster is not null as again from outbox where id = any(array("
        "(select id from outbox as o where published_at is null and parked_at is null"
        f" and {may_go} order by id limit $2) union all"
        " (select old.id from unnest(array(select cluster from outbox_lost)) as was (cluster),"
        # A range, not one cluster: for that the planner would walk through all ids from the first.
        " lateral (select id from outbox as o where (o.cluster, o.id) > (was.cluster, 0)"
        ' and o.cluster <= was.cluster and "offset" is not null'
        f" and {may_go} order by o.cluster, o.id limit $2) as old)))"
        " order by id limit $2",
        list(held),
        limit,
    )
    return [Row(*row) for row in rows]


async def mark(conn: Session, cluster: str, taken: Sequence[Taken]) -> None:
    """Note where the log holds these rows; only the leader's connection may."""
    if not taken:
        return
    await conn.execute(
        "update outbox set published_at = clock_timestamp(), cluster = $1,"
        ' partition = t.partition, "offset" = t.place'
        " from unnest($2::bigint[], $3::int[], $4::bigint[]) as t (id, partition, place)"
        " where outbox.id = t.id",
        cluster,
        [row.id for row, _, _ in taken],
        [place[1] for _, place, _ in taken],
        [offset for _, _, offset in taken],
    )
    reach("relay.marked")


async def park(conn: Session, row: Row, cause: str) -> None:
    """Set a row aside that the broker will never take; later ones of its key wait."""
    await conn.execute(
        "update outbox set parked_at = clock_timestamp(), parked_cause = $2,"
        ' published_at = null, partition = null, "offset" = null where id = $1',
        row.id,
        cause,
    )


async def distinct(conn: Session, column: Literal["topic", "cluster"]) -> list[str]:
    """Return a column's values in the rows that are looked for in the log (skip scan)."""
    values: list[str] = []
    while one := await conn.fetchval(
        f'select min({column}) from outbox where "offset" is not null and {column} > $1',  # noqa: S608 (a name of ours)
        values[-1] if values else "",
    ):
        values.append(one)
    return values


async def note_lost(conn: Session, cluster: str) -> list[str]:
    """Note and return the other clusters that have held rows: this one is sent all of them."""
    others = [one for one in await distinct(conn, "cluster") if one != cluster]
    await conn.execute(
        "with over as (delete from outbox_lost where cluster <> all($1::text[]))"
        " insert into outbox_lost select unnest($1::text[]) on conflict do nothing",
        others,
    )
    return others


async def last_published(
    conn: "Session | Connection", cluster: str
) -> dict[Place, tuple[int, UUID]]:
    """Return offset and event of the cluster's highest row in each partition (skip scan)."""
    rows = await conn.fetch(
        "with recursive places as ("
        ' (select topic, partition from outbox where "offset" is not null'
        " order by topic, partition limit 1) union all"
        " select n.topic, n.partition from places, lateral"
        ' (select o.topic, o.partition from outbox as o where o."offset" is not null'
        " and (o.topic, o.partition) > (places.topic, places.partition)"
        " order by o.topic, o.partition limit 1) as n)"
        ' select places.topic, places.partition, last."offset", last.event_id'
        ' from places, lateral (select "offset", event_id from outbox as o'
        " where o.topic = places.topic and o.partition = places.partition"
        ' and o."offset" is not null and o.cluster = $1 order by o."offset" desc limit 1) as last',
        cluster,
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def published_from(
    conn: Session, place: Place, offset: int, cluster: str, limit: int
) -> list[tuple[int, int, UUID]]:
    """Return id, offset and event of rows of one partition from an offset on, in its order."""
    rows = await conn.fetch(
        'select id, "offset", event_id from outbox where topic = $1 and partition = $2'
        ' and "offset" >= $3 and cluster = $4 order by "offset" limit $5',
        *place,
        offset,
        cluster,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def set_back(conn: Session, ids: Sequence[int]) -> None:
    """Let these rows be sent again, before newer ones; their `cluster` stays: it had them once."""
    await conn.execute(
        'update outbox set published_at = null, partition = null, "offset" = null'
        " where id = any($1::bigint[])",
        ids,
    )
    reach("healing.records_set_back")


async def forget_places(conn: Connection, topic: str, *, but_of: str | None) -> int:
    """Look for a topic's rows no more, but those in the cluster `but_of`; return how many."""
    done = await conn.execute(
        'update outbox set partition = null, "offset" = null where topic = $1'
        ' and "offset" is not null and ($2::text is null or cluster <> $2)',
        topic,
        but_of,
    )
    return int(done.split()[-1])


async def forget(
    conn: Session, keep_ms: Mapping[str, int], *, otherwise_ms: int, lasting: Collection[str]
) -> bool:
    """Delete some rows published longer ago than their topic's time; True when more may be left.

    Of each partition of a `lasting` topic the last row stays: by it a loss is seen. What was lost
    stays until it has been sent again.
    """
    done = await conn.execute(
        "with recursive published (topic) as ("
        " (select topic from outbox where published_at is not null order by topic limit 1)"
        " union all select (select o.topic from outbox as o where o.published_at is not null"
        " and o.topic > last.topic order by o.topic limit 1)"
        " from published as last where last.topic is not null)"
        " delete from outbox where id = any(array(select old.id from published as p"
        " left join unnest($1::text[], $2::bigint[]) as t (topic, keep_ms) on t.topic = p.topic,"
        # `now()`, which stands still: for what may change with each row no index is asked.
        " lateral (select o.id from outbox as o where o.topic = p.topic"
        " and o.published_at < now() - interval '1 ms' * coalesce(t.keep_ms, $3)"
        ' and (o.topic <> all($4::text[]) or o."offset" is null or exists (select from outbox as n'
        " where n.topic = o.topic and n.partition = o.partition and n.cluster = o.cluster"
        ' and n."offset" > o."offset"))'
        ' and (o."offset" is null or o.cluster not in (select cluster from outbox_lost))'
        " order by o.published_at limit $5) as old limit $5))",
        list(keep_ms),
        list(keep_ms.values()),
        otherwise_ms,
        list(lasting),
        _FORGET,
    )
    return int(done.split()[-1]) == _FORGET
