"""Subscriptions: a system asks for a Kafka mailbox, gets it, and loses it with its rights."""

from uuid import UUID

import structlog

from services.notify.store import lanes, subscriptions
from services.notify.store.subscriptions import Start, StoredSubscription
from shared import agencies
from shared.db import Connection, Database
from shared.errors import Problem, Unavailable
from shared.events.deliveries import mailbox_topic
from shared.failpoint import reach
from shared.identity import Caller
from shared.ids import AgencyId, uuid7

_log = structlog.get_logger()

SCOPE = "documents.receive"
"""Without it nobody has a mailbox."""
_TRIES = 3


async def subscribe(conn: Connection, caller: Caller, kind: str) -> StoredSubscription:
    """Begin a subscription, or return the living one of this kind."""
    await subscriptions.act_as(conn, caller.client_id)
    for _ in range(_TRIES):
        found = await subscriptions.begin(
            conn,
            uuid7(),
            client_id=caller.client_id,
            kind=kind,
            topic=mailbox_topic(caller.client_id),
        )
        if found is not None:
            return found
    raise Unavailable("the subscription")


async def find(conn: Connection, caller: Caller, id_: UUID) -> StoredSubscription:
    """Return one of the caller's own subscriptions. Raises Problem REQ-4041."""
    await subscriptions.act_as(conn, caller.client_id)
    found = await subscriptions.find(conn, id_, client_id=caller.client_id)
    if found is None:
        raise Problem("REQ-4041")
    return found


async def unsubscribe(conn: Connection, caller: Caller, id_: UUID, expected: int | None) -> None:
    """End a subscription; ending it again changes nothing.

    Raises Problem REQ-4041, REQ-4121 when it is not of the version `expected`.
    """
    await subscriptions.act_as(conn, caller.client_id)
    await subscriptions.wait_for_numbering(conn)
    found = await subscriptions.find(conn, id_, client_id=caller.client_id, lock=True)
    if found is None:
        raise Problem("REQ-4041")
    if expected is not None and expected != found.version:
        raise Problem("REQ-4121")
    await subscriptions.end(conn, id_, because="asked")


async def make_ready(conn: Connection, id_: UUID, bootstrap: str) -> StoredSubscription:
    """Begin to push: topic and rights are there. Repeating it changes nothing; ended stays ended.

    Notes the last entry of each lane that may not be pushed: whatever was numbered before. What
    comes after is pushed, and perhaps a few entries up to there too. Raises Problem REQ-4041.
    """
    await subscriptions.wait_for_numbering(conn)
    found = await subscriptions.lock(conn, id_)
    if found is None:
        raise Problem("REQ-4041")
    if found.state == "pending":
        mine = await acts_for(conn, found.client_id)
        starts: list[Start] = [
            (one.agency, one.lane, one.sequence)
            for one in await lanes.states(conn)
            if one.agency in mine and one.sequence
        ]
        await subscriptions.make_ready(conn, id_, bootstrap=bootstrap, starts=starts)
    else:
        await subscriptions.move(conn, id_, bootstrap=bootstrap)
    reach("notify.subscription.before_ready")
    return await subscriptions.lock(conn, id_) or found


async def acts_for(conn: Connection, client_id: str) -> frozenset[AgencyId]:
    """Return the active agencies that a system may receive for, and the closed they succeed."""
    client = await agencies.client(conn, client_id)
    if client is None or not client.active or SCOPE not in client.scopes:
        return frozenset()
    known = await agencies.find(conn, sorted(client.agencies))
    active = {agency.id for agency in known.values() if agency.state == "active"}
    closed = await agencies.closed_into(conn, sorted(active))
    return frozenset((*active, *closed))


async def keep(db: Database) -> bool:
    """End what nobody is entitled to any more, and sweep what ended; True when more is left."""
    if await db.look(subscriptions.unentitled):
        await db.as_worker(_end_unentitled)
    return await db.look(subscriptions.any_unswept) and await db.as_worker(subscriptions.sweep)


async def _end_unentitled(conn: Connection) -> None:
    await subscriptions.wait_for_numbering(conn)
    for one in await subscriptions.unentitled(conn):
        _log.warning("subscription ended", client=one.client_id, because=one.because)
        await subscriptions.end(conn, one.id, because=one.because)
