"""The background work of docs: verdicts and receipts come in, clearing, comparing with notify."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from services.docs import judge, progress, sign
from services.docs.clear import clear_all
from services.docs.dispatch import ask_again
from services.docs.orphans import Orphans
from services.docs.reconcile import Comparison
from services.docs.store import mailboxes, queue, signatures
from services.docs.turns import HOLD_SECONDS
from shared import outbox, parking, positions
from shared.bell import Bell
from shared.blobs import BlobStore
from shared.consumer import consume
from shared.db import Database
from shared.events.deliveries import RECEIPTS
from shared.events.types import SIGNATURES
from shared.kafka import KafkaAccess
from shared.process import Task, repeat
from shared.restored import Recovery

_ASK_SECONDS = 5.0
_ORPHANS_SECONDS = 2.0


def tasks(
    db: Database,
    access: KafkaAccess,
    blobs: BlobStore,
    *,
    comparison: Comparison,
    recovery: Recovery,
) -> list[Task]:
    """Return the tasks of one process; several processes may run them at once."""
    signed = (*judge.HANDLERS, *sign.HANDLERS)

    return [
        consume(db, access, service="docs", topics=[SIGNATURES], handlers=signed),
        consume(db, access, service="docs", topics=[RECEIPTS], handlers=progress.HANDLERS),
        repeat(clearing(db, comparison, recovery), name="clear", bell=db.bell),
        repeat(recovery.due, name="recover", bell=Bell()),
        repeat(comparison.due, name="compare with notify", bell=db.bell),
        # A look four times a second costs less than one after every commit.
        repeat(partial(sign.take_over, db, blobs), name="take signatures over", bell=Bell()),
        repeat(_every(_ASK_SECONDS, db), name="ask again", bell=db.bell),
    ]


def clearing(
    db: Database,
    comparison: Comparison,
    recovery: Recovery,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[], Awaitable[bool]]:
    """Return the step that clears, once heads were compared with notify and nothing is missing.

    A database that came back older would give numbers that exist. Nothing is held before this
    process has cleared for `HOLD_SECONDS`: verdicts that came while none was there are still on
    their way to it.
    """
    since: float | None = None

    async def clear() -> bool:
        nonlocal since
        if not comparison.made or not await recovery.over():
            return False
        since = clock() if since is None else since
        went = await clear_all(db, holding=clock() - since >= HOLD_SECONDS)
        if went:
            comparison.soon()
        return went

    return clear


def _every(seconds: float, db: Database) -> Callable[[], Awaitable[bool]]:
    due = time.monotonic() + seconds

    async def step() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            await db.as_worker(ask_again)
        return False

    return step


def counting(orphans: Orphans) -> Task:
    """Return the task that counts orphans when it is due, with a bell that nobody rings."""
    return repeat(orphans.due, name="count orphans", bell=Bell(), pause=_ORPHANS_SECONDS)


def gauges(
    db: Database, access: KafkaAccess, orphans: Orphans, recovery: Recovery
) -> Mapping[str, Callable[[], Awaitable[float]]]:
    """Return what shows whether docs is quiet (protocol.md 8): all are 0 then, but for orphans."""

    return {
        "lienthong_outbox_pending": partial(outbox.pending, db),
        "lienthong_outbox_oldest_seconds": partial(outbox.oldest, db),
        "lienthong_consumer_lag": partial(positions.behind, db, access, "docs"),
        "lienthong_parked": partial(parking.count, db),
        "lienthong_dispatches_waiting": partial(db.as_worker, queue.undone),
        "lienthong_signatures_pending": partial(db.as_worker, signatures.count_made),
        "lienthong_heads_differ": partial(db.as_worker, mailboxes.differing),
        "lienthong_recovering": recovery.gauge(),
        "lienthong_blobs_orphaned": orphans.count,
        "lienthong_blobs_corrupt": orphans.corrupt,
    }
