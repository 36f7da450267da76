"""The process of notify: HTTP, relay, consumers, catch-up and numbering, as equal tasks."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from services.notify import catchup, deliver, push, recover, subscribe
from services.notify.api import create
from services.notify.compare import Comparison
from services.notify.connecting import Doors
from services.notify.ears import Ears
from services.notify.keys import ReceiptKeys
from services.notify.receive import Desk
from services.notify.settings import Settings
from services.notify.store import alarms, events, lanes, state, subscriptions
from shared import following, health, idempotency, outbox, telemetry
from shared.bell import Bell
from shared.chain import LANES
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.events import DispatchChanged
from shared.events.deliveries import deliveries_topic
from shared.events.topics import LEVELS, Service
from shared.events.types import DOCUMENTS
from shared.http import private_app
from shared.identity import Guard
from shared.internal import Internal
from shared.kafka import KafkaAccess
from shared.migrate import migrations
from shared.process import Task, http, repeat, run, together
from shared.settings import load

_MIGRATIONS = Path(__file__).with_name("migrations")
_COMPARE_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_CATCH_UP_SECONDS = 0.25


def consumers(db: Database, access: KafkaAccess) -> list[Task]:
    """Return the readers of the delivery topics, one group per level, and of dispatches' fate."""
    tasks = [
        consume(
            db,
            access,
            service="notify",
            topics=[deliveries_topic(level, lane) for lane in LANES],
            handlers=[deliver.Deliveries()],
            inbox=False,
            parked=deliver.miss,
        )
        for level in LEVELS
    ]
    told = On(DispatchChanged, push.tell_sender)
    tasks.append(consume(db, access, service="notify", topics=[DOCUMENTS], handlers=[told]))
    return tasks


def gauges(db: Database, access: KafkaAccess) -> dict[str, health.Gauge]:
    """Return what shows whether notify is quiet (protocol.md 8)."""

    async def recovering(conn: Connection) -> float:
        return float((await state.read(conn)).recovering)

    return {
        **health.gauges(db, access, "notify"),
        "lienthong_lanes_behind": partial(db.as_worker, lanes.count_behind),
        "lienthong_lanes_stopped": partial(db.as_worker, lanes.count_stopped),
        "lienthong_mailbox_alarms": partial(db.as_worker, alarms.count),
        "lienthong_subscriptions_unswept": partial(db.as_worker, subscriptions.count_unswept),
        "lienthong_events_unnumbered": partial(db.as_worker, events.count_unnumbered),
        "lienthong_recovering": partial(db.as_worker, recovering),
    }


def background(db: Database, access: KafkaAccess, internal: Internal, ears: Ears) -> list[Task]:
    """Return the tasks beside HTTP, relay and projection."""
    comparison = Comparison(db, internal, seconds=_COMPARE_SECONDS)
    recovery = recover.recovery(db, internal, access)
    return [
        *consumers(db, access),
        repeat(push.Teller(db, ears).tell, name="number events", bell=db.bell),
        repeat(
            partial(catchup.catch_up, db, internal),
            name="catch up",
            bell=Bell(),  # lanes fall behind too rarely to look after every commit
            pause=_CATCH_UP_SECONDS,
        ),
        repeat(comparison.due, name="compare heads", bell=Bell(), pause=_LOOK_SECONDS),
        repeat(recovery.due, name="recover receipts", bell=Bell(), pause=_LOOK_SECONDS),
        repeat(
            partial(subscribe.keep, db),
            name="keep subscriptions",
            bell=Bell(),
            pause=_LOOK_SECONDS,
        ),
        idempotency.sweep(db),
        ears.close_at_end,
    ]


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Open what the tasks share, and run them until `stop`."""
    access = KafkaAccess(
        settings.kafka_bootstrap, settings.kafka_user, settings.kafka_password.get_secret_value()
    )
    async with AsyncExitStack() as opened:
        db = await opened.enter_async_context(Database.open(settings))
        guard = await opened.enter_async_context(Guard.open(settings, db))
        addresses: dict[Service, str] = {"docs": settings.docs_url, "gateway": settings.gateway_url}
        internal = await opened.enter_async_context(Internal.open(settings, addresses))
        ears = Ears()
        app = create()
        app.state.db, app.state.guard, app.state.ears = db, guard, ears
        app.state.desk = Desk(ReceiptKeys(settings.receipt_keys), settings.issuer)
        app.state.doors = Doors(settings.token_endpoint, settings.audience, settings.kafka_outside)
        private = private_app(
            checks={
                **following.checks(db, service="notify", internal=internal),
                **health.checks(db, access, "notify"),
            },
            gauges=gauges(db, access),
        )
        work: list[Task] = [
            outbox.relay(db, access, service="notify"),
            *following.follow(db, access, service="notify", internal=internal),
            *background(db, access, internal, ears),
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
