"""Judges a file that somebody shows, outside any document: nothing of it is kept."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from services.signing import informed
from services.signing.bench import LIMITS, Bench
from services.signing.certificate import Registered
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE, Finding
from services.signing.patience import Patience
from services.signing.pool import WALL_CLOCK, Look, Worker
from services.signing.store import certificates
from services.signing.verdict import Verdict, heeded, unless_revoked, unread, used
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId
from shared.sizes import VALIDATED_BYTES

TURN_SECONDS, LOOK_SECONDS = 15.0, 12.0
"""For a turn, and for all looks at one file: 8 s less than the gateway waits for an answer
(`ANSWER_SECONDS`), for what PostgreSQL and the disk take."""
_TOO_LONG = (
    f"not judged within {LOOK_SECONDS:.0f} s: try again later, or send it with a document, where it"
    " may take longer"
)
_OVERCAME = (
    f"it takes too much for one file ({LIMITS.cpu_seconds} s of a processor and"
    f" {LIMITS.memory >> 20} MiB are allowed) and will do so again: export it in a simpler form"
    " (PDF/A) and sign it again"
)
_BUSY_SECONDS = 3.0
"""Of a processor: files of 64 MiB take one or two. What takes more and comes to no end is heavy,
however little of a processor a busy machine gives it."""
Parts: TypeAlias = Callable[[bytes], tuple[bytes, bytes]]
"""Takes a body apart into a file of any kind and its detached signature. May raise Problem."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file that was shown is worth."""

    sha256: str
    verdict: Verdict
    finding: Finding | None
    """None: no worker came to its end."""
    registered: dict[str, Registered]


async def judge(
    bench: Bench, agency: AgencyId, chunks: AsyncIterable[bytes], *, parts: Parts | None = None
) -> Shown:
    """Take a file in, have a worker judge it, and forget it.

    With `parts` the file is within what comes, beside its signature. That lies on disk until it is
    its turn: memory holds as many as there are workers, however many come at once. Raises Problem
    REQ-4131 for a file over 64 MiB (SIG-4132 where the door counts `chunks`, which it does first),
    REQ-4291 for too many at once or a turn that does not come within 15 s, and what `parts`
    raises; Unavailable.
    """
    with ExitStack() as lent:
        # Whole on disk before it counts: a slow client takes nobody's place.
        sent = await _lent(bench, lent, chunks)
        with bench.turns.admitted(agency, "validation"):
            async with bench.turns.of(agency, within=TURN_SECONDS, size=sent.size) as worker:
                detached = None
                if parts is not None:
                    content, detached = await asyncio.to_thread(_taken_apart, sent, parts)
                    sent = await _lent(bench, lent, _whole(content))
                look = await _looked(bench, worker, sent, detached)
    finding = look.answer.finding if look.answer else None
    if finding is None:
        return Shown(sent.sha256, _unread(look), None, {})
    registered = await bench.db.as_worker(lambda conn: certificates.known(conn, used(finding)))
    registered = heeded(registered, look.units)
    return Shown(sent.sha256, unless_revoked(finding, registered), finding, registered)


@dataclass(frozen=True, slots=True)
class _Sent:
    """Bytes on disk, in a file that has no name and so ends with this process at the latest."""

    sha256: str
    size: int
    file: BinaryIO

    @property
    def path(self) -> Path:
        """Return where this process can open the file anew, while it is open."""
        return Path(f"/proc/self/fd/{self.file.fileno()}")  # proc(5)


async def _lent(bench: Bench, lent: ExitStack, chunks: AsyncIterable[bytes]) -> _Sent:
    blob, file = await bench.blobs.lent(chunks, limit=VALIDATED_BYTES)
    return _Sent(blob.sha256, blob.size, lent.enter_context(file))


async def _looked(bench: Bench, worker: Worker, sent: _Sent, detached: bytes | None) -> Look:
    present = await bench.db.as_worker(bench.anchor.now)
    return await informed.look(
        worker,
        sent.path,
        sent.sha256,
        present,
        read=bench.db.look,
        detached=detached,
        patience=Patience(LOOK_SECONDS),
    )


def _taken_apart(body: _Sent, parts: Parts) -> tuple[bytes, bytes]:
    return parts(body.file.read())


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _unread(look: Look) -> Verdict:
    """Return the verdict on a file with which a worker did not come to an end. Raises Problem."""
    match look.failure:
        case "store":
            raise Problem(STORE_TROUBLE, retry_after=5)
        case "died":
            raise Unavailable("the process that verifies")
        case "parser":
            return unread(UNREADABLE, look.cause, final=True)
        case _ if look.cause == WALL_CLOCK and look.busy_seconds < _BUSY_SECONDS:
            return unread(TOO_HEAVY, f"{_TOO_LONG} ({look.cause})", final=True)
        case _:  # no later look at it would come to another end
            detail = f"{_OVERCAME} ({look.cause})"
            return replace(unread(TOO_HEAVY, detail, final=True), sub_indication=None)
