"""Rows of `database_epoch` and `notify_epochs`: which life of a database, here and at notify."""

from uuid import UUID

from shared.db import Connection


async def recovering(conn: Connection) -> bool:
    """Say whether this database came back older and still lacks what others hold."""
    return await conn.fetchval("select recovering from database_epoch")


async def recovered(conn: Connection) -> None:
    """Note that everything which others hold is known here again."""
    await conn.execute("update database_epoch set recovering = false")


async def notify_epoch(conn: Connection) -> UUID | None:
    """Return the epoch of notify that was met last, None before the first contact."""
    return await conn.fetchval("select epoch from notify_epochs order by number desc limit 1")


async def meet_notify(conn: Connection, epoch: UUID, *, asked_under: UUID | None) -> bool:
    """Say whether an answer of this epoch of notify counts; a new epoch becomes the present one.

    Epochs are random, so age shows only in the order of meeting them: an answer counts if it is
    of the present epoch, or of one never met while nothing newer came since it was asked for.
    """
    present = await notify_epoch(conn)
    if present == epoch:
        return True
    await conn.execute("lock table notify_epochs in share row exclusive mode")
    present = await notify_epoch(conn)
    if present == epoch:
        return True
    if present != asked_under:
        return False
    made = await conn.fetchval(
        "insert into notify_epochs (epoch) values ($1) on conflict do nothing returning true", epoch
    )
    return made is not None
