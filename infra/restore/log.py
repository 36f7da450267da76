"""Waiting until a piece of the log lies in the archive."""

import asyncio
import time

from infra.postgres.archive import Archive
from infra.postgres.provision import Connection
from infra.postgres.swap import last_failure
from infra.restore.tools import say
from infra.stack.trouble import Trouble

_PATIENCE, _WORD_EVERY = 60.0, 2.0


async def kept(connection: Connection, archive: Archive, piece: str) -> None:
    """Return when a piece of the log, and so all before it, is kept. Raises Trouble."""
    began = time.monotonic()
    word = began + _WORD_EVERY
    while not (archive.log / f"{piece}.gz").exists():
        if time.monotonic() > word:
            word += _WORD_EVERY
            failed = await last_failure(connection)
            say(f"… waits for the log: {f'{failed} could not be kept' if failed else piece}")
        if time.monotonic() - began > _PATIENCE:
            raise Trouble(
                f"PostgreSQL does not keep its log in {archive.log}",
                "make logs P=postgres says why; make room there, then try again",
            )
        await asyncio.sleep(0.1)
