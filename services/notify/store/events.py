"""Events per agency: put down unnumbered by their effects, numbered by one task at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from shared.db import Connection
from shared.ids import AgencyId

if TYPE_CHECKING:
    from asyncpg import Record

Detail: TypeAlias = Mapping[str, str | int | Sequence[str] | None]
EventType: TypeAlias = Literal[
    "delivery.acknowledged", "delivery.arrived", "delivery.status_reported", "dispatch.changed"
]

NUMBERING = 0x6E756D626572
"""Key of the advisory lock under which events get their numbers."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that an agency is told."""

    agency_id: AgencyId
    type: EventType
    subject: UUID
    detail: Detail


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event of an agency's log; its number is gapless within (agency, epoch)."""

    id: UUID
    agency_id: AgencyId
    agency_code: str
    number: int
    type: str
    subject: UUID
    at: datetime
    detail: dict[str, str | int | list[str] | None]


async def put(conn: Connection, news: Sequence[News]) -> None:
    """Put events down for numbering (role `worker`)."""
    if not news:
        return
    await conn.execute(
        """
        insert into events_unnumbered (agency_id, type, subject, detail)
        select new.agency_id, new.type, new.subject, new.detail
        from unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[])
            as new (agency_id, type, subject, detail)
        """,
        [one.agency_id for one in news],
        [one.type for one in news],
        [one.subject for one in news],
        [dict(one.detail) for one in news],
    )


async def announce(conn: Connection, news: News) -> None:
    """Put one event down for an agency that the caller may not see (role `app`)."""
    await conn.execute(
        "select announce($1, $2, $3, $4)",
        news.agency_id,
        news.type,
        news.subject,
        dict(news.detail),
    )


async def any_unnumbered(conn: Connection) -> bool:
    """Say whether events wait for their number."""
    return bool(await conn.fetchval("select exists (select from events_unnumbered)"))


async def lock_numbering(conn: Connection) -> bool:
    """Take the right to number until the end of this transaction; False when another has it."""
    return bool(await conn.fetchval("select pg_try_advisory_xact_lock($1)", NUMBERING))


async def number(conn: Connection, *, limit: int) -> int:
    """Number a batch of events, in the order of their ids, and return how many it were.

    The caller holds `lock_numbering`, taken in an earlier statement of this transaction: so the
    snapshot of this one shows all numbers that were given before.
    """
    done = await conn.execute(
        """
        with batch as (
            delete from events_unnumbered
            where id in (select id from events_unnumbered order by id limit $1)
            returning id, agency_id, type, subject, detail, at
        ), counted as (
            select agency_id, count(1) as n from batch group by agency_id
        ), heads as (
            insert into event_heads (agency_id, epoch, number)
            select agency_id, service_state.epoch, n from counted, service_state
            order by agency_id
            on conflict (agency_id, epoch)
            do update set number = event_heads.number + excluded.number
            returning agency_id, epoch, number
        )
        insert into events (agency_id, epoch, number, type, subject, detail, at)
        select batch.agency_id, heads.epoch,
            heads.number - counted.n
                + row_number() over (partition by batch.agency_id order by batch.id),
            batch.type, batch.subject, batch.detail, batch.at
        from batch
        join counted using (agency_id)
        join heads using (agency_id)
        order by batch.id
        """,
        limit,
    )
    return int(done.rpartition(" ")[2])


async def last_position(conn: Connection) -> int:
    """Return the position of the event that was numbered last, 0 when there is none."""
    return await conn.fetchval("select coalesce(max(position), 0) from events") or 0


async def numbered_since(conn: Connection, position: int) -> dict[AgencyId, int]:
    """Return whose events were numbered past `position`, each with its last one's position.

    Positions are given under the lock of numbering, so none appears below one that was seen.
    """
    rows = await conn.fetch(
        "select agency_id, max(position) as last from events where position > $1 group by 1",
        position,
    )
    return {row["agency_id"]: row["last"] for row in rows}


async def heads(
    conn: Connection, agencies: Sequence[AgencyId], *, epoch: UUID
) -> dict[AgencyId, int]:
    """Return the last number of each agency's log, where it has any."""
    rows = await conn.fetch(
        "select agency_id, number from event_heads where agency_id = any ($1::uuid[])"
        " and epoch = $2",
        agencies,
        epoch,
    )
    return {row["agency_id"]: row["number"] for row in rows}


async def after(
    conn: Connection,
    numbers: Mapping[AgencyId, int],
    *,
    epoch: UUID,
    limit: int,
    kind: EventType | None = None,
) -> list[NumberedEvent]:
    """Return events past the given number of each agency, in the order they were numbered.

    Of one type only, if `kind` names it.
    """
    past = "events.number > wanted.number order by number"
    if kind is not None:
        # A range: of one type the planner may think that it is found soon among all the others.
        past = """events.type <= $5 and (events.type, events.number) > ($5, wanted.number)
                order by type, number"""
    rows = await conn.fetch(
        f"""
        select event.id, event.agency_id, agency.code as agency_code, event.number, event.type,
            event.subject, event.at, event.detail
        from unnest($1::uuid[], $2::bigint[]) as wanted (agency_id, number)
        cross join lateral (
            select id, agency_id, number, position, type, subject, at, detail
            from events
            where events.agency_id = wanted.agency_id and events.epoch = $3
                and {past} limit $4
        ) as event
        join known_agencies as agency on agency.id = event.agency_id
        order by event.position limit $4
        """,  # noqa: S608 (texts of ours)
        list(numbers),
        list(numbers.values()),
        epoch,
        limit,
        *(() if kind is None else (kind,)),
    )
    return [_event(row) for row in rows]


async def count_unnumbered(conn: Connection) -> int:
    """Count the events that wait for their number."""
    return await conn.fetchval("select count(1) from events_unnumbered") or 0


def _event(row: "Record") -> NumberedEvent:
    return NumberedEvent(
        row["id"],
        row["agency_id"],
        row["agency_code"],
        row["number"],
        row["type"],
        row["subject"],
        row["at"],
        row["detail"],
    )
