"""Rows of `deliveries`: frozen with their dispatch, numbered or failed one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from services.docs.document import Named, RecipientChoice
from services.docs.routing import Addressee, Found
from shared.chain import Lane
from shared.db import Connection
from shared.ids import AgencyId, DeliveryId, DispatchId, DocumentId


async def addressees(conn: Connection, choices: Sequence[RecipientChoice]) -> list[Found]:
    """Look up what each choice names in the directory, closed and suspended ones too.

    A selection that comes again is not looked up again.
    """
    found: dict[RecipientChoice, Found] = {}
    named = await _by_codes(conn, [one.agency for one in choices if isinstance(one, Named)])
    for choice in dict.fromkeys(choices):
        if isinstance(choice, Named):
            agency = named.get(choice.agency)
            found[choice] = None if agency is None else (agency,)
        else:
            found[choice] = await _selected(conn, level=choice.level, under=choice.under)
    return [found[choice] for choice in choices]


_ADDRESSEE = """a.id, a.code, a.level, a.state, array(select h.code from agencies as h
    where h.id = any(a.successors) order by h.code) as successors"""


async def _by_codes(conn: Connection, codes: Sequence[str]) -> dict[str, Addressee]:
    rows = await conn.fetch(
        f"""select c.code as asked, {_ADDRESSEE} from agency_codes as c
        join agencies as a on a.id = c.agency_id where c.code = any($1)""",  # noqa: S608
        codes,
    )
    return {row["asked"]: _addressee(row) for row in rows}


async def _selected(conn: Connection, *, level: str | None, under: str | None) -> Found:
    root = None
    if under is not None:
        root = await conn.fetchval("select agency_id from agency_codes where code = $1", under)
        if root is None:
            return None
    rows = await conn.fetch(
        f"""with recursive below as (
            select id from agencies where parent_id = $1
            union
            select a.id from agencies as a join below as b on a.parent_id = b.id)
        select {_ADDRESSEE} from agencies as a
        where ($1::uuid is null or a.id in (select id from below))
            and ($2::text is null or a.level = $2) and a.state <> 'closed'""",  # noqa: S608
        root,
        level,
    )
    return tuple(_addressee(row) for row in rows)


def _addressee(row: Record) -> Addressee:
    return Addressee(
        id=row["id"],
        code=row["code"],
        level=row["level"],
        state=row["state"],
        successors=tuple(row["successors"]),
    )


async def freeze(
    conn: Connection, rows: Sequence["Copy"], *, dispatch_id: DispatchId, document_id: DocumentId
) -> None:
    """Insert one row per recipient of a dispatch; one that is known by its entry stays."""
    first = rows[0]
    await conn.execute(
        """insert into deliveries (id, dispatch_id, document_id, sender_id, lane, recipient_id,
            recipient_code, level)
        select r.id, $1, $2, $3, $4, r.recipient_id, r.code, r.level
        from unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[])
            as r (id, recipient_id, code, level)
        on conflict (dispatch_id, recipient_id) do nothing""",
        dispatch_id,
        document_id,
        first.sender_id,
        first.lane,
        [row.id for row in rows],
        [row.recipient_id for row in rows],
        [row.recipient_code for row in rows],
        [row.level for row in rows],
    )


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's copy that has no number yet."""

    id: DeliveryId
    sender_id: AgencyId
    lane: Lane
    recipient_id: AgencyId
    recipient_code: str
    level: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the directory says of a recipient now, under its lock."""

    id: AgencyId
    code: str
    level: str
    closed: bool
    successors: tuple[UUID, ...]


async def unnumbered(conn: Connection, dispatch_id: DispatchId, *, limit: int) -> list[Copy]:
    """Return copies of a locked dispatch that are still undecided, by recipient."""
    rows = await conn.fetch(
        """select id, sender_id, lane, recipient_id, recipient_code, level from deliveries
        where dispatch_id = $1 and sequence is null and reason is null
        order by recipient_id limit $2""",
        dispatch_id,
        limit,
    )
    return [Copy(**dict(row)) for row in rows]


async def lock_agencies(conn: Connection, ids: Sequence[AgencyId]) -> dict[AgencyId, Standing]:
    """Hold these agencies as they are until the transaction ends; locked in order of id."""
    rows = await conn.fetch(
        """select id, code, level, state = 'closed' as closed, successors from agencies
        where id = any($1) order by id for share""",
        ids,
    )
    return {
        row["id"]: Standing(
            id=row["id"],
            code=row["code"],
            level=row["level"],
            closed=row["closed"],
            successors=tuple(row["successors"]),
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Numbered:
    """A copy with its place in the recipient's mailbox."""

    id: DeliveryId
    recipient_id: AgencyId
    level: str
    sequence: int
    previous_hash: bytes
    hash: bytes
    entry: bytes


async def number(conn: Connection, rows: Sequence[Numbered], *, at: datetime) -> None:
    """Give these copies their numbers, hashes and entries."""
    await conn.execute(
        """update deliveries as d set sequence = n.sequence, previous_hash = n.previous_hash,
            hash = n.hash, entry = n.entry, level = n.level, cleared_at = $7
        from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[])
            as n (id, sequence, previous_hash, hash, entry, level)
        where d.id = n.id""",
        [row.id for row in rows],
        [row.sequence for row in rows],
        [row.previous_hash for row in rows],
        [row.hash for row in rows],
        [row.entry for row in rows],
        [row.level for row in rows],
        at,
    )


async def fail(
    conn: Connection, ids: Sequence[DeliveryId], *, reason: str, successors: Sequence[UUID] = ()
) -> None:
    """Refuse these unnumbered copies for good."""
    await conn.execute(
        """update deliveries set reason = $2, successors = $3
        where id = any($1) and sequence is null""",
        ids,
        reason,
        successors,
    )


async def fail_rest(conn: Connection, dispatch_id: DispatchId, *, reason: str) -> None:
    """Refuse all copies of a locked dispatch that have no number."""
    await conn.execute(
        """update deliveries set reason = $2
        where dispatch_id = $1 and sequence is null and reason is null""",
        dispatch_id,
        reason,
    )


async def reached(conn: Connection, dispatch_id: DispatchId) -> list[AgencyId]:
    """Return the recipients whose copies of this dispatch have a number."""
    rows = await conn.fetch(
        """select recipient_id from deliveries
        where dispatch_id = $1 and sequence is not null order by recipient_id""",
        dispatch_id,
    )
    return [row["recipient_id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Adopted:
    """A copy taken over from an entry that notify holds."""

    numbered: Numbered
    dispatch_id: DispatchId
    document_id: DocumentId
    sender_id: AgencyId
    recipient_code: str
    lane: Lane
    cleared_at: datetime


async def adopt(conn: Connection, copy: Adopted) -> None:
    """Take over an entry with its number and hash, whatever this copy was thought to be."""
    numbered = copy.numbered
    await conn.execute(
        """insert into deliveries as d (id, dispatch_id, document_id, sender_id, recipient_id,
            recipient_code, level, lane, sequence, previous_hash, hash, entry, cleared_at,
            accepted_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
        on conflict (dispatch_id, recipient_id) do update set id = excluded.id,
            level = excluded.level, reason = null, sequence = excluded.sequence,
            previous_hash = excluded.previous_hash, hash = excluded.hash, entry = excluded.entry,
            cleared_at = excluded.cleared_at
        where d.sequence is null""",
        numbered.id,
        copy.dispatch_id,
        copy.document_id,
        copy.sender_id,
        numbered.recipient_id,
        copy.recipient_code,
        numbered.level,
        copy.lane,
        numbered.sequence,
        numbered.previous_hash,
        numbered.hash,
        numbered.entry,
        copy.cleared_at,
    )


async def latest(
    conn: Connection, document_id: DocumentId, *, recipients: Sequence[AgencyId]
) -> DispatchId | None:
    """Return the dispatch by which one of these recipients last got a document."""
    return await conn.fetchval(
        """select dispatch_id from deliveries where document_id = $1
            and recipient_id = any($2) and sequence is not null
        order by cleared_at desc, id desc limit 1""",
        document_id,
        recipients,
    )
