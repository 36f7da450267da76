"""Rows of `statuses`, and the latest one of each delivery beside it: what recipients reported."""

from collections.abc import Sequence

from shared.db import Connection
from shared.events import DeliveryStatusReported
from shared.ids import DeliveryId


async def keep(
    conn: Connection, event: DeliveryStatusReported, *, trace_id: str | None = None
) -> None:
    """Keep a status by its step; the first one of a step counts."""
    await conn.execute(
        """insert into statuses (delivery_id, step, code, dispatch_id, document_id, recipient_id,
            acting_id, reported_at, trace_id, words_sha256)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing""",
        event.delivery_id,
        event.step,
        event.code,
        event.dispatch_id,
        event.document_id,
        event.agency_id,
        event.acting_agency_id,
        event.reported_at,
        trace_id,
        event.words_sha256,
    )


async def bring_up(conn: Connection, deliveries: Sequence[DeliveryId]) -> None:
    """Bring deliveries to the latest step that is kept of them; a receipt alone means 01.

    Never back: an earlier step changes nothing, so order and repetition do not matter. Locks the
    deliveries; those that are not known (again) yet are brought up when they are.
    """
    await conn.execute(
        """update deliveries as d
        set status = n.code, status_step = n.step, status_at = n.at
        from (
            select distinct on (k.delivery_id) k.delivery_id, k.code, k.step, k.at from (
                select delivery_id, code, step, reported_at as at from statuses
                where delivery_id = any($1)
                union all
                select delivery_id, '01', 0, acknowledged_at from receipts
                where delivery_id = any($1)) as k
            order by k.delivery_id, k.step desc) as n
        where d.id = n.delivery_id
            and (d.status_step < n.step or (d.status_step = 0 and d.status = ''))""",
        deliveries,
    )


async def reported(
    conn: Connection, deliveries: Sequence[DeliveryId]
) -> list[DeliveryStatusReported]:
    """Return what was reported of these deliveries, each one's in order: for a restored notify."""
    rows = await conn.fetch(
        """select delivery_id, step, code, dispatch_id, document_id, recipient_id, acting_id,
            reported_at, words_sha256
        from statuses where delivery_id = any($1) order by delivery_id, step""",
        deliveries,
    )
    return [
        DeliveryStatusReported(
            delivery_id=row["delivery_id"],
            dispatch_id=row["dispatch_id"],
            document_id=row["document_id"],
            agency_id=row["recipient_id"],
            acting_agency_id=row["acting_id"],
            step=row["step"],
            code=row["code"],
            reported_at=row["reported_at"],
            words_sha256=row["words_sha256"],
        )
        for row in rows
    ]
