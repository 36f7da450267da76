"""Rows of `signatures`: what was asked of signing for a draft, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.db import Connection
from shared.events import SignatureFailed, SignatureMade
from shared.ids import AgencyId, AttachmentId, DocumentId, SignatureId

Kind = Literal["leader", "seal"]
_COLUMNS = """s.id, s.document_id, s.attachment_id, s.kind, s.certificate, s.source_sha256,
    s.source_size, s.state, s.reason, s.signed_sha256, s.signed_size, s.signed_at,
    s.requested_at, s.ended_at, s.tries, s.next_try_at, s.trouble"""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was asked for."""

    id: SignatureId
    document_id: DocumentId
    attachment_id: AttachmentId
    kind: Kind
    certificate: str
    source_sha256: str
    source_size: int
    state: Literal["requested", "made", "applied", "failed"]
    """`made`: released by signing, not yet hashed here; it is `applied` a moment later."""
    reason: str | None
    signed_sha256: str | None
    signed_size: int | None
    signed_at: datetime | None
    requested_at: datetime
    ended_at: datetime | None
    tries: int
    next_try_at: datetime
    trouble: str | None
    """Of one that is `made`: why its file could not be applied yet, a code."""


@dataclass(frozen=True, slots=True)
class New:
    """A request for a signature on a file as it is now."""

    id: SignatureId
    document_id: DocumentId
    attachment_id: AttachmentId
    kind: Kind
    certificate: str
    source_sha256: str
    source_size: int


async def insert(conn: Connection, new: New, *, sender: AgencyId, client_id: str) -> None:
    """Insert an open request for a locked draft that has none."""
    await conn.execute(
        """insert into signatures (id, document_id, attachment_id, kind, certificate,
            source_sha256, source_size, sender_id, client_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        new.id,
        new.document_id,
        new.attachment_id,
        new.kind,
        new.certificate,
        new.source_sha256,
        new.source_size,
        sender,
        client_id,
    )


async def open_of(conn: Connection, document_id: DocumentId) -> Signature | None:
    """Return the open request that freezes a draft, if there is one."""
    row = await conn.fetchrow(
        f"""select {_COLUMNS} from signatures as s
        where s.document_id = $1 and s.state in ('requested', 'made')""",  # noqa: S608
        document_id,
    )
    return None if row is None else Signature(**dict(row))


async def of_document(
    conn: Connection, document_id: DocumentId, *, senders: Sequence[AgencyId]
) -> list[Signature]:
    """Return all requests for a document of these senders, the oldest first."""
    rows = await conn.fetch(
        f"""select {_COLUMNS} from signatures as s
        where s.document_id = $1 and s.sender_id = any($2) order by s.id""",  # noqa: S608
        document_id,
        senders,
    )
    return [Signature(**dict(row)) for row in rows]


async def find(conn: Connection, signature_id: SignatureId) -> Signature | None:
    """Return one request."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from signatures as s where s.id = $1",  # noqa: S608
        signature_id,
    )
    return None if row is None else Signature(**dict(row))


async def keep_made(conn: Connection, event: SignatureMade) -> None:
    """Note that signing has released a signature that is waited for; else change nothing."""
    await conn.execute(
        """update signatures
        set state = 'made', signed_sha256 = $3, signed_size = $4, signed_at = $5
        where id = $1 and state = 'requested' and source_sha256 = $2""",
        event.signature_id,
        event.source_sha256,
        event.signed_sha256,
        event.signed_size,
        event.signed_at,
    )


async def keep_failed(conn: Connection, event: SignatureFailed) -> None:
    """Note why a signature that is waited for will not come; the draft thaws."""
    await conn.execute(
        """update signatures
        set state = 'failed', reason = $2, ended_at = clock_timestamp()
        where id = $1 and state = 'requested'""",
        event.signature_id,
        event.reason,
    )


async def next_made(conn: Connection) -> Signature | None:
    """Return the signature whose file is to be hashed now, the one that has waited longest."""
    row = await conn.fetchrow(
        f"""select {_COLUMNS} from signatures as s
        where s.state = 'made' and s.next_try_at <= clock_timestamp()
        order by s.next_try_at, s.id limit 1"""  # noqa: S608
    )
    return None if row is None else Signature(**dict(row))


async def lock_document(conn: Connection, document_id: DocumentId) -> None:
    """Lock a document before its signature is applied (its row comes first everywhere)."""
    await conn.execute("select id from documents where id = $1 for update", document_id)


async def apply(conn: Connection, signature: Signature, *, blocks: bytes) -> bool:
    """Give the file its signed bytes, if it still is the one that was to be signed.

    The document counts as changed. False when the file was another, or the request has ended.
    """
    done = await conn.fetchval(
        """with changed as (
            update attachments as f
            set sha256 = s.signed_sha256, size = s.signed_size, blocks = $2, stored_at = now()
            from signatures as s
            where s.id = $1 and s.state = 'made' and f.id = s.attachment_id
                and f.document_id = s.document_id and f.sha256 = s.source_sha256
            returning f.document_id
        )
        update documents as d set version = d.version + 1
        from changed as c where d.id = c.document_id returning true""",
        signature.id,
        blocks,
    )
    return done is not None


async def end(conn: Connection, signature_id: SignatureId, *, reason: str | None) -> None:
    """End a request whose signature was released: applied, or failed for a reason."""
    await conn.execute(
        """update signatures
        set state = case when $2::text is null then 'applied' else 'failed' end, reason = $2,
            trouble = null, ended_at = clock_timestamp()
        where id = $1 and state = 'made'""",
        signature_id,
        reason,
    )


async def put_off(conn: Connection, signature: Signature, *, trouble: str, longest: float) -> bool:
    """Count a try that failed, the next one later each time (1, 2, 4 … `longest` seconds).

    False when the request has ended meanwhile, or the try was counted by another instance.
    """
    counted = await conn.fetchval(
        """update signatures
        set tries = tries + 1, trouble = $3,
            next_try_at = clock_timestamp() + least($4, 2 ^ least(tries, 20)) * interval '1 second'
        where id = $1 and state = 'made' and tries = $2 returning true""",
        signature.id,
        signature.tries,
        trouble,
        longest,
    )
    return counted is not None


async def count_made(conn: Connection) -> float:
    """Count the signatures that wait to be applied (gauge `lienthong_signatures_pending`)."""
    return float(await conn.fetchval("select count(*) from signatures where state = 'made'"))
