"""Connection points: bytes, errors and last contact of each system, summed here, written rarely."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from services.gateway import store
from services.gateway.store import Traffic
from shared.db import Database
from shared.errors import Unavailable
from shared.process import Task

FLUSH_SECONDS = 5.0
_log = structlog.get_logger()


@dataclass(slots=True)
class _Sums:
    traffic: dict[str, Traffic]
    seen: dict[str, datetime]


class Points:
    """What passed since the last flush. A killed instance loses it: never a row per request."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sums = _Sums({}, {})

    def count(self, client_id: str, *, bytes_in: int, bytes_out: int, failed: bool) -> None:
        """Add one finished request; `failed`: the exchange answered 5xx or was cut."""
        self._add(client_id, Traffic(1, int(failed), bytes_in, bytes_out), datetime.now(UTC))

    def _add(self, client_id: str, more: Traffic, seen: datetime) -> None:
        total = self._sums.traffic.setdefault(client_id, Traffic())
        total.requests += more.requests
        total.errors += more.errors
        total.bytes_in += more.bytes_in
        total.bytes_out += more.bytes_out
        self._sums.seen[client_id] = max(seen, self._sums.seen.get(client_id, seen))

    def pending(self) -> Mapping[str, Traffic]:
        """Return what was not written yet."""
        return self._sums.traffic

    async def flush(self, db: Database) -> None:
        """Write the sums; what cannot be written now is kept for the next time."""
        taken, self._sums = self._sums, _Sums({}, {})
        if not taken.traffic:
            return
        try:
            await db.as_worker(lambda conn: store.add_traffic(conn, taken.traffic, seen=taken.seen))
        except Unavailable as error:
            _log.info("traffic not written", cause=error.en)
            for client_id, traffic in taken.traffic.items():
                self._add(client_id, traffic, taken.seen[client_id])


def flushing(points: Points, db: Database) -> Task:
    """Return the task that writes the sums every 5 s, and once more at the end."""

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await stop.wait()
            await points.flush(db)
        await points.flush(db)

    return task
