"""Connection points: bytes, errors and last contact of each system, summed here, written rarely."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog

from services.gateway.store import points as rows
from services.gateway.store.points import NOBODY, Key, Traffic
from shared.db import Database
from shared.errors import Unavailable
from shared.process import Task

FLUSH_SECONDS = 5.0
_log = structlog.get_logger()


@dataclass(slots=True)
class _Sums:
    traffic: dict[Key, Traffic]
    seen: dict[Key, datetime]


class Points:
    """What passed since the last flush. A killed instance loses it: never a row per request."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sums = _Sums({}, {})

    def add(self, client_id: str, agency: UUID | None, more: Traffic) -> None:
        """Add what a system moved for an agency; None: for several at once, or for none."""
        self._add((client_id, agency or NOBODY), more, datetime.now(UTC))

    def _add(self, key: Key, more: Traffic, seen: datetime) -> None:
        total = self._sums.traffic.setdefault(key, Traffic())
        total.requests += more.requests
        total.client_errors += more.client_errors
        total.server_errors += more.server_errors
        total.bytes_in += more.bytes_in
        total.bytes_out += more.bytes_out
        self._sums.seen[key] = max(seen, self._sums.seen.get(key, seen))

    def pending(self) -> Mapping[Key, Traffic]:
        """Return what was not written yet."""
        return self._sums.traffic

    async def flush(self, db: Database) -> None:
        """Write the sums; what cannot be written now is kept for the next time.

        Counted twice when it was written and only the answer of the commit was lost.
        """
        taken, self._sums = self._sums, _Sums({}, {})
        if not taken.traffic:
            return
        try:
            await db.as_worker(lambda conn: rows.add_traffic(conn, taken.traffic, taken.seen))
        except Unavailable as error:
            _log.info("traffic not written", cause=error.en)
            for key, traffic in taken.traffic.items():
                self._add(key, traffic, taken.seen[key])


def flushing(points: Points, db: Database, tell: Callable[[Points], None]) -> Task:
    """Return the task that writes the sums every 5 s, and once more at the end.

    `tell` adds what is still on its way: streams and long transfers.
    """

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await stop.wait()
            tell(points)
            await points.flush(db)
        await points.flush(db)

    return task
