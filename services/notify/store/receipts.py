"""Receipts: made once per delivery, kept byte for byte, read by both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.db import Connection
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A signed receipt and whose delivery it is about."""

    delivery_id: DeliveryId
    dispatch_id: DispatchId
    document_id: DocumentId
    agency_id: AgencyId
    sender_id: AgencyId
    acting_agency_id: AgencyId
    acknowledged_at: datetime
    receipt: str


async def keep(conn: Connection, new: StoredReceipt) -> bool:
    """Store a receipt and end the waiting of its delivery; False when there is one already.

    A twin that is being written is waited for, so after False the first one can be read.
    """
    made = await conn.fetchval(
        """
        insert into receipts (
            delivery_id, dispatch_id, document_id, agency_id, sender_id, acting_agency_id,
            acknowledged_at, receipt
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing
        returning true
        """,
        new.delivery_id,
        new.dispatch_id,
        new.document_id,
        new.agency_id,
        new.sender_id,
        new.acting_agency_id,
        new.acknowledged_at,
        new.receipt,
    )
    if made is None:
        return False
    await conn.execute("delete from waiting where delivery_id = $1", new.delivery_id)
    return True


async def end_waiting(conn: Connection) -> None:
    """End the waiting of every delivery that has a receipt.

    An entry that arrives while its receipt is read back waits: neither sees the other before it is
    committed. So this waits for those who write, and the next ones see all receipts.
    """
    await conn.execute("lock table waiting in share row exclusive mode")
    await conn.execute(
        "delete from waiting using receipts where receipts.delivery_id = waiting.delivery_id"
    )


async def find(
    conn: Connection, delivery: DeliveryId, *, visible: Sequence[AgencyId]
) -> StoredReceipt | None:
    """Return a delivery's receipt if one of these agencies received or sent it."""
    row = await conn.fetchrow(
        """
        select delivery_id, dispatch_id, document_id, agency_id, sender_id, acting_agency_id,
            acknowledged_at, receipt
        from receipts
        where delivery_id = $1
            and (agency_id = any ($2::uuid[]) or sender_id = any ($2::uuid[]))
        """,
        delivery,
        visible,
    )
    return None if row is None else _receipt(row)


async def read(conn: Connection, *, after: DeliveryId, limit: int) -> list[StoredReceipt]:
    """Return receipts in the order of their deliveries' ids, past `after`.

    Read from the smallest id on, it returns everything that was there at the start.
    """
    rows = await conn.fetch(
        """
        select delivery_id, dispatch_id, document_id, agency_id, sender_id, acting_agency_id,
            acknowledged_at, receipt
        from receipts where delivery_id > $1 order by delivery_id limit $2
        """,
        after,
        limit,
    )
    return [_receipt(row) for row in rows]


def _receipt(row: "Record") -> StoredReceipt:
    return StoredReceipt(
        row["delivery_id"],
        row["dispatch_id"],
        row["document_id"],
        row["agency_id"],
        row["sender_id"],
        row["acting_agency_id"],
        row["acknowledged_at"],
        row["receipt"],
    )
