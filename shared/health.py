"""What `/health/ready` and `/metrics` of every service say of its database, Kafka and events."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from shared import outbox, parking, positions
from shared.db import Database
from shared.errors import Unavailable
from shared.events.topics import TOPICS, Service
from shared.kafka import KafkaAccess
from shared.kafka.reader import Reader

Check = Callable[[], Awaitable[str | None]]
Gauge = Callable[[], Awaitable[float]]

_SECONDS = 5


def gauges(db: Database, access: KafkaAccess, service: Service) -> dict[str, Gauge]:
    """Return the gauges that every service has; when it is quiet, all are 0 (protocol.md 8)."""
    return {
        "lienthong_outbox_pending": partial(outbox.pending, db),
        "lienthong_outbox_oldest_seconds": partial(outbox.oldest, db),
        "lienthong_consumer_lag": partial(positions.behind, db, access, service),
        "lienthong_parked": partial(parking.count, db),
    }


def checks(db: Database, access: KafkaAccess, service: Service) -> dict[str, Check]:
    """Return the checks of what every service stands on."""
    return {"postgres": partial(_postgres, db), "kafka": partial(_kafka, access, service)}


async def _postgres(db: Database) -> str | None:
    if await db.ready():
        return None
    if not db.migrated:
        return "PostgreSQL does not answer yet, or the migrations have not run"
    return "PostgreSQL does not answer"


async def _kafka(access: KafkaAccess, service: Service) -> str | None:
    """Say whether Kafka answers and shows every topic that the service writes or reads."""
    names = {t.name for t in TOPICS if service == t.writer or service in t.readers}
    try:
        async with asyncio.timeout(_SECONDS), Reader.open(access) as reader:
            found = {topic for topic, _ in await reader.partitions(names)}
    except (Unavailable, TimeoutError):
        return "Kafka does not answer"
    missing = sorted(names - found)
    return f"Kafka does not show {', '.join(missing)}" if missing else None
