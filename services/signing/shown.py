"""Judges a file that somebody shows, outside any document: nothing of it is kept."""

from collections.abc import AsyncIterable
from dataclasses import dataclass

from services.signing.bench import Bench
from services.signing.certificate import Registered
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE, Finding
from services.signing.pool import Look
from services.signing.store import certificates
from services.signing.verdict import Verdict, unless_revoked, unread, used
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId

MOST_BYTES = 64 << 20
"""Of a file that is shown; files of documents may be larger."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file that was shown is worth."""

    sha256: str
    verdict: Verdict
    finding: Finding | None
    """None: no worker came to its end."""
    registered: dict[str, Registered]


async def judge(
    bench: Bench, agency: AgencyId, chunks: AsyncIterable[bytes], *, detached: bytes | None = None
) -> Shown:
    """Take a file in, have a worker judge it, and forget it.

    Raises Problem REQ-4131 for a file that is too large, REQ-4291 for too many at once,
    Unavailable.
    """
    with bench.blobs.stage() as stage:
        # Whole on disk before it counts: a slow client takes nobody's place.
        blob = await stage.write(chunks, limit=MOST_BYTES)
        with bench.turns.admitted(agency, "validation"):
            async with bench.turns.of(agency) as worker:
                present = await bench.db.as_worker(bench.anchor.now)
                path = stage.path(blob.sha256)
                look = await worker.look(path, blob.sha256, present, detached=detached)
    finding = look.answer.finding if look.answer else None
    if finding is None:
        return Shown(blob.sha256, _unread(look), None, {})
    registered = await bench.db.as_worker(lambda conn: certificates.known(conn, used(finding)))
    return Shown(blob.sha256, unless_revoked(finding, registered), finding, registered)


def _unread(look: Look) -> Verdict:
    """Return the verdict on a file with which a worker did not come to an end. Raises Problem."""
    match look.failure:
        case "store":
            raise Problem(STORE_TROUBLE, retry_after=5)
        case "died":
            raise Unavailable("the process that verifies")
        case "parser":
            return unread(UNREADABLE, look.cause, final=True)
        case _:
            return unread(TOO_HEAVY, look.cause, final=True)
