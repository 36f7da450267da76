"""The process of signing: HTTP, relay, consumer, register and the slots that examine files."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

from services.signing import aging, ask, examine, fetch, heed, recover, revoke
from services.signing.anchor import Anchor
from services.signing.api import create
from services.signing.bench import LIMITS, Bench
from services.signing.dispatcher import Dispatcher
from services.signing.forks import Forks
from services.signing.hosts import AT_ONCE, Hosts
from services.signing.keys import Authorities, KeyFiles
from services.signing.pool import Limits, Worker
from services.signing.register import Register
from services.signing.settings import Settings
from services.signing.store import examinations, lists, withdrawals
from services.signing.turns import Turns
from shared import following, health, idempotency, outbox, telemetry
from shared.bell import Bell
from shared.blobs import BlobStore
from shared.consumer import On, consume
from shared.db import Database
from shared.events import DocumentDispatched, SignatureRequested
from shared.events.topics import Service
from shared.events.types import DOCUMENTS
from shared.http import Labelled, private_app
from shared.identity import Guard
from shared.internal import Internal
from shared.kafka import KafkaAccess
from shared.migrate import migrations
from shared.process import Task, http, repeat, run, together
from shared.restored import Recovery
from shared.settings import FAULTY_SETTINGS, load

_MIGRATIONS = Path(__file__).with_name("migrations")
_REGISTER_SECONDS = 2.0
_WITHDRAW_SECONDS = 1.0
_EXPIRE_SECONDS = 10.0
_FETCH_SECONDS = 1.0
_DROP_SECONDS = 3.0


Gauges = dict[str, Callable[[], Awaitable[float | Labelled]]]


def gauges(db: Database, access: KafkaAccess, recovery: Recovery) -> Gauges:
    """Return what shows whether signing is quiet (protocol.md 8), and how fresh lists are."""
    return {
        **health.gauges(db, access, "signing"),
        "lienthong_recovering": recovery.gauge(),
        "lienthong_examinations_pending": partial(db.as_worker, examinations.count_pending),
        "lienthong_withdrawals_pending": partial(db.as_worker, withdrawals.count_open),
        "lienthong_issuing_list_seconds": partial(
            db.as_worker, partial(lists.seconds_left, authority="issuing")
        ),
        "lienthong_root_list_seconds": partial(
            db.as_worker, partial(lists.seconds_left, authority="root")
        ),
        "lienthong_revocation_age_seconds": partial(db.as_worker, aging.ages),
        "lienthong_revocation_failing_seconds": partial(db.as_worker, aging.failing),
    }


def background(
    bench: Bench,
    access: KafkaAccess,
    register: Register,
    recovery: Recovery,
    slots: Sequence[Task],
) -> list[Task]:
    """Return the tasks beside HTTP, relay and projection."""
    db = bench.db
    handlers = [
        On(DocumentDispatched, examine.take_in),
        On(SignatureRequested, partial(ask.take_in, keys=bench.keys)),
    ]
    return [
        consume(db, access, service="signing", topics=[DOCUMENTS], handlers=handlers),
        bench.serve,
        repeat(partial(ask.expire, db), name="expire", bell=Bell(), pause=_EXPIRE_SECONDS),
        # A bell of its own, never rung: the folder is looked at, not waited for.
        repeat(register.tend, name="register", bell=Bell(), pause=_REGISTER_SECONDS),
        repeat(partial(revoke.withdraw, db), name="withdraw", bell=Bell(), pause=_WITHDRAW_SECONDS),
        idempotency.sweep(db),
        repeat(recovery.due, name="recover", bell=Bell()),
        *fetching(bench, recovery.over),
        *slots,
    ]


def fetching(bench: Bench, may: Callable[[], Awaitable[bool]]) -> list[Task]:
    """Return the tasks that fetch revocation data, and the one that heeds what has come."""
    hosts, news = Hosts(), Bell()

    async def heeding() -> bool:
        return await may() and await heed.heed(bench)

    async def fetching_one() -> bool:
        fetched = await may() and await fetch.fetch(bench, hosts)
        if fetched:
            news.ring()
        return fetched

    return [
        repeat(heeding, name="heed", bell=news, pause=_FETCH_SECONDS),
        *(
            _dropped(repeat(fetching_one, name=f"fetch {n}", bell=Bell(), pause=_FETCH_SECONDS))
            for n in range(AT_ONCE)
        ),
    ]


def _dropped(task: Task) -> Task:
    """Return a task that is cancelled a while after it was to stop: its hosts may hang for longer.

    What it had claimed is fetched again when the claim has run out.
    """

    async def limited(stop: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as group:
                limiting = group.create_task(_limit(deadline, stop))
                await task(stop)
                limiting.cancel()

    return limited


async def _limit(deadline: asyncio.Timeout, stop: asyncio.Event) -> None:
    await stop.wait()
    deadline.reschedule(asyncio.get_running_loop().time() + _DROP_SECONDS)


async def serve(settings: Settings, authorities: Authorities, stop: asyncio.Event) -> None:
    """Open what the tasks share, and run them until `stop`."""
    access = KafkaAccess(
        settings.kafka_bootstrap, settings.kafka_user, settings.kafka_password.get_secret_value()
    )
    async with AsyncExitStack() as opened:
        db = await opened.enter_async_context(Database.open(settings))
        guard = await opened.enter_async_context(Guard.open(settings, db))
        addresses: dict[Service, str] = {"docs": settings.docs_url, "gateway": settings.gateway_url}
        internal = await opened.enter_async_context(Internal.open(settings, addresses))
        app = create()
        app.state.db, app.state.guard, app.state.authorities = db, guard, authorities
        forks = await opened.enter_async_context(Forks.open())
        keys = KeyFiles(settings.pki / "keys")
        turns = Turns(tuple(Worker(LIMITS, forks) for _ in range(settings.workers)))
        blobs = BlobStore(settings.blobs)
        app.state.bench = bench = Bench(db, blobs, keys, Anchor(), turns, forks)
        app.state.recovery = recovery = recover.recovery(bench, access, authorities)
        register = Register(bench, authorities, recovery)
        dispatcher = Dispatcher(bench, Limits(), meet=register.meet, may=recovery.over)
        private = private_app(
            checks={
                **following.checks(db, service="signing", internal=internal),
                **health.checks(db, access, "signing"),
                "register": register.check,
            },
            gauges=gauges(db, access, recovery),
        )
        work = [
            outbox.relay(db, access, service="signing"),
            *following.follow(db, access, service="signing", internal=internal),
            *background(bench, access, register, recovery, dispatcher.slots(settings.workers)),
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
    try:
        authorities = Authorities(settings.pki)
    except (OSError, ValueError, TypeError) as error:
        print(f"SIGNING_PKI: {error}", file=sys.stderr)  # noqa: T201 (no log yet)
        raise SystemExit(FAULTY_SETTINGS) from None
    telemetry.start(settings)
    run(partial(serve, settings, authorities))


if __name__ == "__main__":
    main()
