"""What signing a file takes: the database, files, keys, and a worker that parses and prepares."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

from services.signing.anchor import Anchor
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE, Finding
from services.signing.keys import KeyStore
from services.signing.pipe import Facts, Preparation, Reading
from services.signing.pool import Limits, Look
from services.signing.turns import Turns
from shared.blobs import BlobStore
from shared.db import Database
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId

LIMITS = Limits(cpu_seconds=10)
"""What preparing or verifying one file may use; more, and it is too complicated to be signed."""
WORKERS = 2
"""While one agency's slow file is in the hands of one, others are served by the other."""


_EXCHANGE = AgencyId(UUID(int=0))
"""Whose turn it is when no agency asks: lists and certificates are read for all."""


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
        async with self.turns.of(agency) as worker:
            present = await self.db.as_worker(self.anchor.now)
            seen = await worker.look(self.blobs.path(sha256), sha256, present, prepare=prepare)
        if seen.altered:
            self.blobs.report(sha256)
        return seen

    async def read(self, reading: Reading) -> Facts:
        """Have a worker read a piece of a PKI.

        Raises Unfit for what is not what it should be, Unavailable when no worker came to its end.
        """
        async with self.turns.of(_EXCHANGE) as worker:
            present = await self.db.as_worker(self.anchor.now)
            seen = await worker.read(reading, present)
        answer = seen.answer
        if answer is not None and answer.facts is not None:
            return answer.facts
        if seen.end == "died":
            raise Unavailable("the process that reads certificates and lists")
        raise Unfit(answer.detail if answer else seen.detail)

    async def serve(self, stop: asyncio.Event) -> None:
        """End the workers with the process; each starts when it is first needed."""
        await stop.wait()
        for worker in self.turns.workers:
            await worker.end()


def finding_of(look: Look) -> Finding:
    """Return what a worker found.

    Raises Refused for a file beyond its limits, Problem SIG-5032 or Unavailable for what is not
    the file's fault.
    """
    answer = look.answer
    if answer is not None and answer.finding is not None:
        return answer.finding
    match answer.failure if answer else look.end:
        case "store":
            raise Problem(STORE_TROUBLE, retry_after=5)
        case "died":
            raise Unavailable("the process that prepares signatures")
        case "parser":
            raise Refused(UNREADABLE)
        case _:
            raise Refused(TOO_HEAVY)
