"""Publishes revocation lists: the issuing CA's are signed here, the root's is taken over."""

import asyncio

from services.signing.keys import LIST_LIFE, Authorities
from services.signing.pipe import ListFacts
from services.signing.store import lists, standing
from services.signing.store.lists import Published
from shared.db import Connection, Database, clock

REFRESH_BEFORE_END = LIST_LIFE * 3 / 4
"""A list is replaced when a quarter of its life has passed: an outage of hours does no harm."""
_KEPT = 20


async def publish(conn: Connection, authorities: Authorities) -> int:
    """Sign and keep the next list of the issuing CA; returns its number.

    The authority's row is locked, so that a list holds every state that changed in an earlier one.
    """
    number = await lists.next_number(conn, "issuing")
    await publish_as(conn, authorities, number)
    return number


async def publish_as(conn: Connection, authorities: Authorities, number: int) -> None:
    """Sign and keep the list whose number this transaction has taken."""
    revoked = await standing.revoked(conn, "issuing")
    await lists.insert(conn, authorities.sign_list(number, revoked, at=await clock(conn)))
    await lists.forget_old(conn, "issuing", keep=_KEPT)


async def keep_file(db: Database, authorities: Authorities) -> None:
    """Lay the issuing CA's newest list beside the root's: it outlives a database set back.

    Durable when this returns. Raises OSError, ValueError.
    """
    issued = await db.look(lambda conn: lists.newest(conn, "issuing"))
    if issued is not None:
        await asyncio.to_thread(authorities.keep_list, issued)


async def take_root(conn: Connection, der: bytes, read: ListFacts) -> None:
    """Take over a list of the root that a worker has read, if it is a newer one.

    Raises ValueError for one without a number (RFC 5280 5.2.3): none would be newer than it.
    """
    if not read.numbered:
        raise ValueError("a list without a number (RFC 5280 5.2.3)")
    known = await lists.newest(conn, "root")
    if known is None or known.number < read.number:
        ends = read.next_update or read.this_update
        await lists.insert(conn, Published("root", read.number, read.this_update, ends, der))


async def keep_own(db: Database, authorities: Authorities) -> None:
    """Replace the issuing CA's list before it ends, and lay it into the folder.

    Raises OSError, ValueError.
    """
    await _renew(db, authorities)
    await keep_file(db, authorities)


async def _renew(db: Database, authorities: Authorities) -> None:
    """Replace the list before it ends.

    Also one that has not begun: a clock was ahead when it was made, and nobody may believe it yet.
    """

    async def step(conn: Connection) -> None:
        issued = await lists.newest(conn, "issuing")
        now = await clock(conn)
        if (
            issued is None
            or issued.this_update > now
            or issued.next_update - now < REFRESH_BEFORE_END
        ):
            await publish(conn, authorities)

    await db.as_worker(step)
