"""Materials: what verdicts rest on, each piece once, by its digest."""

from collections.abc import Collection, Sequence

from services.signing.evidence import Piece
from shared.db import Connection


async def keep(conn: Connection, pieces: Sequence[Piece]) -> None:
    """Keep what is not kept yet: large lists are sent once, not with every verdict."""
    known = await conn.fetch(
        "select sha256 from materials where sha256 = any($1)", [one.sha256 for one in pieces]
    )
    there = {row["sha256"] for row in known}
    await conn.executemany(
        "insert into materials (sha256, kind, content) values ($1, $2, $3) on conflict do nothing",
        [(one.sha256, one.kind, one.content) for one in pieces if one.sha256 not in there],
    )


async def find(conn: Connection, digests: Collection[str]) -> dict[str, bytes]:
    """Return pieces by their digests; what is not kept is left out."""
    rows = await conn.fetch(
        "select sha256, content from materials where sha256 = any($1)", list(digests)
    )
    return {row["sha256"]: row["content"] for row in rows}
