"""After each start and always: heads are compared with notify, what docs lacks is taken over."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

import structlog
from pydantic import BaseModel, Field

from services.docs import judge
from services.docs.store import deliveries, dispatches, lives, mailboxes, statuses, verdicts
from services.docs.store.deliveries import Adopted, Numbered
from services.docs.store.dispatches import New
from services.docs.store.mailboxes import Head
from shared import outbox
from shared.chain import Lane, link
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import (
    DeliveryAcknowledged,
    DeliveryCleared,
    DeliveryStatusReported,
    FileRef,
)
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId
from shared.internal import Internal, shaped

_log = structlog.get_logger()

CALM_SECONDS = 5.0
"""Between comparisons while nothing is in transit."""
BUSY_SECONDS = 0.5
"""Between comparisons while something is: a sender sees `available` within a second."""
LATE_SECONDS = 10.0
"""When an entry that notify does not have is late, and is sent once more."""
PAGE = 200


class _Head(BaseModel):
    agency_id: UUID
    lane: Lane
    sequence: int
    hash: str


class _Heads(BaseModel):
    epoch: UUID
    heads: list[_Head]


class _Entries(BaseModel):
    entries: list[DeliveryCleared]


class _Receipts(BaseModel):
    """Receipts, and what was reported of the same deliveries."""

    epoch: UUID
    items: list[DeliveryAcknowledged]
    statuses: list[DeliveryStatusReported] = []
    next: str | None = None


class Comparison:
    """This process's comparison with notify: clearing waits until it was made once."""

    def __init__(self, db: Database, internal: Internal) -> None:
        """Start as not compared."""
        self._db, self._internal = db, internal
        self.made = False
        """True once all that notify holds is known here: only then may numbers be given."""
        self._next = 0.0

    async def due(self) -> bool:
        """Compare when it is time. Raises Unavailable while notify does not answer."""
        if time.monotonic() < self._next:
            return False
        differing = await self.make()
        self._next = time.monotonic() + (BUSY_SECONDS if differing else CALM_SECONDS)
        return False

    def soon(self) -> None:
        """Compare again at the busy pace: something was cleared."""
        self._next = min(self._next, time.monotonic() + BUSY_SECONDS)

    async def make(self) -> int:
        """Compare once: take over what docs lacks, send again what notify lacks for long.

        Returns in how many lanes the heads differ. Raises Unavailable while notify does not answer.
        """
        epoch = await self._db.look(dispatches.epoch)
        asked_under = await self._db.look(lives.notify_epoch)
        raw = await self._internal.get("notify", "/internal/heads", docs_epoch=str(epoch))
        answer = shaped(_Heads, raw, what="notify")
        theirs = [
            Head(AgencyId(one.agency_id), one.lane, one.sequence, bytes.fromhex(one.hash))
            for one in answer.heads
        ]
        missing = await self._db.look(lambda conn: mailboxes.behind(conn, theirs))
        for head in missing:
            await self._take_over(head)
        if missing:
            await self.take_over_receipts()

        async def note(conn: Connection) -> int:
            if not await lives.meet_notify(conn, answer.epoch, asked_under=asked_under):
                return await mailboxes.differing(conn)  # said before notify was restored
            await mailboxes.see(conn, theirs, epoch=answer.epoch)
            late = await mailboxes.lagging(conn, epoch=answer.epoch, seconds=LATE_SECONDS)
            await outbox.put_all(conn, late)
            return await mailboxes.differing(conn)

        differing = await self._db.as_worker(note)
        self.made = True
        return differing

    async def _take_over(self, theirs: Head) -> None:
        """Take over the entries of one lane up to the head that notify holds."""
        ours = await self._db.as_worker(
            lambda conn: mailboxes.head(conn, theirs.agency_id, lane=theirs.lane)
        )
        while ours.sequence < theirs.sequence:
            raw = await self._internal.get(
                "notify",
                "/internal/entries",
                **{
                    "agency": str(theirs.agency_id),
                    "lane": theirs.lane,
                    "from": ours.sequence + 1,
                    "limit": PAGE,
                },
            )
            entries = shaped(_Entries, raw, what="notify").entries
            after = await self._db.as_worker(lambda conn, new=entries: adopt(conn, new))
            if after is None or after.sequence <= ours.sequence:
                # It can only be seen and shown (gauge `heads_differ`); other lanes go on.
                _log.error(
                    "notify holds an entry that does not continue this lane",
                    agency=str(theirs.agency_id),
                    lane=theirs.lane,
                    sequence=ours.sequence + 1,
                )
                return
            ours = after

    async def take_over_receipts(self) -> None:
        """Read all receipts that notify holds: who lacked entries may lack receipts too.

        Raises Unavailable while notify does not answer, or when it was restored meanwhile.
        """
        after: str | None = ""
        asked_under = await self._db.look(lives.notify_epoch)
        while after is not None:
            query = {"after": after} if after else {}
            raw = await self._internal.get("notify", "/internal/receipts", **query)
            answer = shaped(_Receipts, raw, what="notify")
            kept = partial(_keep, answer=answer, asked_under=asked_under)
            if not await self._db.as_worker(kept):
                raise Unavailable("notify (it was restored meanwhile)")
            after = answer.next


async def _keep(conn: Connection, *, answer: _Receipts, asked_under: UUID | None) -> bool:
    """Keep receipts and statuses, unless a newer life of notify is known: it may sign others."""
    if not await lives.meet_notify(conn, answer.epoch, asked_under=asked_under):
        return False
    await verdicts.keep_receipts(conn, answer.items)
    for event in answer.statuses:
        await statuses.keep(conn, event)
    await statuses.bring_up(conn, [DeliveryId(one.delivery_id) for one in answer.items])
    return True


class _Party(BaseModel):
    id: UUID
    code: str


class _File(BaseModel):
    id: UUID
    role: Literal["MAIN", "ANNEX"]
    media_type: str
    size: int
    sha256: str
    signature_sha256: str | None = None


class _Entry(BaseModel):
    """An entry's bytes, read back."""

    code: str
    urgency: str
    sender: _Party = Field(alias="from")
    to: _Party
    files: list[_File]
    cleared_at: datetime


async def adopt(conn: Connection, entries: Sequence[DeliveryCleared]) -> Head | None:
    """Take over consecutive entries of one lane, each with its number, hash and bytes.

    What does not continue the lane's chain is left out, with all that follows. A dispatch that
    is not known any more gets a stub; of one that is withdrawn the lane's agency is told. Returns
    the lane's head afterwards; None without entries. Locks the dispatches, then the head.
    """
    if not entries:
        return None
    read = [(one, _Entry.model_validate_json(one.entry)) for one in entries]
    for event, entry in sorted(read, key=lambda pair: pair[0].dispatch_id):
        await dispatches.adopt(conn, _stub(event, entry))
        await dispatches.lock(conn, DispatchId(event.dispatch_id))
    agency, lane = AgencyId(entries[0].agency_id), entries[0].lane
    head = (await mailboxes.lock_heads(conn, [agency], lane=lane))[agency]
    for event, entry in read:
        if event.sequence <= head.sequence:
            continue
        if not _continues(event, head):
            break
        await deliveries.adopt(conn, _copy(event, entry))
        await statuses.bring_up(conn, [DeliveryId(event.delivery_id)])
        await judge.adopted(conn, DispatchId(event.dispatch_id), agency)
        head = Head(agency, lane, event.sequence, bytes.fromhex(event.hash))
        _log.warning(
            "took over an entry that this database did not know",
            delivery=str(event.delivery_id),
            sequence=event.sequence,
        )
    await mailboxes.advance(conn, [head])
    return head


def _continues(event: DeliveryCleared, head: Head) -> bool:
    made = link(
        agency=head.agency_id,
        lane=head.lane,
        sequence=head.sequence + 1,
        previous=head.hash,
        entry=event.entry.encode(),
    )
    return event.sequence == head.sequence + 1 and event.hash == made.hex()


def _stub(event: DeliveryCleared, entry: _Entry) -> New:
    return New(
        id=DispatchId(event.dispatch_id),
        document_id=DocumentId(event.document_id),
        document_code=entry.code,
        sender_id=AgencyId(entry.sender.id),
        sender_code=entry.sender.code,
        lane=event.lane,
        urgency=entry.urgency,
        turn=None,
        recipients=0,
        files=tuple(
            FileRef(
                attachment_id=file.id,
                role=file.role,
                media_type=file.media_type,
                size=file.size,
                sha256=file.sha256,
                signature_sha256=file.signature_sha256,
            )
            for file in entry.files
        ),
    )


def _copy(event: DeliveryCleared, entry: _Entry) -> Adopted:
    return Adopted(
        numbered=Numbered(
            id=DeliveryId(event.delivery_id),
            recipient_id=AgencyId(event.agency_id),
            level=event.level,
            sequence=event.sequence,
            previous_hash=bytes.fromhex(event.previous_hash),
            hash=bytes.fromhex(event.hash),
            entry=event.entry.encode(),
        ),
        dispatch_id=DispatchId(event.dispatch_id),
        document_id=DocumentId(event.document_id),
        sender_id=AgencyId(entry.sender.id),
        recipient_code=entry.to.code,
        lane=event.lane,
        cleared_at=entry.cleared_at,
    )
