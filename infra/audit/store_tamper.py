"""Changes of rows for the tamper test: as the superuser, in a transaction that is rolled back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from infra.audit.finding import Row
from infra.audit.tamper.catalogue import Table
from infra.postgres.provision import Connection

_MOST = 5_000
"""Rows of a table from which one is chosen."""


_ONLY = {
    "docs.mailbox_heads": "sequence > 0",
    "docs.seen_heads": "sequence > 0",
    "docs.documents": "state = 'dispatched'",
    "docs.attachments": "document_id in (select id from documents where state = 'dispatched')",
    "notify.lanes": "sequence > 0",
    "signing.signatures": "state in ('made', 'failed')",
    "signing.trust_changes": "state = 'approved'",
}
"""Which rows are evidence, where not all are: a draft is its sender's to change."""


def _only(table: Table) -> str:
    return _ONLY.get(table.title, "true")


async def prepare(connection: Connection) -> None:
    """Let no trigger and no foreign key stand in the way; a lock is waited for shortly."""
    await connection.execute("set session_replication_role = replica")
    await connection.execute("set lock_timeout = '2s'")


async def columns(connection: Connection, table: Table) -> list[str]:
    """Return the columns that can be written, but for generated ones."""
    rows = await connection.fetch(
        """select column_name from information_schema.columns
        where table_schema = 'public' and table_name = $1
            and is_generated = 'NEVER' and identity_generation is null
        order by ordinal_position""",
        table.name,
    )
    return [str(row[0]) for row in rows]


async def places(connection: Connection, table: Table) -> list[str]:
    """Return where the rows of a table are that are evidence, in no special order."""
    rows = await connection.fetch(
        f"select ctid::text from {table.name} where {_only(table)} order by ctid limit {_MOST}"  # noqa: S608
    )
    return [row[0] for row in rows]


async def read(connection: Connection, table: Table, names: Sequence[str], place: str) -> Row:
    """Return one row."""
    row = await connection.fetchrow(
        f"select {_list(names)} from {table.name} where ctid = $1::text::tid",  # noqa: S608
        place,
    )
    if row is None:
        raise LookupError(f"{table.title} has no row at {place}")
    return dict(row)


async def others(connection: Connection, table: Table, column: str) -> list[Any]:
    """Return some values of a column, of rows that have one: few may, and late."""
    held = f'{_only(table)} and "{column}" is not null'
    rows = await connection.fetch(
        f'select "{column}" from {table.name} where {held} limit 200'  # noqa: S608
    )
    return [row[0] for row in rows]


async def update(
    connection: Connection, table: Table, place: str, column: str, value: object
) -> None:
    """Give one column of one row another value."""
    await connection.execute(
        f'update {table.name} set "{column}" = $2 where ctid = $1::text::tid',  # noqa: S608
        place,
        value,
    )


async def delete(connection: Connection, table: Table, places_: Sequence[str]) -> None:
    """Take rows out."""
    await connection.execute(
        f"delete from {table.name} where ctid = any($1::text[]::tid[])",  # noqa: S608
        list(places_),
    )


async def insert(connection: Connection, table: Table, row: Row) -> None:
    """Put a row in."""
    values = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(
        f"insert into {table.name} ({_list(list(row))}) values ({values})",  # noqa: S608
        *row.values(),
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


async def long_lanes(connection: Connection, service: str, least: int) -> list[tuple[UUID, str]]:
    """Return the mailbox lanes with at least so many entries."""
    table, agency = ("entries", "agency_id") if service == "notify" else ("deliveries", _RECIPIENT)
    rows = await connection.fetch(
        f"""select {agency} as agency, lane from {table} where sequence is not null
        group by 1, 2 having count(*) >= $1 order by 1, 2""",  # noqa: S608
        least,
    )
    return [(row["agency"], row["lane"]) for row in rows]


_RECIPIENT = "recipient_id"


async def lane(connection: Connection, service: str, key: tuple[UUID, str]) -> list[Row]:
    """Return the entries of a lane in order: place, sequence and content."""
    table, agency, content = (
        ("entries", "agency_id", "content")
        if service == "notify"
        else ("deliveries", _RECIPIENT, "entry")
    )
    rows = await connection.fetch(
        f"""select ctid::text as place, sequence, {content} as content from {table}
        where {agency} = $1 and lane = $2 and sequence is not null order by sequence""",  # noqa: S608
        *key,
    )
    return [dict(row) for row in rows]


async def set_link(
    connection: Connection,
    service: str,
    place: str,
    *,
    sequence: int,
    previous: bytes,
    made: bytes,
    content: bytes,
) -> None:
    """Give an entry another place in its chain."""
    table, column = ("entries", "content") if service == "notify" else ("deliveries", "entry")
    await connection.execute(
        f"""update {table} set sequence = $2, previous_hash = $3, hash = $4, {column} = $5
        where ctid = $1::text::tid""",  # noqa: S608
        place,
        sequence,
        previous,
        made,
        content,
    )


async def set_heads(
    connection: Connection, service: str, key: tuple[UUID, str], number: int, made: bytes
) -> None:
    """Set what a service believes to be the last entry of a lane."""
    tables = ("lanes",) if service == "notify" else ("mailbox_heads", "seen_heads")
    for table in tables:
        await connection.execute(
            f"update {table} set sequence = $3, hash = $4 where agency_id = $1 and lane = $2",  # noqa: S608
            *key,
            number,
            made,
        )


async def cut(
    connection: Connection, service: str, key: tuple[UUID, str], after: int, *, undo: bool
) -> None:
    """Take the tail of a lane out, and all that a service keeps of these deliveries.

    With `undo` docs' copies stay, without their numbers.
    """
    table, agency, id_ = (
        ("entries", "agency_id", "delivery_id")
        if service == "notify"
        else ("deliveries", _RECIPIENT, "id")
    )
    tail = f"{agency} = $1 and lane = $2 and sequence > $3"
    inside = f"select {id_} from {table} where {tail}"  # noqa: S608
    others_ = (
        ("waiting", "receipts", "statuses") if service == "notify" else ("receipts", "statuses")
    )
    for other in others_:
        await connection.execute(
            f"delete from {other} where delivery_id in ({inside})",  # noqa: S608
            *key,
            after,
        )
    if undo and service == "docs":
        await connection.execute(
            f"""update deliveries set sequence = null, previous_hash = null, hash = null,
                entry = null, cleared_at = null, status = '', status_step = 0, status_at = null
            where {tail}""",  # noqa: S608
            *key,
            after,
        )
    else:
        await connection.execute(f"delete from {table} where {tail}", *key, after)  # noqa: S608


async def forge_evidence(connection: Connection, place: str, evidence: bytes, sha256: str) -> None:
    """Give a verdict another evidence, and its digest wherever signing shows it."""
    row = await connection.fetchrow(
        """update verdicts set evidence = $2, evidence_sha256 = $3 where ctid = $1::text::tid
        returning dispatch_id, sha256, judgement""",
        place,
        evidence,
        sha256,
    )
    if row is not None:
        await connection.execute(
            """update examinations set evidence_sha256 = $4
            where dispatch_id = $1 and sha256 = $2 and judgement = $3""",
            *row,
            sha256,
        )


async def dispatches(docs: Connection) -> int:
    """Count the dispatches that docs knows."""
    return int(await docs.fetchval("select count(*) from dispatches"))
