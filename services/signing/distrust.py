"""What others issued and is revoked here, beside the database: no list of ours would tell of it."""

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from services.signing.keys import Authorities
from services.signing.store import standing
from services.signing.store.standing import Distrusted
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.failpoint import reach

TYPE = "lienthong-distrusted+jwt"
_FILE = "distrusted.jws"
_ROWS = TypeAdapter(list[Distrusted])
_log = structlog.get_logger()


async def lay(db: Database, authorities: Authorities) -> None:
    """Lay what others issued and is revoked into the folder, signed; durable when this returns.

    It outlives a database that is set back, as the issuing CA's list does. Nothing that lies there
    is taken out: revoked is for good. Raises OSError, and ValueError as `in_folder` does.
    """
    await keep(authorities, await db.look(standing.distrusted))


async def keep(authorities: Authorities, rows: Sequence[Distrusted]) -> bool:
    """Do as `lay` does with rows that have been read; say whether more lies there than these."""
    return await asyncio.to_thread(_keep, authorities, rows)


def _keep(authorities: Authorities, rows: Sequence[Distrusted]) -> bool:
    folder = authorities.folder
    with (folder / f".{_FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # each adds to what the one before it has laid
        there = in_folder(authorities)
        both = _united(there, rows)
        if both != there:
            claims = {"certificates": _ROWS.dump_python(list(both.values()), mode="json")}
            _write(folder, authorities.sign_statement(claims, kind=TYPE))
    return both != {one.sha256: one for one in rows}


def mark(authorities: Authorities) -> tuple[int, int]:
    """Return what is another whenever the file is written. Raises OSError."""
    path = authorities.folder / _FILE
    if not path.exists():
        return 0, 0
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _united(there: Mapping[str, Distrusted], rows: Sequence[Distrusted]) -> dict[str, Distrusted]:
    both = dict(there)
    for one in rows:
        known = both.get(one.sha256)
        if known is None or one.since < known.since:
            both[one.sha256] = one
    return both


def _write(folder: Path, text: str) -> None:
    half = folder / f".{_FILE}"
    with half.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        reach("signing.distrust.synced")
    half.replace(folder / _FILE)
    reach("signing.distrust.laid")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)  # the registrar is told that it is so: the name has to last as well
        reach("signing.distrust.lasts")
    finally:
        os.close(descriptor)


def in_folder(authorities: Authorities) -> dict[str, Distrusted]:
    """Return what lies in the folder, by digest; empty: nothing does.

    Raises ValueError for what this authority has not signed.
    """
    path = authorities.folder / _FILE
    if not path.exists():
        return {}
    claims = authorities.own_statement(path.read_text(encoding="ascii"), kind=TYPE)
    return {one.sha256: one for one in _ROWS.validate_python(claims["certificates"])}


async def take_back(conn: Connection, authorities: Authorities) -> None:
    """Revoke again what was revoked in a time which this database does not know.

    A certificate that is not registered (again) yet has its turn when it is. Raises Unavailable
    while what lies there cannot be read: whatever depends on it waits.
    """
    try:
        rows = await asyncio.to_thread(in_folder, authorities)
    except (OSError, ValueError) as why:
        raise Unavailable(f"pki/{_FILE} ({why})") from None
    for sha256 in await standing.revoke_again(conn, list(rows.values())):
        _log.warning("certificate is distrusted, as it was", sha256=sha256)
