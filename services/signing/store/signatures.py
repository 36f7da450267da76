"""Requests for signatures and intents: made or failed once, under the request's row lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from services.signing.signature import Intent, Kind, Signature
from shared.db import Connection
from shared.events import SignatureRequested
from shared.ids import AgencyId, SignatureId

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = """s.id, s.document_id, s.document_code, s.attachment_id, s.agency_id, s.kind, s.role,
    s.certificate, s.source_sha256, s.source_size, s.state, s.reason, s.signed_sha256,
    s.signed_size, s.signed_at, s.requested_at, s.expires_at, s.ended_at"""


def _signature(row: "Record") -> Signature:
    return Signature(**dict(row))


async def insert(
    conn: Connection, event: SignatureRequested, *, kind: Kind, trace: str | None
) -> Signature | None:
    """Note a request; None when it was known: it stays as it is."""
    row = await conn.fetchrow(
        f"""insert into signatures as s (id, document_id, document_code, attachment_id, agency_id,
            kind, role, certificate, source_sha256, source_size, trace)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict do nothing returning {_COLUMNS}""",  # noqa: S608 (fixed column names)
        event.signature_id,
        event.document_id,
        event.document_code,
        event.attachment_id,
        event.agency_id,
        kind,
        event.role,
        event.certificate,
        event.source_sha256,
        event.source_size,
        trace,
    )
    return _signature(row) if row else None


async def find(
    conn: Connection, signature_id: SignatureId, *, agencies: Sequence[AgencyId]
) -> Signature | None:
    """Return a request of one of these agencies."""
    row = await conn.fetchrow(
        f"""select {_COLUMNS} from signatures as s
        where s.id = $1 and s.agency_id = any($2)""",  # noqa: S608
        signature_id,
        agencies,
    )
    return _signature(row) if row else None


async def lock(
    conn: Connection, signature_id: SignatureId, *, agencies: Sequence[AgencyId]
) -> Signature | None:
    """Lock a request of one of these agencies: before anything else of its signature."""
    row = await conn.fetchrow(
        f"""select {_COLUMNS} from signatures as s
        where s.id = $1 and s.agency_id = any($2) for update""",  # noqa: S608
        signature_id,
        agencies,
    )
    return _signature(row) if row else None


async def lock_overdue(conn: Connection, *, most: int) -> list[Signature]:
    """Lock open requests past their time."""
    rows = await conn.fetch(
        f"""select {_COLUMNS} from signatures as s
        where s.state in ('requested', 'intended') and s.expires_at < clock_timestamp()
        order by s.expires_at limit $1 for update skip locked""",  # noqa: S608
        most,
    )
    return [_signature(row) for row in rows]


async def trace_of(conn: Connection, signature_id: SignatureId) -> str | None:
    """Return the trace context in which it was asked for."""
    return await conn.fetchval("select trace from signatures where id = $1", signature_id)


async def now(conn: Connection) -> datetime:
    """Return PostgreSQL's time, in whole seconds as a signature shows it."""
    return await conn.fetchval("select date_trunc('second', clock_timestamp())")


async def intent_of(conn: Connection, signature_id: SignatureId) -> Intent | None:
    """Return what a locked request's key is to sign, if that was written."""
    row = await conn.fetchrow(
        """select prepared_sha256, gap_start, gap_end, attributes, signing_time
        from signature_intents where signature_id = $1""",
        signature_id,
    )
    return Intent(**dict(row)) if row else None


async def intend(conn: Connection, signature_id: SignatureId, intent: Intent) -> None:
    """Write the one intent of a locked request; the key may be used from now on."""
    await conn.execute(
        """insert into signature_intents
            (signature_id, prepared_sha256, gap_start, gap_end, attributes, signing_time)
        values ($1, $2, $3, $4, $5, $6)""",
        signature_id,
        intent.prepared_sha256,
        intent.gap_start,
        intent.gap_end,
        intent.attributes,
        intent.signing_time,
    )
    await conn.execute("update signatures set state = 'intended' where id = $1", signature_id)


async def release(
    conn: Connection, signature_id: SignatureId, *, sha256: str, size: int, signed_at: datetime
) -> Signature:
    """Note the one signature that is released for a locked, open request."""
    row = await conn.fetchrow(
        f"""update signatures as s set state = 'made', signed_sha256 = $2, signed_size = $3,
            signed_at = $4, ended_at = clock_timestamp()
        where s.id = $1 and s.state = 'intended' returning {_COLUMNS}""",  # noqa: S608
        signature_id,
        sha256,
        size,
        signed_at,
    )
    if row is None:
        raise LookupError(f"{signature_id} is not open")
    return _signature(row)


async def take_back(
    conn: Connection, signature_id: SignatureId, *, sha256: str, size: int, signed_at: datetime
) -> None:
    """Note a signature that was released in a time that this database does not know."""
    await conn.execute(
        """update signatures set state = 'made', signed_sha256 = $2, signed_size = $3,
            signed_at = $4, ended_at = clock_timestamp()
        where id = $1 and state in ('requested', 'intended')""",
        signature_id,
        sha256,
        size,
        signed_at,
    )


async def fail(conn: Connection, signature_id: SignatureId, *, reason: str) -> None:
    """End a locked, open request without a signature."""
    await conn.execute(
        """update signatures set state = 'failed', reason = $2, ended_at = clock_timestamp()
        where id = $1 and state in ('requested', 'intended')""",
        signature_id,
        reason,
    )
