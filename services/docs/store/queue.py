"""Rows of `turns`, and `dispatches` as the queue of a (sender, lane): the first of all locks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from services.docs.store.dispatches import COLUMNS, Dispatch, read
from services.docs.turns import HOLD_SECONDS, SILENCE_SECONDS, Queued, Verdict
from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId, DispatchId


async def take_turn(conn: Connection, *, sender: AgencyId, lane: Lane) -> int:
    """Give the next turn of (sender, lane); holds its row's lock until the transaction ends."""
    return await conn.fetchval(
        """insert into turns as t (sender_id, lane, last_turn) values ($1, $2, 1)
        on conflict (sender_id, lane) do update set last_turn = t.last_turn + 1
        returning last_turn""",
        sender,
        lane,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A sender's lane in which some dispatch has its verdict and is not done."""

    sender_id: AgencyId
    lane: Lane


async def lines(conn: Connection) -> list[Line]:
    """Return where something may go, urgent first, then by whose verdict has waited longest."""
    rows = await conn.fetch(
        """select sender_id, lane, min(verdict_at) as since from dispatches
        where state in ('waiting', 'held', 'clearing') and verdict is not null
        group by sender_id, lane order by lane = 'urgent' desc, since"""
    )
    return [Line(row["sender_id"], row["lane"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Queue:
    """The first undone dispatches of a (sender, lane) in order of turn, under its lock."""

    waiting: tuple[Queued, ...]
    ripe: int
    """The highest turn that has had its verdict for `HOLD_SECONDS`; 0: none, or none is asked."""
    overripe: int
    """The same for `SILENCE_SECONDS`."""


async def lock_queue(conn: Connection, line: Line, *, limit: int = 100) -> Queue | None:
    """Lock (sender, lane) and read its queue; None while another transaction holds the lock.

    Dispatches that are held and still without a verdict stop nobody and are left out.
    """
    held = await conn.fetchval(
        """select last_turn from turns where sender_id = $1 and lane = $2
        for update skip locked""",
        line.sender_id,
        line.lane,
    )
    if held is None:
        return None
    rows = await conn.fetch(
        """select id, turn, verdict, state = 'held' as held, exists (
                select from verdicts v
                where v.dispatch_id = d.id and v.indication = 'INDETERMINATE' and not exists (
                    select from verdicts w where w.dispatch_id = v.dispatch_id
                        and w.sha256 = v.sha256 and w.indication <> 'INDETERMINATE')) as doubted
        from dispatches d
        where sender_id = $1 and lane = $2 and state in ('waiting', 'held', 'clearing')
            and not (state = 'held' and verdict is null)
        order by turn limit $3""",
        line.sender_id,
        line.lane,
        limit,
    )
    waiting = tuple(_queued(row) for row in rows)
    if not waiting or waiting[0].verdict is not None:
        return Queue(waiting, ripe=0, overripe=0)  # it goes, whatever comes after it
    return Queue(
        waiting,
        ripe=await _ripe(conn, line, HOLD_SECONDS),
        overripe=await _ripe(conn, line, SILENCE_SECONDS),
    )


async def _ripe(conn: Connection, line: Line, seconds: float) -> int:
    return await conn.fetchval(
        """select coalesce(max(turn), 0) from dispatches
        where sender_id = $1 and lane = $2 and state in ('waiting', 'held', 'clearing')
            and verdict is not null
            and verdict_at <= clock_timestamp() - make_interval(secs => $3)""",
        line.sender_id,
        line.lane,
        seconds,
    )


def _queued(row: Record) -> Queued:
    verdict = row["verdict"]
    return Queued(
        id=row["id"],
        turn=row["turn"],
        verdict=None if verdict is None else Verdict(verdict),
        held=row["held"],
        doubted=row["doubted"],
    )


async def hold(conn: Connection, ids: Sequence[DispatchId]) -> list[Dispatch]:
    """Take these out of their place, and return them."""
    rows = await conn.fetch(
        f"update dispatches as d set state = 'held' where d.id = any($1) returning {COLUMNS}",  # noqa: S608
        ids,
    )
    return sorted((read(row) for row in rows), key=lambda one: one.turn or 0)


async def unanswered(conn: Connection, *, seconds: float, limit: int) -> list[Dispatch]:
    """Lock and return dispatches that signing was asked about so long ago, and mark them asked.

    For each the time doubles with every question, up to 16 times.
    """
    rows = await conn.fetch(
        f"""with long as (
            select id from dispatches
            where state in ('waiting', 'held') and verdict is null
                and asked_at < now() - make_interval(secs => $1)
                and asked_at < now() - make_interval(secs => $1 * (1 << least(asks, 4)))
            order by asked_at limit $2 for update skip locked)
        update dispatches as d set asked_at = now(), asks = least(asks + 1, 1000)
        from long where d.id = long.id
        returning {COLUMNS}""",  # noqa: S608
        seconds,
        limit,
    )
    return [read(row) for row in rows]


async def undone(conn: Connection) -> int:
    """Count the dispatches of which some copy is still undecided."""
    return await conn.fetchval(
        "select count(*) from dispatches where state in ('waiting', 'held', 'clearing')"
    )


async def now(conn: Connection) -> datetime:
    """Return PostgreSQL's time of this transaction."""
    return await conn.fetchval("select now()")
