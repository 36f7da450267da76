"""Has a worker look at a file, and again with the OCSP answers about the file's certificates."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from services.signing.patience import Patience
from services.signing.pipe import Preparation
from services.signing.pool import Look, Present, Worker
from services.signing.store import answers
from services.signing.verdict import used
from shared.db import Connection, Step, clock

_Held: TypeAlias = tuple[list[bytes], datetime]
Read: TypeAlias = Callable[[Step[_Held]], Awaitable[_Held]]
"""Runs a step that reads, such as `Database.look`."""


async def look(
    worker: Worker,
    path: Path,
    sha256: str,
    present: Present,
    *,
    read: Read,
    prepare: Preparation | None = None,
    detached: bytes | None = None,
    patience: Patience | None = None,
) -> Look:
    """Have a worker look at a file as `Worker.look` does, with all that is held about it.

    Whose certificates are in it only a worker can tell: so where answers are held about them, it
    looks twice. Evidence then names these answers, and no others. Raises what `read` raises.
    """
    glance = partial(
        worker.look, path, sha256, prepare=prepare, detached=detached, patience=patience
    )
    first = await glance(present)
    finding = first.answer.finding if first.answer else None
    if finding is None or not any(one.ocsp for one in present.material.authorities):
        return first
    digests = [*used(finding), *(one.sha256 for one in first.units)]

    async def held(conn: Connection) -> _Held:
        return await answers.about(conn, digests), await clock(conn)

    found, now = await read(held)
    if not found:
        return first
    # At a later moment: an answer that has just come would be of a time to come.
    then = Present(present.material, now)
    return await glance(then, answers=tuple(found))
