"""Rows of `dispatch_changes`: what was told of a dispatch, kept for its timeline."""

from collections.abc import Sequence

from shared import telemetry
from shared.db import Connection
from shared.events import DispatchChanged
from shared.ids import uuid7


async def keep(conn: Connection, events: Sequence[DispatchChanged]) -> None:
    """Keep what the outbox tells in the same transaction."""
    await conn.execute(
        """insert into dispatch_changes (id, dispatch_id, document_id, sender_id, change, reason,
            recipient_id, successors, trace_id)
        select n.id, n.dispatch_id, n.document_id, n.sender_id, n.change, n.reason,
            n.recipient_id, string_to_array(n.successors, ',')::uuid[], $9
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::uuid[], $8::text[])
            as n (id, dispatch_id, document_id, sender_id, change, reason, recipient_id,
                successors)""",
        [uuid7() for _ in events],
        [event.dispatch_id for event in events],
        [event.document_id for event in events],
        [event.sender_id for event in events],
        [event.change for event in events],
        [event.reason for event in events],
        [event.recipient_id for event in events],
        [",".join(str(one) for one in event.successors) for event in events],
        telemetry.trace_id(),
    )
