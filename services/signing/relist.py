"""The trust list beside the database: laid into the PKI folder, taken back after a restore."""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from services.signing.entrust import put_into_force
from services.signing.keys import Authorities
from services.signing.store import trust
from shared.db import Connection, Database
from shared.failpoint import reach

TYPE = "lienthong-trust-changes+jwt"
_FILE = "trust-changes.jws"
_log = structlog.get_logger()


class Altered(Exception):  # noqa: N818 (what happened to the list)
    """The database has other changes than those that were decided and laid into the folder."""


async def lay(db: Database, authorities: Authorities) -> None:
    """Lay all approved changes into the folder, signed, unless all of them lie there.

    They outlive a database that is set back, as the issuing CA's list does: so this is not called
    before such a one has taken them back. Raises Altered when those that lie there are not the
    first of the database's, ValueError for a file that this authority has not signed.
    """
    # In this order: what another process lays meanwhile stood in the database before.
    there = await asyncio.to_thread(changes_in_folder, authorities)
    rows = await db.look(trust.approved_rows)
    if [_said(row) for row in there] != [_said(row) for row in rows[: len(there)]]:
        raise Altered
    if len(there) < len(rows):
        await asyncio.to_thread(_lay, authorities, rows)


def _lay(authorities: Authorities, rows: list[dict[str, Any]]) -> None:
    if len(changes_in_folder(authorities)) >= len(rows):
        return  # another process was quicker
    text = authorities.sign_statement({"changes": rows}, kind=TYPE)
    half = authorities.folder / f".{_FILE}.{os.getpid()}"
    with half.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        reach("signing.trust.synced")
    half.replace(authorities.folder / _FILE)
    reach("signing.trust.laid")
    descriptor = os.open(authorities.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)  # the name has to last as well
        reach("signing.trust.lasts")
    finally:
        os.close(descriptor)


def _said(row: dict[str, Any]) -> dict[str, Any]:
    """Return what does not depend on how a database writes times."""
    return {name: value for name, value in row.items() if not name.endswith("_at")}


def changes_in_folder(authorities: Authorities) -> list[dict[str, Any]]:
    """Return the changes that lie in the folder, in order of their versions; empty: none.

    Raises ValueError for what this authority has not signed.
    """
    path: Path = authorities.folder / _FILE
    if not path.exists():
        return []
    claims = authorities.own_statement(path.read_text(encoding="ascii"), kind=TYPE)
    return list(claims["changes"])


async def take_back(conn: Connection, authorities: Authorities) -> None:
    """Take over changes that were approved in a time which this database does not know."""
    rows = await asyncio.to_thread(changes_in_folder, authorities)
    await trust.alone(conn)
    known = (await trust.current(conn)).version
    for row in rows:
        if row["version"] <= known:
            continue
        await trust.take_back(conn, row)
        proposal = await trust.find(conn, UUID(row["id"]))
        if proposal is None:
            raise ValueError(f"change {row['id']} was not taken back")
        entry = (await trust.current(conn)).entries[proposal.change.name]
        await put_into_force(conn, authorities, entry, proposal)
        _log.warning("trust list: as it was decided", change=row["id"], version=row["version"])
