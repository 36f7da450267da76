"""The inbox: which events had their effect here, whatever is sent or read again."""

from collections.abc import Sequence
from uuid import UUID

from shared.db import Connection, Session
from shared.kafka import Record

_FORGET = 5000


async def enter(conn: Connection, group: str, records: Sequence[Record]) -> set[UUID]:
    """Enter records in the transaction of their effect; return the events not there before."""
    # Sorted: two members that handle the same records must not wait for each other crosswise.
    rows = await conn.fetch(
        "insert into inbox (consumer_group, event_id) select $1, u from unnest($2::uuid[]) as u"
        " on conflict do nothing returning event_id",
        group,
        sorted({record.event_id for record in records}),
    )
    return {row[0] for row in rows}


async def forget(conn: Session, *, after_ms: int) -> bool:
    """Delete some entries older than anything that could be sent again; True: more may be left."""
    done = await conn.execute(
        "delete from inbox where ctid = any(array(select ctid from inbox"
        " where handled_at < now() - interval '1 ms' * $1 order by handled_at limit $2))",
        after_ms,
        _FORGET,
    )
    return int(done.split()[-1]) == _FORGET
