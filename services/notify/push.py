"""Step 9, tell: events per agency get their numbers; readers and streams follow them."""

from collections.abc import Sequence

from services.notify.carry import Carrier
from services.notify.cursor import EventCursor
from services.notify.ears import Ears
from services.notify.store import events, state
from services.notify.store.events import EventType, News, NumberedEvent
from shared.db import Connection, Database
from shared.events import DispatchChanged
from shared.failpoint import reach
from shared.ids import AgencyId
from shared.kafka import Record

BATCH = 500
"""Events that one transaction numbers."""


class Teller:
    """Numbers events, and wakes the requests of this process that wait for them."""

    def __init__(self, db: Database, ears: Ears) -> None:
        """Know nothing yet of what was numbered before."""
        self._db, self._ears = db, ears
        self._carrier = Carrier()
        self._position: int | None = None

    async def tell(self) -> bool:
        """Number a batch, and wake who waits for it or for what another instance has numbered.

        True when there may be more.
        """
        if self._position is None:
            self._position = await self._db.look(events.last_position)
        waiting = await self._db.look(events.any_unnumbered)
        numbered = await self._db.as_worker(self._number) if waiting else 0
        position = self._position
        since = await self._db.look(lambda conn: events.numbered_since(conn, position))
        if since:
            self._position = max(since.values())
            self._ears.tell(since)
        return numbered == BATCH

    async def _number(self, conn: Connection) -> int:
        if not await events.lock_numbering(conn):
            return 0
        before = await events.last_position(conn)
        numbered = await events.number(conn, limit=BATCH)
        await self._carrier.carry(conn, past=before)
        reach("notify.number.before_commit")
        return numbered


async def tell_sender(conn: Connection, event: DispatchChanged, _record: Record) -> None:
    """Put what became of a dispatch into its sender's event log.

    Of a withdrawal each recipient that holds a copy hears by an event of its own.
    """
    withdrawn_from = event.recipient_id if event.change == "withdrawn" else None
    detail: dict[str, str | Sequence[str] | None] = {
        "dispatch_id": str(event.dispatch_id),
        "document_id": str(event.document_id),
        "change": event.change,
        "reason": event.reason,
        "recipient_id": None if event.recipient_id is None else str(event.recipient_id),
        "successors": [str(one) for one in event.successors],
    }
    listener = AgencyId(withdrawn_from or event.sender_id)
    news = News(listener, "dispatch.changed", event.dispatch_id, detail)
    await events.put(conn, [news])


class PastEpoch(Exception):  # noqa: N818 (a state, not an error of ours)
    """The cursor belongs to a history that a restore has ended."""


class AheadOfLog(Exception):  # noqa: N818 (a state, not an error of ours)
    """The cursor stands after events that there never were."""


async def follow(
    conn: Connection,
    cursor: EventCursor | None,
    *,
    agencies: Sequence[AgencyId],
    limit: int,
    kind: EventType | None = None,
) -> tuple[list[NumberedEvent], EventCursor]:
    """Return the next events of these agencies, of one type if asked, and the cursor after them.

    Without a cursor it starts at the beginning. Raises PastEpoch, AheadOfLog.
    """
    epoch = (await state.read(conn)).epoch
    if cursor is not None and cursor.epoch != epoch:
        raise PastEpoch
    numbers = {
        agency: 0 if cursor is None else cursor.numbers.get(agency, 0) for agency in agencies
    }
    # The heads first: whatever is numbered between the two looks is then read or left for later.
    heads = await events.heads(conn, agencies, epoch=epoch)
    if any(number > heads.get(agency, 0) for agency, number in numbers.items()):
        raise AheadOfLog
    found = await events.after(conn, numbers, epoch=epoch, limit=limit, kind=kind)
    if kind is not None and len(found) < limit:
        numbers |= heads  # what is of other types was passed over
    return found, advance(EventCursor(epoch, numbers), found)


def advance(cursor: EventCursor, passed: Sequence[NumberedEvent]) -> EventCursor:
    """Return the cursor that stands after these events."""
    numbers = dict(cursor.numbers)
    for event in passed:
        numbers[event.agency_id] = max(event.number, numbers.get(event.agency_id, 0))
    return EventCursor(cursor.epoch, numbers)
