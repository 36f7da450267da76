"""Subscriptions: whose events also go to a Kafka mailbox, from pending to removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from services.notify.store.events import NUMBERING
from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId

if TYPE_CHECKING:
    from asyncpg import Record

State: TypeAlias = Literal["pending", "ready", "ended"]
Start: TypeAlias = tuple[AgencyId, Lane, int]

_COLUMNS = (
    "id, client_id, kind, state, topic, version, bootstrap, starts,"
    " created_at, ready_at, ended_at, ended_because"
)
_SWEEP = 5000


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """One subscription of a system."""

    id: UUID
    client_id: str
    kind: str
    state: State
    topic: str
    version: int
    bootstrap: str | None
    starts: tuple[Start, ...]
    created_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None


async def act_as(conn: Connection, client_id: str) -> None:
    """Let this transaction see the subscriptions of one client (role `app`)."""
    await conn.execute("select set_config('app.client', $1, true)", client_id)


async def begin(
    conn: Connection, new: UUID, *, client_id: str, kind: str, topic: str
) -> StoredSubscription | None:
    """Make a pending subscription, or return the living one of its kind.

    None when that one has ended in between: ask again.
    """
    await conn.execute(
        "insert into subscriptions (id, client_id, kind, topic) values ($1, $2, $3, $4)"
        " on conflict (client_id, kind) where state <> 'ended' do nothing",
        new,
        client_id,
        kind,
        topic,
    )
    row = await conn.fetchrow(
        f"select {_COLUMNS} from subscriptions"  # noqa: S608 (fixed column names)
        " where client_id = $1 and kind = $2 and state <> 'ended'",
        client_id,
        kind,
    )
    return None if row is None else _subscription(row)


async def find(
    conn: Connection, id_: UUID, *, client_id: str, lock: bool = False
) -> StoredSubscription | None:
    """Return a client's own subscription, if asked locked for a change."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from subscriptions where id = $1 and client_id = $2"  # noqa: S608
        + (" for update" if lock else ""),
        id_,
        client_id,
    )
    return None if row is None else _subscription(row)


async def of_client(
    conn: Connection, client_id: str, *, before: UUID | None, limit: int
) -> list[StoredSubscription]:
    """Return a client's subscriptions, the newest first, past the id `before`."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from subscriptions"  # noqa: S608 (fixed column names)
        " where client_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        client_id,
        before,
        limit,
    )
    return [_subscription(row) for row in rows]


async def wait_for_numbering(conn: Connection) -> None:
    """Keep events from being numbered until this transaction ends: who hears them changes."""
    await conn.execute("select pg_advisory_xact_lock($1)", NUMBERING)


async def end(conn: Connection, id_: UUID, *, because: str) -> None:
    """End a living subscription; call `wait_for_numbering` before."""
    await conn.execute(
        "update subscriptions set state = 'ended', ended_at = clock_timestamp(),"
        " ended_because = $2, version = version + 1 where id = $1 and state <> 'ended'",
        id_,
        because,
    )


@dataclass(frozen=True, slots=True)
class Unentitled:
    """A living subscription that has to end, and why: `revoked` or `agency_removed`."""

    id: UUID
    client_id: str
    because: str


async def unentitled(conn: Connection) -> list[Unentitled]:
    """Return living subscriptions of systems that are revoked, may not receive or lost an agency.

    What was pushed for an agency that was taken from a system stands on its topic.
    """
    rows = await conn.fetch(
        "select own.id, own.client_id, case when client.state = 'revoked'"
        " or not 'documents.receive' = any (client.scopes) then 'revoked'"
        " else 'agency_removed' end as because"
        " from subscriptions as own join known_clients as client using (client_id)"
        " where own.state <> 'ended' and (own.narrowed_at is not null"
        " or client.state = 'revoked' or not 'documents.receive' = any (client.scopes))"
        " order by own.id"
    )
    return [Unentitled(row["id"], row["client_id"], row["because"]) for row in rows]


async def any_unswept(conn: Connection) -> bool:
    """Say whether an ended subscription may still have rows in the outbox."""
    return bool(
        await conn.fetchval(
            "select exists (select from subscriptions where state = 'ended' and swept_at is null)"
        )
    )


async def sweep(conn: Connection) -> bool:
    """Delete some outbox rows of an ended subscription; True when there may be more.

    Rows of a later subscription to the same topic are younger than the end of this one.
    """
    row = await conn.fetchrow(
        "select id, topic, ended_at from subscriptions"
        " where state = 'ended' and swept_at is null order by id limit 1 for update skip locked"
    )
    if row is None:
        return False
    done = await conn.execute(
        "delete from outbox where id = any(array("
        "(select id from outbox where topic = $1 and published_at is not null"
        " and created_at <= $2 order by published_at limit $3) union all"
        " (select id from outbox where topic = $1 and published_at is null"
        " and parked_at is null and created_at <= $2 order by id limit $3) union all"
        " (select id from outbox where topic = $1 and published_at is null"
        " and parked_at is not null and created_at <= $2 limit $3) limit $3))",
        row["topic"],
        row["ended_at"],
        _SWEEP,
    )
    if int(done.rpartition(" ")[2]) < _SWEEP:
        await conn.execute(
            "update subscriptions set swept_at = clock_timestamp() where id = $1", row["id"]
        )
    return True


async def to_provide(conn: Connection) -> list[tuple[StoredSubscription, datetime | None]]:
    """Return what the provisioner has to see to: living ones, and ended ones to be removed.

    With each `not_before` of its client, as it is known here. A new subscription to a topic waits
    until the ended one before it is removed; one that is about to end is left out.
    """
    rows = await conn.fetch(
        f"select {_COLUMNS}, (select not_before from known_clients as client"  # noqa: S608
        " where client.client_id = own.client_id) as not_before"
        " from subscriptions as own where removed_at is null"
        " and (state = 'ended' and swept_at is not null"
        " or state <> 'ended' and narrowed_at is null)"
        " and (state <> 'pending' or not exists ("
        "  select from subscriptions as ended where ended.topic = own.topic"
        "  and ended.state = 'ended' and ended.removed_at is null))"
        " order by id"
    )
    return [(_subscription(row), row["not_before"]) for row in rows]


async def lock(conn: Connection, id_: UUID) -> StoredSubscription | None:
    """Lock and return any client's subscription (role `worker`)."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from subscriptions where id = $1 for update",  # noqa: S608
        id_,
    )
    return None if row is None else _subscription(row)


async def make_ready(
    conn: Connection, id_: UUID, *, bootstrap: str, starts: Sequence[Start]
) -> None:
    """Let a pending subscription begin; call `wait_for_numbering` before."""
    await conn.execute(
        "update subscriptions set state = 'ready', ready_at = clock_timestamp(), bootstrap = $2,"
        " starts = $3, version = version + 1 where id = $1 and state = 'pending'",
        id_,
        bootstrap,
        [[str(agency), lane, sequence] for agency, lane, sequence in starts],
    )


async def move(conn: Connection, id_: UUID, *, bootstrap: str) -> None:
    """Note that the brokers of a ready subscription stand elsewhere now."""
    await conn.execute(
        "update subscriptions set bootstrap = $2, version = version + 1"
        " where id = $1 and state = 'ready' and bootstrap <> $2",
        id_,
        bootstrap,
    )


async def removed(conn: Connection, id_: UUID) -> None:
    """Note that an ended subscription has no rights and no topic on Kafka any more."""
    await conn.execute(
        "update subscriptions set removed_at = clock_timestamp()"
        " where id = $1 and state = 'ended' and removed_at is null",
        id_,
    )


async def ready(conn: Connection) -> list[str]:
    """Return the clients that have a ready subscription."""
    rows = await conn.fetch(
        "select client_id from subscriptions where state = 'ready' order by client_id"
    )
    return [row["client_id"] for row in rows]


async def count_unswept(conn: Connection) -> int:
    """Count the ended subscriptions that still have rows in the outbox."""
    return (
        await conn.fetchval(
            "select count(1) from subscriptions where state = 'ended' and swept_at is null"
        )
        or 0
    )


def _subscription(row: "Record") -> StoredSubscription:
    return StoredSubscription(
        row["id"],
        row["client_id"],
        row["kind"],
        row["state"],
        row["topic"],
        row["version"],
        row["bootstrap"],
        tuple((AgencyId(UUID(agency)), lane, number) for agency, lane, number in row["starts"]),
        row["created_at"],
        row["ready_at"],
        row["ended_at"],
        row["ended_because"],
    )
