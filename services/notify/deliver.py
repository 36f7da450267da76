"""Step 8, deliver: numbered entries from the delivery topics and from docs into mailboxes."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from services.notify.entry import EntryContent
from services.notify.mailbox import (
    Change,
    LaneKey,
    LaneState,
    Source,
    raise_behind,
    take_all,
)
from services.notify.store import alarms, events, lanes
from services.notify.store.events import News
from services.notify.store.lanes import Entry
from shared import telemetry
from shared.chain import LANES
from shared.db import Connection
from shared.events import DeliveryCleared, Event
from shared.failpoint import reach
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId
from shared.kafka import TRACE_HEADER, Record

_log = structlog.get_logger()

_HIGHEST = (1 << 63) - 1
"""No number is higher: it is PostgreSQL's."""
_DIGITS = 19
"""Of that number: of more than 4,300 Python makes no number at all."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry with what it says."""

    entry: Entry
    content: EntryContent


def read(event: DeliveryCleared, traceparent: str | None) -> Arrival:
    """Read an entry. What its content says counts: only that is under the hash.

    Raises ValueError (pydantic's too) for an entry that nobody could use.
    """
    raw = event.entry.encode()
    content = EntryContent.model_validate_json(raw)
    if content.recipient.id != event.agency_id:
        raise ValueError("the entry names another recipient than its mailbox")
    entry = Entry(
        AgencyId(event.agency_id),
        event.lane,
        event.sequence,
        bytes.fromhex(event.previous_hash),
        bytes.fromhex(event.hash),
        raw,
        delivery_id=DeliveryId(content.delivery_id),
        dispatch_id=DispatchId(content.dispatch_id),
        document_id=DocumentId(content.document_id),
        sender_id=AgencyId(content.sender.id),
        level=event.level,
        traceparent=traceparent,
    )
    return Arrival(entry, content)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Handles the records of the delivery topics, those of one transaction together.

    A record that cannot be read is no loss once catch-up has brought its number: then releasing
    it ends its parking, and that of the records behind it.
    """

    event: type[Event] = DeliveryCleared

    async def __call__(self, conn: Connection, record: Record) -> None:
        """Handle one record."""
        await self.together(conn, [record])

    async def together(self, conn: Connection, records: Sequence[Record]) -> None:
        """Put entries into their mailboxes, or remember that their lanes are behind."""
        began = time.time_ns()
        arrivals: list[tuple[Record, Arrival]] = []
        for record in records:
            try:
                event = DeliveryCleared.model_validate_json(record.value)
                arrivals.append((record, read(event, record.headers.get(TRACE_HEADER))))
            except ValueError:
                if not await _caught_up(conn, record):
                    raise
        untold = await take_in(conn, [arrival for _, arrival in arrivals], source="log")
        reach("notify.deliver.before_commit")
        news = {id(arrival) for arrival in untold}
        for record, arrival in arrivals:
            if id(arrival) in news:
                note_span(arrival, began, record)


async def _caught_up(conn: Connection, record: Record) -> bool:
    missing = _missing(record)
    if missing is None:
        return False
    key, sequence = missing
    return (await lanes.lock(conn, [key]))[key].sequence >= sequence


def note_span(arrival: Arrival, began: int, record: Record | None = None) -> None:
    """Note the span of one entry; its neighbours in the transaction share the time.

    One span is both the step's and the message's, if a record brought it: they would begin and end
    together, 161 times.
    """
    content, entry = arrival.content, arrival.entry
    attributes: dict[str, str | int] = {
        telemetry.DOCUMENT_ID: str(content.document_id),
        telemetry.DOCUMENT_CODE: content.code,
        telemetry.DISPATCH_ID: str(content.dispatch_id),
        telemetry.DELIVERY_ID: str(content.delivery_id),
        telemetry.AGENCY_FROM: content.sender.code,
        telemetry.AGENCY_TO: content.recipient.code,
        telemetry.LEVEL: entry.level,
        telemetry.LANE: entry.lane,
        telemetry.URGENCY: content.urgency,
    }
    if record is not None:
        attributes |= {
            "messaging.system": "kafka",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
        }
    telemetry.record(
        "deliver entry",
        kind=SpanKind.INTERNAL if record is None else SpanKind.CONSUMER,
        attributes=attributes,
        parent=entry.traceparent,
        start_ns=began,
        end_ns=time.time_ns(),
    )


async def miss(conn: Connection, record: Record) -> None:
    """A record was parked: remember its number, which its headers tell even if it is unreadable."""
    missing = _missing(record)
    if missing is None:
        _log.error("a parked delivery names no number", offset=record.offset, topic=record.topic)
        return
    key, sequence = missing
    locked = await lanes.lock(conn, [key])
    await lanes.save(conn, [raise_behind(locked[key], sequence)])


def _missing(record: Record) -> tuple[LaneKey, int] | None:
    headers = record.headers
    lane, sequence = headers.get("lienthong_lane"), headers.get("lienthong_sequence", "")
    try:
        agency = AgencyId(UUID(headers.get("lienthong_agency", "")))
    except ValueError:
        return None
    if lane not in LANES or not sequence.isdecimal() or len(sequence) > _DIGITS:
        return None
    if int(sequence) > _HIGHEST:
        return None
    return (agency, "urgent" if lane == "urgent" else "normal"), int(sequence)


async def restart(conn: Connection, key: LaneKey) -> bool:
    """Let a stopped lane go on from docs' own entries; False when there is no such lane.

    While docs and notify differ its next entry stops it again: nothing is passed over.
    """
    if key not in {(one.agency, one.lane) for one in await lanes.states(conn)}:
        return False
    locked = (await lanes.lock(conn, [key]))[key]
    await lanes.save(conn, [replace(locked, stopped=None)])
    return True


async def take_in(
    conn: Connection, arrivals: Sequence[Arrival], *, source: Source
) -> list[Arrival]:
    """Lock the lanes of these entries, take them in order, write what changed.

    Returns those that no trace tells of yet: the new ones, and those that came without a context.
    Repeating it changes nothing.
    """
    by_lane: dict[LaneKey, list[Arrival]] = defaultdict(list)
    for one in arrivals:
        by_lane[one.entry.agency, one.entry.lane].append(one)
    locked = await lanes.lock(conn, by_lane)
    repeated = [
        (*key, one.entry.sequence)
        for key, ones in by_lane.items()
        for one in ones
        if one.entry.sequence <= locked[key].sequence
    ]
    stored = await lanes.known(conn, repeated)
    changes = {
        key: take_all(
            locked[key],
            (one.entry for one in sorted(ones, key=lambda one: one.entry.sequence)),
            stored={number: one.hash for number, one in stored[key].items()},
            source=source,
        )
        for key, ones in by_lane.items()
    }
    fresh = await _write(conn, locked, changes, arrivals)
    return fresh + [
        one
        for key, ones in by_lane.items()
        for one in ones
        if (there := stored[key].get(one.entry.sequence)) and not there.traced
    ]


async def _write(
    conn: Connection,
    before: dict[LaneKey, LaneState],
    changes: dict[LaneKey, Change],
    arrivals: Sequence[Arrival],
) -> list[Arrival]:
    taken = {id(entry) for change in changes.values() for entry in change.appended}
    fresh = [one for one in arrivals if id(one.entry) in taken]
    fresh.sort(key=lambda one: (one.entry.agency, one.entry.lane, one.entry.sequence))
    await lanes.append(conn, [one.entry for one in fresh])
    await events.put(conn, [_arrived(one) for one in fresh])
    await lanes.save(
        conn, [change.lane for key, change in changes.items() if change.lane != before[key]]
    )
    for key, change in changes.items():
        await alarms.put(conn, key, change.alarms)
    return fresh


def _arrived(one: Arrival) -> News:
    return News(
        one.entry.agency,
        "delivery.arrived",
        one.content.delivery_id,
        {
            "delivery_id": str(one.content.delivery_id),
            "dispatch_id": str(one.content.dispatch_id),
            "document_id": str(one.content.document_id),
            "code": one.content.code,
            "urgency": one.content.urgency,
            "from": one.content.sender.code,
            "lane": one.entry.lane,
            "sequence": one.entry.sequence,
        },
    )
