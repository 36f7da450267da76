"""What signing a file takes: the database, files, keys, and a worker that parses and prepares."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from services.signing import informed
from services.signing.anchor import Anchor
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE, Finding
from services.signing.forks import Forks
from services.signing.keys import KeyStore
from services.signing.pipe import Facts, Preparation, Reading
from services.signing.pool import Limits, Look, Worker
from services.signing.turns import Turns
from shared.blobs import BlobStore
from shared.db import Database
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId

LIMITS = Limits(cpu_seconds=10)
"""What preparing or verifying one file may use; more, and it is too complicated to be signed."""
_BROKEN = frozenset({"unfit", "parser"})
"""Failures of what was read; all others are of the reading, which may succeed the next time."""


class Unfit(Exception):  # noqa: N818 (what the piece is)
    """What was read is not what it should be; the text says why."""


class Refused(Exception):  # noqa: N818 (what becomes of the request)
    """The file cannot be signed: the request fails for this reason, a code."""

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Bench:
    """Shared by all activations of a process; one file of an agency is in a worker's hands."""

    db: Database
    blobs: BlobStore
    keys: KeyStore
    anchor: Anchor
    turns: Turns
    forks: Forks
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Pieces of PKIs are read one after another."""
    key_turns: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary[str, asyncio.Lock]
    )

    def key_turn(self, certificate: str) -> asyncio.Lock:
        """Return the lock to hold while a PIN is tried: a key is opened by one at a time.

        Tries count before they are known to be right: many files signed at once would lock it.
        """
        return self.key_turns.setdefault(certificate, asyncio.Lock())

    async def look(
        self, sha256: str, *, agency: AgencyId, prepare: Preparation | None = None
    ) -> Look:
        """Have a worker verify a stored file with the newest lists, and prepare it if asked."""
        path = self.blobs.path(sha256)
        async with self.turns.of(agency, size=_size(path)) as worker:
            present = await self.db.as_worker(self.anchor.now)
            seen = await informed.look(
                worker,
                path,
                sha256,
                present,
                read=self.db.look,
                prepare=prepare,
            )
        if seen.altered:
            self.blobs.report(sha256)
        return seen

    async def read(self, reading: Reading) -> Facts:
        """Have a fresh worker read a piece of a PKI: none that a file may have overcome.

        Raises Unfit for what is not what it should be, Unavailable when no worker came to its end.
        """
        async with self.reading:
            worker = Worker(LIMITS, self.forks)
            try:
                present = await self.db.as_worker(self.anchor.now)
                seen = await worker.read(reading, present)
            finally:
                await worker.close()
        if seen.answer is not None and seen.answer.facts is not None:
            return seen.answer.facts
        if seen.failure in _BROKEN:
            raise Unfit(seen.cause)
        raise Unavailable(f"the process that reads certificates and lists ({seen.cause})")

    async def serve(self, stop: asyncio.Event) -> None:
        """End the workers with the process; each starts when it is first needed."""
        await stop.wait()
        for worker in self.turns.all_workers:
            await worker.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the worker tells what is wrong with the store
        return 0


def finding_of(look: Look) -> Finding:
    """Return what a worker found.

    Raises Refused for a file beyond its limits, Problem SIG-5032 or Unavailable for what is not
    the file's fault.
    """
    answer = look.answer
    if answer is not None and answer.finding is not None:
        return answer.finding
    match look.failure:
        case "store":
            raise Problem(STORE_TROUBLE, retry_after=5)
        case "died":
            raise Unavailable("the process that prepares signatures")
        case "parser":
            raise Refused(UNREADABLE)
        case _:
            raise Refused(TOO_HEAVY)
