"""`python -m services.gateway`: the only door. Settings, then equal tasks."""

import asyncio
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.gateway import access, api, clients, recover
from services.gateway.forward import Upstreams
from services.gateway.issue import Issuer, refreshing
from services.gateway.limits import Limits
from services.gateway.points import flushing
from services.gateway.settings import GatewaySettings
from services.gateway.visit import Doorkeeper
from services.gateway.watch import Watch, watching
from shared import following, health, idempotency, outbox, telemetry
from shared.bell import Bell
from shared.db import Database
from shared.events.topics import Service
from shared.events.types import CLIENTS
from shared.http import private_app
from shared.internal import Internal
from shared.kafka import KafkaAccess
from shared.migrate import migrations
from shared.process import Task, http, repeat, run, together
from shared.restored import Recovery
from shared.settings import load

_MIGRATIONS = Path(__file__).with_name("migrations")


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Open what the tasks share, and run them until `stop`."""
    addresses: dict[Service, str] = {
        "docs": settings.docs_url,
        "signing": settings.signing_url,
        "notify": settings.notify_url,
    }
    async with (
        Database.open(settings) as db,
        Doorkeeper.open(settings, db) as guard,
        Internal.open(settings, addresses) as internal,
        Upstreams.open(addresses) as upstreams,
    ):
        app = api.create()
        app.state.db, app.state.guard, app.state.upstreams = db, guard, upstreams
        app.state.limits, app.state.table = Limits(settings), access.load()
        app.state.recovery = recover.recovery(db, _kafka(settings))
        app.state.issuer = (
            None if settings.external_issuer else Issuer(settings, db, app.state.recovery)
        )
        tasks = _tasks(settings, app, internal)
        await together(stop, *tasks)
        # What ended while the open connections were drained: the task has written its last before.
        app.state.visits.tell(app.state.points)
        await app.state.points.flush(db)


def _tasks(settings: GatewaySettings, app: FastAPI, internal: Internal) -> list[Task]:
    db: Database = app.state.db
    kafka = _kafka(settings)
    recovery: Recovery = app.state.recovery
    checks = {
        **following.checks(db, service="gateway", internal=internal),
        **health.checks(db, kafka, "gateway"),
    }
    gauges = {
        **health.gauges(db, kafka, "gateway"),
        "lienthong_recovering": recovery.gauge(),
    }
    issuer: Issuer | None = app.state.issuer

    async def useful() -> bool:
        return await db.ready() and (issuer is None or await issuer.check() is None)

    work: list[Task] = [
        flushing(app.state.points, db, app.state.visits.tell),
        watching(Watch(db, app.state.guard, app.state.visits)),
        idempotency.sweep(db),
        repeat(recovery.due, name="recover", bell=Bell()),
        outbox.relay(db, kafka, service="gateway", restate={CLIENTS: clients.restate}),
        *following.follow(db, kafka, service="gateway", internal=internal),
    ]
    if issuer is not None:
        work.append(refreshing(issuer))
        checks["token keys"] = issuer.check
    if settings.clients is not None:
        bootstrap = clients.Bootstrap(db, clients.read_file(settings.clients), recovery)
        work.append(bootstrap)
        checks["bootstrap clients"] = bootstrap.check
    return [
        http(app, fd=settings.listen_fd, useful=useful),
        http(private_app(checks=checks, gauges=gauges), fd=settings.private_fd),
        migrations(db, settings, _MIGRATIONS, *work),
    ]


def _kafka(settings: GatewaySettings) -> KafkaAccess:
    return KafkaAccess(
        settings.kafka_bootstrap, settings.kafka_user, settings.kafka_password.get_secret_value()
    )


def main() -> None:
    """Run the service."""
    settings = load(GatewaySettings)
    telemetry.start(settings)
    run(partial(serve, settings))


if __name__ == "__main__":
    main()
