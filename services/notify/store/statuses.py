"""Statuses: decided under the receipt's row lock, numbered per delivery, read by both sides."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from shared.db import Connection
from shared.events import DeliveryStatusReported
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Words:
    """What people wrote with a status: for both sides to read, never on a topic."""

    arrival_number: str | None = None
    staff_name: str | None = None
    staff_department: str | None = None
    note: str | None = None

    def digest(self, salt: bytes, client_id: str | None) -> str:
        """Return the SHA-256 (hex) of the words, and of the system that they came by."""
        said = (client_id, self.arrival_number, self.staff_name, self.staff_department, self.note)
        return hashlib.sha256(salt + orjson.dumps(said)).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """One reported status; `step` counts those of its delivery from 1, without gaps."""

    delivery_id: DeliveryId
    step: int
    code: str
    dispatch_id: DispatchId
    document_id: DocumentId
    agency_id: AgencyId
    sender_id: AgencyId
    acting_agency_id: AgencyId
    client_id: str | None
    reported_at: datetime
    words: Words
    salt: bytes | None
    """Null where the words are not known any more, or stood here before they were witnessed."""

    def event(self) -> DeliveryStatusReported:
        """Return it as the topic and docs see it."""
        return DeliveryStatusReported(
            delivery_id=self.delivery_id,
            dispatch_id=self.dispatch_id,
            document_id=self.document_id,
            agency_id=self.agency_id,
            acting_agency_id=self.acting_agency_id,
            step=self.step,
            code=self.code,
            reported_at=self.reported_at,
            words_sha256=(
                None if self.salt is None else self.words.digest(self.salt, self.client_id)
            ),
        )


async def lock(conn: Connection, delivery: DeliveryId, *, visible: Sequence[AgencyId]) -> bool:
    """Lock the receipt of a delivery to one of these agencies; False when there is none.

    Whoever comes second sees what the first has reported.
    """
    found = await conn.fetchval(
        "select true from receipts where delivery_id = $1 and agency_id = any ($2::uuid[])"
        " for update",
        delivery,
        visible,
    )
    return found is not None


async def last(conn: Connection, delivery: DeliveryId) -> tuple[int, str] | None:
    """Return step and code of the last status that was reported, None when none was."""
    row = await conn.fetchrow(
        "select step, code from statuses where delivery_id = $1 order by step desc limit 1",
        delivery,
    )
    return None if row is None else (row["step"], row["code"])


async def add(conn: Connection, new: StoredStatus) -> None:
    """Store a status; its step is free, for the receipt is locked."""
    await conn.execute(
        """
        insert into statuses (
            delivery_id, step, code, dispatch_id, document_id, agency_id, sender_id,
            acting_agency_id, client_id, reported_at,
            arrival_number, staff_name, staff_department, note, salt
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        new.delivery_id,
        new.step,
        new.code,
        new.dispatch_id,
        new.document_id,
        new.agency_id,
        new.sender_id,
        new.acting_agency_id,
        new.client_id,
        new.reported_at,
        new.words.arrival_number,
        new.words.staff_name,
        new.words.staff_department,
        new.words.note,
        new.salt,
    )


async def take_back(conn: Connection, events: Sequence[DeliveryStatusReported]) -> int:
    """Take back statuses after a restore; those that are here stay. Returns how many were new.

    The sender stands in the receipt, which came back before.
    """
    done = await conn.execute(
        """
        insert into statuses (
            delivery_id, step, code, dispatch_id, document_id, agency_id, sender_id,
            acting_agency_id, reported_at
        )
        select new.delivery_id, new.step, new.code, receipt.dispatch_id, receipt.document_id,
            receipt.agency_id, receipt.sender_id, new.acting_agency_id, new.reported_at
        from unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::timestamptz[])
            as new (delivery_id, step, code, acting_agency_id, reported_at)
        join receipts as receipt using (delivery_id)
        order by new.delivery_id, new.step
        on conflict do nothing
        """,
        [one.delivery_id for one in events],
        [one.step for one in events],
        [one.code for one in events],
        [one.acting_agency_id for one in events],
        [one.reported_at for one in events],
    )
    return int(done.rpartition(" ")[2])


async def history(
    conn: Connection, delivery: DeliveryId, *, visible: Sequence[AgencyId]
) -> list[StoredStatus]:
    """Return what was reported of a delivery that one of these agencies received or sent."""
    rows = await conn.fetch(
        """
        select delivery_id, step, code, dispatch_id, document_id, agency_id, sender_id,
            acting_agency_id, client_id, reported_at,
            arrival_number, staff_name, staff_department, note, salt
        from statuses
        where delivery_id = $1
            and (agency_id = any ($2::uuid[]) or sender_id = any ($2::uuid[]))
        order by step
        """,
        delivery,
        visible,
    )
    return [_status(row) for row in rows]


async def of_deliveries(
    conn: Connection, deliveries: Sequence[DeliveryId]
) -> list[DeliveryStatusReported]:
    """Return the statuses of these deliveries as events, each delivery's in order."""
    rows = await conn.fetch(
        """
        select delivery_id, step, code, dispatch_id, document_id, agency_id, sender_id,
            acting_agency_id, client_id, reported_at,
            arrival_number, staff_name, staff_department, note, salt
        from statuses where delivery_id = any ($1::uuid[]) order by delivery_id, step
        """,
        deliveries,
    )
    return [_status(row).event() for row in rows]


def _status(row: "Record") -> StoredStatus:
    return StoredStatus(
        row["delivery_id"],
        row["step"],
        row["code"],
        row["dispatch_id"],
        row["document_id"],
        row["agency_id"],
        row["sender_id"],
        row["acting_agency_id"],
        row["client_id"],
        row["reported_at"],
        Words(row["arrival_number"], row["staff_name"], row["staff_department"], row["note"]),
        row["salt"],
    )
