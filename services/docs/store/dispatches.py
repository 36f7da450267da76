"""Rows of `dispatches`: what was frozen, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.docs.document import RecipientChoice, Urgency, choices_from_json
from services.docs.turns import Verdict
from shared.chain import Lane
from shared.db import Connection
from shared.events import FileRef
from shared.ids import AgencyId, DispatchId, DocumentId

UNDONE = ("waiting", "held", "clearing")


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One sending of a document, as it was frozen and as it stands."""

    id: DispatchId
    document_id: DocumentId
    document_code: str
    sender_id: AgencyId
    sender_code: str
    lane: Lane
    urgency: str
    turn: int | None
    state: str
    reason: str | None
    verdict: Verdict | None
    recipients: int
    files: tuple[FileRef, ...]
    warnings: tuple[dict[str, Any], ...]
    accepted_at: datetime
    cleared_at: datetime | None
    traceparent: str | None

    @property
    def undone(self) -> bool:
        """Say whether some recipient's copy is still undecided."""
        return self.state in UNDONE


COLUMNS = """d.id, d.document_id, d.document_code, d.sender_id, d.sender_code, d.lane, d.urgency,
    d.turn, d.state, d.reason, d.verdict, d.recipients, d.files, d.warnings, d.accepted_at,
    d.cleared_at, d.traceparent"""


def read(row: Record) -> Dispatch:
    """Make a dispatch of a row with `COLUMNS`."""
    values: dict[str, Any] = dict(row)
    if row["verdict"] is not None:
        values["verdict"] = Verdict(row["verdict"])
    values["files"] = tuple(FileRef.model_validate(one) for one in row["files"])
    values["warnings"] = tuple(row["warnings"])
    return Dispatch(**values)


@dataclass(frozen=True, slots=True)
class New:
    """A dispatch that is about to be accepted, or one that only an entry still knows."""

    id: DispatchId
    document_id: DocumentId
    document_code: str
    sender_id: AgencyId
    sender_code: str
    lane: Lane
    urgency: str
    turn: int | None
    recipients: int
    files: tuple[FileRef, ...]
    warnings: tuple[dict[str, Any], ...] = ()
    traceparent: str | None = None


def _files(dispatch: New) -> list[dict[str, Any]]:
    # What a file has not is left out: so PDFs are frozen as they were before seals came detached.
    return [file.model_dump(mode="json", exclude_none=True) for file in dispatch.files]


async def insert(conn: Connection, dispatch: New) -> bool:
    """Insert a new dispatch, or complete one known only by its entries; False if the id is used.

    Of what was judged before only a withdrawal stays: it is for the dispatch, while other verdicts
    were of the files that its entries name. Signing, which is told of it anew, repeats them.
    """
    written = await conn.fetchval(
        """insert into dispatches as d (id, document_id, document_code, sender_id, sender_code,
            lane, urgency, turn, state, recipients, files, warnings, traceparent)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $10, $11, $12)
        on conflict (id) do update set document_id = excluded.document_id, turn = excluded.turn,
            state = 'held', recipients = excluded.recipients, files = excluded.files,
            verdict = case when d.verdict = 'withdrawn' then d.verdict end,
            verdict_at = case when d.verdict = 'withdrawn' then d.verdict_at end,
            warnings = excluded.warnings, traceparent = excluded.traceparent,
            accepted_at = now(), asked_at = now(), cleared_at = null
        where d.adopted and d.turn is null
        returning d.id""",
        dispatch.id,
        dispatch.document_id,
        dispatch.document_code,
        dispatch.sender_id,
        dispatch.sender_code,
        dispatch.lane,
        dispatch.urgency,
        dispatch.turn,
        dispatch.recipients,
        _files(dispatch),
        list(dispatch.warnings),
        dispatch.traceparent,
    )
    return written is not None


@dataclass(frozen=True, slots=True)
class Sendable:
    """What of a document is needed to send it; `files` in the sender's order, stored or not."""

    code: str
    urgency: Urgency
    recipients: tuple[RecipientChoice, ...]
    files: tuple[tuple[FileRef, bool], ...]


async def lock_document(
    conn: Connection, document_id: DocumentId, *, sender: AgencyId
) -> Sendable | None:
    """Lock a sender's document, so that neither it nor its files change; None: not the sender's."""
    row = await conn.fetchrow(
        """select code, urgency, recipients from documents
        where id = $1 and sender_id = $2 for update""",
        document_id,
        sender,
    )
    if row is None:
        return None
    files = await conn.fetch(
        """select id as attachment_id, role, media_type, size, sha256, signature_sha256,
            stored_at is not null as stored
        from attachments where document_id = $1 order by position""",
        document_id,
    )
    return Sendable(
        code=row["code"],
        urgency=Urgency(row["urgency"]),
        recipients=choices_from_json(row["recipients"]),
        files=tuple((FileRef.model_validate(dict(one)), one["stored"]) for one in files),
    )


async def find(
    conn: Connection, dispatch_id: DispatchId, *, senders: Sequence[AgencyId]
) -> Dispatch | None:
    """Return a dispatch of one of these senders."""
    row = await conn.fetchrow(
        f"select {COLUMNS} from dispatches as d where d.id = $1 and d.sender_id = any($2)",  # noqa: S608
        dispatch_id,
        senders,
    )
    return None if row is None else read(row)


async def latest(
    conn: Connection, document_id: DocumentId, *, senders: Sequence[AgencyId]
) -> DispatchId | None:
    """Return the last dispatch of a document."""
    return await conn.fetchval(
        """select id from dispatches where document_id = $1 and sender_id = any($2)
        order by accepted_at desc, id desc limit 1""",
        document_id,
        senders,
    )


async def lock(conn: Connection, dispatch_id: DispatchId) -> Dispatch | None:
    """Lock a dispatch and return it as it is now."""
    row = await conn.fetchrow(
        f"select {COLUMNS} from dispatches as d where d.id = $1 for update",  # noqa: S608
        dispatch_id,
    )
    return None if row is None else read(row)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier dispatch of a document with the same number, notation, issuer and date."""

    dispatch_id: DispatchId
    document_id: DocumentId
    accepted_at: datetime


async def earlier(conn: Connection, document_id: DocumentId) -> Earlier | None:
    """Return the first dispatch with this document's number, notation, issuer and date."""
    row = await conn.fetchrow(
        """select p.id as dispatch_id, p.document_id, p.accepted_at
        from documents as d
        join documents as other on other.sender_id = d.sender_id and other.code = d.code
            and other.promulgated_on = d.promulgated_on
        join dispatches as p on p.document_id = other.id
        where d.id = $1 order by p.accepted_at, p.id limit 1""",
        document_id,
    )
    return None if row is None else Earlier(**dict(row))


async def freeze_document(conn: Connection, document_id: DocumentId) -> None:
    """Let a document that was dispatched never change any more."""
    await conn.execute("update documents set state = 'dispatched' where id = $1", document_id)


async def move(
    conn: Connection, dispatch_id: DispatchId, *, state: str, reason: str | None = None
) -> None:
    """Set the state of a locked dispatch; the time of clearing is PostgreSQL's."""
    await conn.execute(
        """update dispatches set state = $2, reason = coalesce($3, reason),
            cleared_at = case when $2 = 'cleared' then now() else cleared_at end
        where id = $1""",
        dispatch_id,
        state,
        reason,
    )


async def set_verdict(conn: Connection, dispatch_id: DispatchId, verdict: Verdict) -> None:
    """Keep what is judged of a locked dispatch; its time is that of the first verdict."""
    await conn.execute(
        """update dispatches set verdict = $2, verdict_at = coalesce(verdict_at, clock_timestamp())
        where id = $1""",
        dispatch_id,
        verdict.value,
    )


async def adopt(conn: Connection, stub: New) -> None:
    """Make a row for a dispatch that only an entry of notify still knows."""
    await conn.execute(
        """insert into dispatches (id, document_id, document_code, sender_id, sender_code, lane,
            urgency, state, recipients, files, adopted, cleared_at)
        values ($1, $2, $3, $4, $5, $6, $7, 'cleared', 0, $8, true, now())
        on conflict (id) do nothing""",
        stub.id,
        stub.document_id,
        stub.document_code,
        stub.sender_id,
        stub.sender_code,
        stub.lane,
        stub.urgency,
        _files(stub),
    )


async def close_if_done(conn: Connection, dispatch_id: DispatchId) -> bool:
    """Call a dispatch cleared when no copy is undecided; a stub counts its copies.

    Says whether it was not cleared before. Of a locked dispatch.
    """
    return await conn.fetchval(
        """update dispatches as d set
            state = case when c.undecided = 0 and d.state in ('waiting', 'held', 'clearing')
                then 'cleared' else d.state end,
            cleared_at = case when c.undecided = 0 then coalesce(d.cleared_at, now()) end,
            recipients = greatest(d.recipients, c.copies)
        from (select count(*) as copies,
                count(*) filter (where sequence is null and reason is null) as undecided
            from deliveries where dispatch_id = $1) as c,
            (select state from dispatches where id = $1) as before
        where d.id = $1
        returning d.state <> before.state""",
        dispatch_id,
    )


async def epoch(conn: Connection) -> UUID:
    """Return which life of this database it is."""
    return await conn.fetchval("select epoch from database_epoch")
