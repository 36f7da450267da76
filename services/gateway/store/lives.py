"""The row of `service_state`: which life of this database it is."""

from datetime import datetime

from shared.db import Connection


async def recovering(conn: Connection) -> bool:
    """Say whether this database came back older and still lacks what others know of clients."""
    return await conn.fetchval("select recovering from service_state")


async def recovered(conn: Connection) -> None:
    """Note that every client is as it was told last."""
    await conn.execute("update service_state set recovering = false")


async def restored_at(conn: Connection) -> datetime | None:
    """Return when this database came back older; None: it never did."""
    return await conn.fetchval("select restored_at from service_state")
