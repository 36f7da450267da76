"""What of a dispatch never changes again, read back for its digest."""

from uuid import UUID

from services.docs.frozen import COPY, DISPATCH, DOCUMENT, FILE, digest
from shared.db import Connection
from shared.ids import DispatchId

_COLUMNS = {
    name: ", ".join(f"t.{column}" for column in columns)
    for name, columns in {"d": DISPATCH, "o": DOCUMENT, "f": FILE, "c": COPY}.items()
}


async def of(conn: Connection, dispatch_id: DispatchId) -> str | None:
    """Return the digest of a dispatch; None when its document is not known (any more)."""
    dispatch = await conn.fetchrow(
        f"select {_COLUMNS['d']} from dispatches as t where t.id = $1",  # noqa: S608
        dispatch_id,
    )
    if dispatch is None or dispatch["turn"] is None:
        return None
    document: UUID = dispatch["document_id"]
    described = await conn.fetchrow(
        f"select {_COLUMNS['o']} from documents as t where t.id = $1",  # noqa: S608
        document,
    )
    if described is None:
        return None
    files = await conn.fetch(
        f"select {_COLUMNS['f']} from attachments as t where t.document_id = $1",  # noqa: S608
        document,
    )
    copies = await conn.fetch(
        f"select {_COLUMNS['c']} from deliveries as t where t.dispatch_id = $1",  # noqa: S608
        dispatch_id,
    )
    return digest(
        dict(dispatch),
        dict(described),
        files=[dict(row) for row in files],
        copies=[dict(row) for row in copies],
    )
