"""One flipped byte in a stored file: it is found, refused, reported, and never served."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiohttp

from tests.proof.client import Refused, System, Unreachable
from tests.proof.faults.fault import PATIENCE, Broken, Fault, NotReached
from tests.proof.faults.processes import until
from tests.proof.harness import Harness
from tests.proof.journal import lines
from tests.proof.orders import SMALL, Order, order
from tests.proof.records import WORK
from tests.proof.session import Session

_UNAVAILABLE, _CORRUPT, _PAUSE = 503, b"DOC-5031", 0.5
_REPORT = "stored file is corrupt"
_NOTE = "flipped"
"""Which files have a flipped byte, in the stack's folder: a run that is broken off leaves them."""
_LOGS = ("docs", "docs-2", "signing", "signing-2")


def flipped_bytes(files: int) -> Iterator[Fault]:
    """Yield the flipping of a byte in so many files that were just stored."""
    yield Fault(
        name=f"a byte flipped in {files} stored files",
        group="flipped byte",
        inflict=partial(_flip, files=files),
    )


async def _flip(harness: Harness, session: Session, *, files: int) -> float:
    """Flip a byte of files as they are stored, wait until each is reported, flip it back.

    Raises NotReached when one is not reported, Broken when it is served. Readers download and hash
    what they are handed; a file that all had read before the byte was flipped is asked for again.
    Before, the same with a file that has arrived.
    """
    await _flip_arrived(harness, session)
    flipped: list[Path] = []
    async with session.doubting():  # of a file that is not what it was signing cannot tell
        try:
            while len(flipped) < files:
                new = await _next_stored(harness, session)
                await asyncio.to_thread(flip, harness, new)
                flipped.append(new)
            for file in flipped:
                await _found(harness, session, file)
        finally:
            await asyncio.to_thread(mend, harness)
    return await session.recovered(time.monotonic(), PATIENCE)


async def _flip_arrived(harness: Harness, session: Session) -> None:
    """Flip a byte of a file in a mailbox and ask for it. Raises Broken, NotReached."""
    arrived = await _arrived(session)
    system = session.workload.systems[session.workload.network.serving[arrived.to[0]]]
    url = await _where(session, system, arrived)
    stored = _path(harness, arrived.sha256)
    await asyncio.to_thread(flip, harness, stored)
    try:
        await _refused(system, url, arrived)
    finally:
        await asyncio.to_thread(mend, harness)


async def _where(session: Session, system: System, arrived: Order) -> str:
    """Return where its first recipient downloads the file of a document. Raises Refused."""
    document = session.workload.records.outcomes[arrived.number].document
    path = f"/v1/documents/{document}"
    files = (await system.ask("GET", path, acting=arrived.to[0])).json()["attachments"]
    (file_id,) = (one["id"] for one in files if one["sha256"] == arrived.sha256)
    return f"{system.gateway}{path}/attachments/{file_id}/content"


async def _found(harness: Harness, session: Session, file: Path) -> None:
    """Wait until a log tells of a flipped file, and ask for it as soon as it has a recipient.

    Raises NotReached, Broken.
    """
    workload, end = session.workload, time.monotonic() + PATIENCE
    made = workload.records.orders[workload.records.of_digest[file.name]]
    system = workload.systems[workload.network.serving[made.to[0]]]
    while not await asyncio.to_thread(_reported, harness, file.name):
        if time.monotonic() > end:
            raise NotReached(f"a flipped byte in {file.name} was not told of in {PATIENCE:.0f} s")
        await asyncio.sleep(_PAUSE)
        with suppress(Refused, Unreachable, KeyError):  # it was not delivered, or not told of yet
            status, body = await _asked(system, await _where(session, system, made), made)
            if hashlib.sha256(body).hexdigest() == file.name:
                return  # its sender handed it in once more, and so mended it
            refused_as_corrupt(status, body)


async def _arrived(session: Session) -> Order:
    """Hand in a small document; return it when it stands in its only recipient's mailbox."""
    workload = session.workload
    made = order(
        workload.records.number(),
        sender=workload.network.senders[0],
        to=workload.network.reading("lease")[:1],
        size=SMALL,
        urgency="urgent",
        secret=workload.records.secret,
    )
    async with asyncio.TaskGroup() as group:
        seen = group.create_task(workload.arrivals.of(made.number, PATIENCE))
        outcome = await workload.hand_in(made)
    if outcome.kind != "ok" or not seen.result():
        raise NotReached("no document arrived whose file could be changed")
    return workload.records.orders[made.number]


async def _refused(system: System, url: str, arrived: Order) -> None:
    """Ask for a changed file as its recipient until it is refused for that. Raises Broken."""
    end, status, body = time.monotonic() + PATIENCE, 0, b""
    while time.monotonic() < end:
        status, body = await _asked(system, url, arrived)
        if refused_as_corrupt(status, body):
            return
        await asyncio.sleep(_PAUSE)
    raise NotReached(f"a changed file was not refused as such; last: {status} {body[:200]!r}")


async def _asked(system: System, url: str, arrived: Order) -> tuple[int, bytes]:
    """Ask for a file as its first recipient; status 0: there was no whole answer."""
    headers = {"Authorization": f"Bearer {await system.token()}", "On-Behalf-Of": arrived.to[0]}
    try:
        async with system.session.get(url, headers=headers) as answer:
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        return 0, b""


def refused_as_corrupt(status: int, body: bytes) -> bool:
    """Say whether an answer is the refusal of a file that is not what it was. Raises Broken."""
    if status in {200, 206}:
        raise Broken(f"{len(body)} bytes of a file with a flipped byte were served")
    return status == _UNAVAILABLE and _CORRUPT in body


async def _next_stored(harness: Harness, session: Session) -> Path:
    """Return the file of a document that is handed in from now on, when it is stored."""
    known = await asyncio.to_thread(_digests, session)
    found: list[Path] = []

    def stored() -> bool:
        new = _digests(session) - known
        found.extend(path for path in (_path(harness, one) for one in new) if path.exists())
        return bool(found)

    await until("a document is stored", stored, PATIENCE)
    return found[0]


def _digests(session: Session) -> set[str]:
    """Return the digests of all documents that were begun, from the observer's journal."""
    return {
        str(line["sha256"]) for line in lines(session.journal / WORK) if line.get("e") == "invoke"
    }


def _path(harness: Harness, sha256: str) -> Path:
    return harness.run / "blobs" / sha256[:2] / sha256[2:4] / sha256


def _flip_in(file: Path) -> None:
    with file.open("r+b") as stored:
        middle = stored.seek(0, 2) // 2
        stored.seek(middle)
        byte = stored.read(1)[0]
        stored.seek(middle)
        stored.write(bytes([byte ^ 1]))


def flip(harness: Harness, file: Path) -> None:
    """Flip a byte in the middle of a file, and note that it is flipped."""
    with (harness.run / _NOTE).open("a", encoding="ascii") as note:
        note.write(f"{file.name}\n")
    _flip_in(file)


def mend(harness: Harness) -> None:
    """Flip back what is flipped, also by a run that was broken off.

    Not what is whole: handed in once more, it was written anew.
    """
    note = harness.run / _NOTE
    if not note.exists():
        return
    for name in note.read_text(encoding="ascii").split():
        file = _path(harness, name)
        if hashlib.sha256(file.read_bytes()).hexdigest() != name:
            _flip_in(file)
    note.unlink()


def _reported(harness: Harness, sha256: str) -> bool:
    """Say whether a log tells of the file."""
    for process in _LOGS:
        log = harness.log(process)
        if log.exists() and any(
            sha256 in line and _REPORT in line for line in log.read_text().splitlines()
        ):
            return True
    return False
