"""Random moments at which a service has records under way; MOMENTS=… draws as another run did."""

import asyncio
import os
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from infra.postgres.provision import Connection
from tests.fixtures.eventually import eventually
from tests.restore.conftest import Site

SEED = os.environ.get("MOMENTS") or str(time.time_ns() % 1_000_000)
_PATIENCE, _LONGEST = 60.0, 0.2


@dataclass(frozen=True, slots=True)
class Point:
    """A moment to which a service is set back."""

    to: datetime
    flying: frozenset[UUID]
    """Events that stood in the service's outbox then, and of which it did not know yet that they
    were sent."""


def dice(service: str) -> random.Random:
    """Return what draws the moments of a service's test."""
    return random.Random(f"{SEED} {service}")  # noqa: S311 (moments, not secrets)


async def amid(site: Site, service: str, chance: random.Random) -> Point:
    """Draw moments until the service has records under way at one; name it.

    Raises AssertionError when that has not been so within a minute.
    """
    connection = await site.database(service)

    async def drawn() -> Point | None:
        await asyncio.sleep(chance.uniform(0, _LONGEST))
        before = await _unsent(connection)
        to = datetime.now(UTC)
        # What stood there before and stands there still stood there at that moment.
        flying = before and before & await _unsent(connection)
        return Point(to, flying) if flying else None

    try:
        point = await eventually(drawn, f"{service} has records under way", timeout=_PATIENCE)
    finally:
        await connection.close()
    said = f"{service} goes back to {point.to}: {len(point.flying)} under way, MOMENTS={SEED}"
    print(said)  # noqa: T201 (shown when the test fails)
    return point


async def _unsent(connection: Connection) -> frozenset[UUID]:
    """Return what is unsent, and not being marked as sent: a commit counts before it is seen."""
    rows = await connection.fetch(
        "select event_id from outbox where published_at is null and parked_at is null"
        " for update skip locked"
    )
    return frozenset(row["event_id"] for row in rows)


async def sent_again(site: Site, service: str, point: Point) -> None:
    """Assert that what was under way at the point was so in the restored database, and was sent.

    Its own database says so: what it knew to be sent at the point carries an earlier time.
    """
    connection = await site.database(service)
    try:
        rows = await connection.fetch(
            "select event_id from outbox where event_id = any($1) and published_at > $2",
            list(point.flying),
            point.to,
        )
    finally:
        await connection.close()
    assert {row["event_id"] for row in rows} == point.flying
