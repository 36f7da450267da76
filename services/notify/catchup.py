"""Catch-up: what a lane misses is read from docs, whatever became of its record on the log."""

import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel

from services.notify.deliver import Arrival, note_span, read, take_in
from services.notify.mailbox import LaneState, settle
from services.notify.store import lanes, state
from shared.db import Connection, Database
from shared.events import DeliveryCleared
from shared.internal import Internal, shaped

_log = structlog.get_logger()

PAGE = 200
"""Entries that one request asks for."""
LANES_AT_ONCE = 16
"""Lanes that one round looks at."""


class _Head(BaseModel):
    sequence: int
    hash: str


class _Mailbox(BaseModel):
    epoch: UUID
    head: _Head
    entries: list[dict[str, Any]]
    traceparents: list[str | None] = []
    """Of the dispatches that they are of; one that ran before there were any says none."""


async def catch_up(db: Database, internal: Internal) -> bool:
    """Read from docs what some lanes miss; True when another round may find more.

    Raises Unavailable while docs does not answer.
    """
    waiting = await db.look(lambda conn: lanes.behind(conn, limit=LANES_AT_ONCE))
    moved = False
    for lane in waiting:
        moved |= await _fetch(db, internal, lane)
    return moved


async def _fetch(db: Database, internal: Internal, lane: LaneState) -> bool:
    asked_under = await db.look(state.docs_epoch)
    raw = await internal.get(
        "docs",
        f"/internal/mailboxes/{lane.agency}/{lane.lane}",
        **{"from": lane.sequence + 1, "limit": PAGE},
    )
    answer = shaped(_Mailbox, raw, what="docs (/internal/mailboxes)")
    began = time.time_ns()
    arrivals = list(_readable(answer, lane))

    async def apply(conn: Connection) -> bool:
        if not await state.meet_docs_epoch(conn, answer.epoch, asked_under=asked_under):
            _log.warning("an answer of an earlier docs was dropped", agency=str(lane.agency))
            return False
        for one in await take_in(conn, arrivals, source="docs"):
            if one.entry.traceparent is not None:
                note_span(one, began)
        key = (lane.agency, lane.lane)
        now = (await lanes.lock(conn, [key]))[key]
        settled = settle(now, docs_head=answer.head.sequence)
        await lanes.save(conn, [settled])
        return settled.behind is not None and settled.sequence > lane.sequence

    return await db.as_worker(apply)


def _readable(answer: _Mailbox, lane: LaneState) -> Iterable[Arrival]:
    """Yield entries up to the first that cannot be read: nothing may be taken past it."""
    traced = answer.traceparents[: len(answer.entries)]
    for raw, traceparent in zip_longest(answer.entries, traced):
        try:
            yield read(DeliveryCleared.model_validate(raw), traceparent)
        except ValueError as error:  # pydantic's own would show what stands in the entry
            _log.error(
                "docs holds an entry that cannot be read",
                cause=type(error).__name__,
                agency=str(lane.agency),
                lane=lane.lane,
                after=lane.sequence,
            )
            return
