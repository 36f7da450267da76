"""Step 11, report: receipts are kept, and the sender sees where each recipient's copy stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.docs.store import dispatches, statuses, verdicts
from services.docs.store import progress as store
from services.docs.store.dispatches import Dispatch
from services.docs.store.verdicts import Judgement
from shared.consumer import On
from shared.db import Connection
from shared.events import DeliveryAcknowledged, DeliveryStatusReported
from shared.ids import AgencyId, DeliveryId, DispatchId
from shared.kafka import TRACE_HEADER, Record

_TRACEPARENT_PARTS = 4

TRANSPORTS = ("queued", "in_transit", "available", "acknowledged", "failed")
STATUSES = ("01", "02", "03", "04", "05", "06")
NO_STATUS = "none"


@dataclass(frozen=True, slots=True)
class Progress:
    """A dispatch and what became of it until now."""

    dispatch: Dispatch
    counts: Mapping[str, int]
    by_level: Mapping[str, Mapping[str, int]]
    by_status: Mapping[str, int]
    """By the latest status of each copy; `none` for those without."""
    judgements: tuple[Judgement, ...]
    """Of each file the one that counts."""


async def progress(
    conn: Connection, dispatch_id: DispatchId, *, senders: Sequence[AgencyId]
) -> Progress | None:
    """Return how far a dispatch of one of these senders has come; None: not theirs.

    Counts are queries at this moment; a copy is `available` when notify was seen past its number.
    """
    dispatch = await dispatches.find(conn, dispatch_id, senders=senders)
    if dispatch is None:
        return None
    counts = await store.counts(conn, dispatch_id)
    by_level: dict[str, dict[str, int]] = {
        one.level: dict[str, int].fromkeys(TRANSPORTS, 0) for one in counts
    }
    by_status: dict[str, int] = dict.fromkeys((NO_STATUS, *STATUSES), 0)
    for one in counts:
        by_level[one.level][one.transport] += one.copies
        status = one.status or NO_STATUS
        by_status[status] = by_status.get(status, 0) + one.copies
    return Progress(
        dispatch=dispatch,
        counts={name: sum(level[name] for level in by_level.values()) for name in TRANSPORTS},
        by_level=by_level,
        by_status=by_status,
        judgements=decisive(await verdicts.of(conn, dispatch_id)),
    )


_WEIGHT = {"TOTAL-FAILED": 2, "TOTAL-PASSED": 1, "INDETERMINATE": 0}


def decisive(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Return of each file the judgement that counts: bad > good > cannot tell, then the latest."""
    best: dict[str, Judgement] = {}
    for one in judgements:
        known = best.get(one.sha256)
        if known is None or _WEIGHT[one.indication] >= _WEIGHT[known.indication]:
            best[one.sha256] = one
    return tuple(best.values())


async def acknowledged(conn: Connection, event: DeliveryAcknowledged, record: Record) -> None:
    """Keep a receipt, of an unknown delivery too. Docs records and never refuses."""
    await verdicts.keep_receipts(conn, [event], trace_id=_trace_id(record))
    await statuses.bring_up(conn, [DeliveryId(event.delivery_id)])


async def reported(conn: Connection, event: DeliveryStatusReported, record: Record) -> None:
    """Keep a status, of an unknown delivery too, in whatever order and however often it comes."""
    await statuses.keep(conn, event, trace_id=_trace_id(record))
    await statuses.bring_up(conn, [DeliveryId(event.delivery_id)])


def _trace_id(record: Record) -> str | None:
    parts = record.headers.get(TRACE_HEADER, "").split("-")
    return parts[1] if len(parts) == _TRACEPARENT_PARTS else None


HANDLERS = (On(DeliveryAcknowledged, acknowledged), On(DeliveryStatusReported, reported))
