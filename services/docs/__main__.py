"""`python -m services.docs`: HTTP, relay, consumers, clearing and seeding, as equal tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import structlog

from services.docs import api, background, directory, recover
from services.docs.orphans import Orphans
from services.docs.reconcile import Comparison
from services.docs.settings import Settings
from services.docs.store import agencies as store
from shared import following, idempotency, outbox, telemetry
from shared.blobs import BlobStore
from shared.db import Database
from shared.errors import Unavailable
from shared.events.topics import Service
from shared.events.types import AGENCIES
from shared.http import private_app
from shared.identity import Guard
from shared.internal import Internal
from shared.kafka import KafkaAccess
from shared.migrate import migrations
from shared.process import Task, http, run, together
from shared.settings import load

_MIGRATIONS = Path(__file__).with_name("migrations")
_PAUSE_SECONDS = 0.2
_log = structlog.get_logger()


def seeding(db: Database, seed: Path | None) -> Task:
    """Return the task that fills an empty directory, as soon as PostgreSQL lets it."""

    async def task(stop: asyncio.Event) -> None:
        if seed is None:
            return
        text = await asyncio.to_thread(seed.read_text, encoding="utf-8")
        while not stop.is_set():
            try:
                await db.as_worker(lambda conn: directory.load_seed(conn, text))
            except Unavailable as error:
                _log.info("seeding waits", cause=error.en)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    return task


def checks(db: Database, seed: Path | None) -> dict[str, Callable[[], Awaitable[str | None]]]:
    """Return what docs needs to be of use: PostgreSQL, and the seed that it was told to load."""

    async def postgres() -> str | None:
        return None if await db.ready() else "PostgreSQL does not answer, or is not migrated yet"

    async def seeded() -> str | None:
        if seed is None:
            return None
        try:
            version = await db.as_worker(store.version)
        except Unavailable as error:
            return error.en
        return None if version > 0 else "the directory is empty"

    return {"postgres": postgres, "directory": seeded}


def _internal(settings: Settings) -> AbstractAsyncContextManager[Internal]:
    """Open the way to the other services."""
    urls: dict[Service, str] = {
        "signing": settings.signing_url,
        "notify": settings.notify_url,
        "gateway": settings.gateway_url,
    }
    return Internal.open(settings, urls)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    access = KafkaAccess(
        settings.kafka_bootstrap,
        settings.kafka_user,
        settings.kafka_password.get_secret_value(),
    )
    async with (
        Database.open(settings) as db,
        Guard.open(settings, db) as guard,
        _internal(settings) as internal,
    ):
        app = api.create()
        app.state.db, app.state.guard = db, guard
        app.state.blobs, app.state.internal = BlobStore(settings.blobs), internal
        app.state.trace_url = settings.trace_url
        orphans, comparison = Orphans(db, app.state.blobs), Comparison(db, internal)
        app.state.recovery = recovery = recover.recovery(db, access, comparison)
        private = private_app(
            checks=checks(db, settings.seed),
            gauges=background.gauges(db, access, orphans, recovery),
        )
        work: list[Task] = [
            seeding(db, settings.seed),
            outbox.relay(db, access, service="docs", restate={AGENCIES: directory.restate}),
            *following.follow(db, access, service="docs", internal=internal),
            *background.tasks(
                db, access, app.state.blobs, comparison=comparison, recovery=recovery
            ),
            background.counting(orphans),
            idempotency.sweep(db),
        ]
        await together(
            stop,
            http(app, fd=settings.listen_fd, useful=db.ready),
            http(private, fd=settings.private_fd),
            migrations(db, settings, _MIGRATIONS, *work),
        )


def main() -> None:
    """Run the service."""
    settings = load(Settings)
    telemetry.start(settings)
    run(partial(serve, settings))


if __name__ == "__main__":
    main()
