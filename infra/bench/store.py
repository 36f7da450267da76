"""SQL of the bench: rows of documents that are stored beforehand, and the floor's one table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from infra.postgres.provision import Connection

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A document to one recipient that has arrived."""

    document: UUID
    dispatch: UUID
    delivery: UUID
    sender: UUID
    recipient: UUID
    entry: bytes


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where the normal lanes of mailboxes and senders stand."""

    heads: Mapping[UUID, tuple[int, bytes]]
    """By agency: last number and its hash."""
    turns: Mapping[UUID, int]


async def templates(docs: Connection, limit: int) -> list[Template]:
    """Return the newest documents that went to one recipient and are there."""
    rows = await docs.fetch(
        """select p.document_id, p.id as dispatch, v.id as delivery, p.sender_id, v.recipient_id,
            v.entry from dispatches as p join deliveries as v on v.dispatch_id = p.id
        where p.recipients = 1 and p.state = 'cleared' and p.lane = 'normal' and v.sequence > 0
        order by p.id desc limit $1""",
        limit,
    )
    return [Template(*row) for row in rows]


async def lanes(docs: Connection) -> Lanes:
    """Return the heads and turns that docs has given."""
    heads = await docs.fetch(
        "select agency_id, sequence, hash from mailbox_heads where lane = 'normal'"
    )
    turns = await docs.fetch("select sender_id, last_turn from turns where lane = 'normal'")
    return Lanes({row[0]: (row[1], row[2]) for row in heads}, {row[0]: row[1] for row in turns})


async def event_numbers(notify: Connection) -> dict[UUID, int]:
    """Return the last number of each agency's event log."""
    rows = await notify.fetch("select agency_id, number from event_heads")
    return {row[0]: row[1] for row in rows}


async def advance_docs(docs: Connection, now: Lanes) -> None:
    """Move docs' heads and turns."""
    await docs.execute(
        """update mailbox_heads as h set sequence = n.sequence, hash = n.hash
        from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as n (agency_id, sequence, hash)
        where h.agency_id = n.agency_id and h.lane = 'normal'""",
        *_columns(now),
    )
    await docs.executemany(
        "update turns set last_turn = $2 where sender_id = $1 and lane = 'normal'",
        list(now.turns.items()),
    )


async def advance_notify(notify: Connection, now: Lanes, numbers: Mapping[UUID, int]) -> None:
    """Move notify's lanes and event logs."""
    await notify.execute(
        """update lanes as h set sequence = n.sequence, hash = n.hash
        from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as n (agency_id, sequence, hash)
        where h.agency_id = n.agency_id and h.lane = 'normal'""",
        *_columns(now),
    )
    await notify.executemany(
        "update event_heads set number = $2 where agency_id = $1", list(numbers.items())
    )


def _columns(now: Lanes) -> tuple[list[UUID], list[int], list[bytes]]:
    agencies = list(now.heads)
    return (
        agencies,
        [now.heads[agency][0] for agency in agencies],
        [now.heads[agency][1] for agency in agencies],
    )


async def published(connection: Connection, count: int) -> None:
    """Copy so many outbox rows: published, and looked for in the log no more."""
    await connection.execute(
        """insert into outbox (event_id, topic, key, headers, value, created_at, published_at)
        select gen_random_uuid(), o.topic, o.key, o.headers, o.value, o.created_at, o.published_at
        from (select topic, key, headers, value, created_at, published_at from outbox
            where published_at is not null order by id desc limit 500) as o,
            generate_series(1, $1 / 500 + 1) limit $1""",
        count,
    )


async def handled(connection: Connection, count: int) -> None:
    """Copy so many inbox rows: events that were handled."""
    await connection.execute(
        """insert into inbox (consumer_group, event_id, handled_at)
        select i.consumer_group, gen_random_uuid(), i.handled_at
        from (select consumer_group, handled_at from inbox limit 500) as i,
            generate_series(1, $1 / 500 + 1) limit $1""",
        count,
    )


async def answered(docs: Connection, count: int) -> None:
    """Copy so many stored answers of requests."""
    await docs.execute(
        """insert into idempotency
            (client_id, agency, method, path, key, digest, status, headers, body, created_at)
        select i.client_id, i.agency, i.method, i.path, gen_random_uuid()::text, i.digest,
            i.status, i.headers, i.body, i.created_at
        from (select client_id, agency, method, path, digest, status, headers, body, created_at
            from idempotency limit 500) as i, generate_series(1, $1 / 500 + 1) limit $1""",
        count,
    )


async def clone(
    connection: Connection,
    table: str,
    key: str,
    changes: Sequence[tuple[UUID, Row]],
    *,
    kind: str | None = None,
) -> None:
    """Copy the rows whose `key` is the given one, with some columns changed; all others stay.

    Of a table with several kinds of rows under one key, `kind` names the `type` that is meant.
    """
    rows = await connection.fetch(
        """select column_name from information_schema.columns
        where table_schema = 'public' and table_name = $1
            and is_generated = 'NEVER' and identity_generation is null""",
        table,
    )
    names = [str(row[0]) for row in rows]
    # The names come from the catalogue, the table and the key from the bench.
    into = ", ".join(f'"{name}"' for name in names)
    chosen = ", ".join(f'(r.made)."{name}"' for name in names)
    await connection.execute(
        f"""insert into {table} ({into}) select {chosen} from (
            select jsonb_populate_record(t, c.change) as made
            from unnest($1::uuid[], $2::jsonb[]) with ordinality as c (template, change, n)
            join {table} as t on t.{key} = c.template {"" if kind is None else "and t.type = $3"}
            order by c.n) as r""",  # noqa: S608
        [template for template, _ in changes],
        [_json(change) for _, change in changes],
        *([] if kind is None else [kind]),
    )


def _json(row: Row) -> str:
    return json.dumps(
        {name: value if isinstance(value, int) else _text(value) for name, value in row.items()}
    )


def _text(value: UUID | bytes) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


async def analyze(connection: Connection) -> None:
    """Let the planner know of the new rows, as autovacuum would in a minute."""
    await connection.execute("analyze")


async def make_scratch(connection: Connection, name: str) -> None:
    """Make an empty database."""
    await drop_scratch(connection, name)
    await connection.execute(f'create database "{name}"')


async def drop_scratch(connection: Connection, name: str) -> None:
    """Remove the database, if it is there."""
    await connection.execute(f'drop database if exists "{name}" with (force)')


async def make_floor(connection: Any) -> None:  # noqa: ANN401 (of a pool)
    """Make the floor's table: rows like deliveries'."""
    await connection.execute(
        """create table floor (id uuid primary key, recipient uuid not null, seq bigint not null,
            payload text not null, unique (recipient, seq))"""
    )


async def insert_floor(connection: Any, row: tuple[UUID, UUID, int, str]) -> None:  # noqa: ANN401 (of a pool)
    """Insert one row in a transaction of its own."""
    await connection.execute("insert into floor values ($1, $2, $3, $4)", *row)
