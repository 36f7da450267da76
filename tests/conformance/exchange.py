"""Every verdict that an exchange's signing holds, repeated from its evidence and the file alone.

Rows are read page by page; who repeats them has neither network nor database (`replay.py`).
"""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from infra.audit.files import place_of
from infra.audit.finding import Row
from infra.audit.site import CannotAudit, connect
from infra.postgres.provision import Connection
from infra.stack.client import Client
from infra.stack.folder import Folder
from services.signing.again import unrepeatable
from services.signing.evidence import Incomplete, named, opened
from tests.conformance.replay import Stored, repeater
from tests.fixtures.stack import supervised

Say: TypeAlias = Callable[[str], None]
_Work: TypeAlias = tuple[Row, Stored]
_AT_ONCE = os.cpu_count() or 1
_PAGE = 50
_PIECES_BYTES = 256 << 20
"""Of lists and certificates that are kept at hand, as most verdicts rest on the same ones."""
_WORD_EVERY = 2.0
_FIRST = (UUID(int=0), "", 0)
_COUNT = """select count(*) from verdicts as v
left join examinations as e using (dispatch_id, sha256)
where coalesce(e.document_code, '') ~ $1"""
_PAGES = """select v.dispatch_id, v.sha256, v.judgement, v.sender_id, v.indication, v.reason,
    v.evidence, v.evidence_sha256, e.document_id, e.document_code, e.role
from verdicts as v left join examinations as e using (dispatch_id, sha256)
where (v.dispatch_id, v.sha256, v.judgement) > ($1, $2, $3)
    and coalesce(e.document_code, '') ~ $4
order by v.dispatch_id, v.sha256, v.judgement limit $5"""
_MATERIALS = "select sha256, content from materials where sha256 = any($1)"


@dataclass(slots=True)
class Tally:
    """What came of the stored verdicts."""

    total: int
    replayed: int = 0
    unrepeatable: Counter[str] = field(default_factory=Counter[str])
    """Those that do not follow from the file (a worker's limits, the store), by reason."""
    findings: list[str] = field(default_factory=list[str])
    differing: int = 0

    def note(self, row: Row, differs: Collection[str]) -> None:
        """Count a verdict that was repeated, or that should have been."""
        self.replayed += 1
        self.differing += bool(differs)
        self.findings.extend(f"{_name(row)}: {one}" for one in differs)

    def line(self) -> str:
        """Return the result in one line."""
        left = sum(self.unrepeatable.values())
        why = "".join(f" {reason}={n}" for reason, n in sorted(self.unrepeatable.items()))
        return (
            f"CONFORMANCE stored={self.total} replayed={self.replayed}"
            f" differing={self.differing} unrepeatable={left}{why}"
        )


def _name(row: Row) -> str:
    return (
        f"{row['document_code']} ({row['document_id']}), {row['role']} {row['sha256']},"
        f" verdict {row['judgement']} of dispatch {row['dispatch_id']}"
    )


@asynccontextmanager
async def standing(folder: Folder) -> AsyncGenerator[Connection]:
    """Lend signing's database; of an exchange that is stopped PostgreSQL alone runs meanwhile.

    Raises CannotAudit, Trouble.
    """
    if not folder.read("secrets.json"):
        raise CannotAudit(f"{folder.path} holds no stack")
    stopped = not supervised(folder)
    if stopped:
        await Client(folder).up("postgres")
    try:
        connection = await connect(folder, "signing", "worker")
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        if stopped:
            await Client(folder).down()


async def replay(signing: Connection, blobs: Path, say: Say, *, only: str = "") -> Tally:
    """Repeat every stored verdict on documents whose number and notation match `only`."""
    tally = Tally(await signing.fetchval(_COUNT, only))
    pieces = _Pieces(signing)
    work = asyncio.Queue[_Work | None](_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_telling(tally, say))
        others = [group.create_task(_repeating(work, tally)) for _ in range(_AT_ONCE)]
        async for row in _rows(signing, only):
            if (given := await _given(row, pieces, blobs, tally)) is not None:
                await work.put((row, given))
        for _ in others:
            await work.put(None)
        await asyncio.wait(others)
        telling.cancel()
    return tally


async def _telling(tally: Tally, say: Say) -> None:
    while True:
        await asyncio.sleep(_WORD_EVERY)
        say(f"{tally.replayed}/{tally.total}")


async def _rows(signing: Connection, only: str) -> AsyncGenerator[Row]:
    """Yield the verdicts in their order, page by page: no transaction is held open for hours."""
    after: tuple[object, ...] = _FIRST
    while rows := await signing.fetch(_PAGES, *after, only, _PAGE):
        for row in rows:
            yield dict(row)
        last = rows[-1]
        after = (last["dispatch_id"], last["sha256"], last["judgement"])


async def _repeating(work: "asyncio.Queue[_Work | None]", tally: Tally) -> None:
    with repeater() as other:
        while (one := await work.get()) is not None:
            row, given = one
            tally.note(row, await asyncio.to_thread(other.differences, given))


async def _given(row: Row, pieces: "_Pieces", blobs: Path, tally: Tally) -> Stored | None:
    """Return what repeats a verdict; None: it was noted why nothing does."""
    evidence: bytes = row["evidence"]
    try:
        said = opened(evidence)
        if wrong := [*_misfits(row, evidence, said)]:
            tally.note(row, wrong)
            return None
        if unrepeatable(said) is not None:
            tally.unrepeatable[str(row["reason"])] += 1
            return None
        kept = await pieces.find(named(said).digests())
        return Stored(evidence, kept, place_of(blobs, row["sha256"]).open("rb", buffering=0))
    except (Incomplete, OSError, LookupError, TypeError, AttributeError) as error:
        tally.note(row, [f"{type(error).__name__}: {error}"])
        return None


def _misfits(row: Row, evidence: bytes, said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the row says otherwise than its evidence."""
    found = hashlib.sha256(evidence).hexdigest()
    if found != row["evidence_sha256"]:
        yield f"its evidence has the digest {found}, stored is {row['evidence_sha256']}"
    subject, verdict = said["subject"], said["verdict"]
    told = {
        "dispatch_id": subject["dispatch_id"],
        "sha256": subject["sha256"],
        "sender_id": subject["sender_id"],
        "document_code": subject["document_code"],
        "indication": verdict["indication"],
        "reason": verdict["reason"] or "None",
    }
    yield from (
        f"{name} is {row[name]}, in its evidence {value}"
        for name, value in told.items()
        if str(row[name]) != value
    )


class _Pieces:
    """What verdicts rest on, read once for many."""

    def __init__(self, signing: Connection) -> None:
        self._signing, self._bytes = signing, 0
        self._held: dict[str, bytes] = {}

    async def find(self, digests: Collection[str]) -> dict[str, bytes]:
        """Return pieces by their digests; what is not kept is left out."""
        if self._bytes > _PIECES_BYTES:
            self._held, self._bytes = {}, 0
        missing = [one for one in digests if one not in self._held]
        if missing:
            rows = await self._signing.fetch(_MATERIALS, missing)
            self._held |= {row["sha256"]: row["content"] for row in rows}
            self._bytes += sum(len(row["content"]) for row in rows)
        return {one: self._held[one] for one in digests if one in self._held}
