"""Signed files that the store does not give back: others go on, and the draft thaws at last."""

import asyncio
import hashlib
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.docs import sign
from services.docs.store import signatures as store
from shared.blobs import BlobStore
from shared.db import Connection
from shared.ids import SignatureId
from tests.docs.server import PDF, Running, System
from tests.docs.test_sign import SIGNED, ask, due, requested, states, store_signed, tell

LOST = [("failed", "SIG-5002")]


def spoil(blobs: Path) -> Path:
    """Put bytes of another digest where the signed file belongs."""
    path = BlobStore(blobs).path(hashlib.sha256(SIGNED).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SIGNED[:-1] + b"?")
    return path


async def shown_of(system: System, document: str) -> dict[str, Any]:
    """Return the first request of a document."""
    items = (await system.ask("GET", f"{document}/signatures")).json()["items"]
    return items[0]


async def give_up(docs: Running, shown: dict[str, Any]) -> int:
    """Try until nothing is tried any more, and return how often it was."""
    tries = 0
    while await sign.take_over(docs.db, BlobStore(docs.blobs)):
        tries += 1
        assert tries < 100
        await due(docs, shown)
    return tries


async def test_a_lost_file_keeps_no_other_waiting(docs: Running) -> None:
    system = await docs.system("G22")
    broken, first = await requested(system)
    sound, second = await requested(system)
    await tell(docs, first, signed=PDF + b"lost\n")
    await tell(docs, second)
    blobs = await store_signed(docs.blobs)
    assert [await sign.take_over(docs.db, blobs) for _ in range(3)] == [True, True, False]
    assert await states(system, broken) == [("made", None)]
    assert await states(system, sound) == [("applied", None)]
    seen = await shown_of(system, broken)
    assert seen["trouble"]["code"] == "SIG-5032"
    assert seen["next_try_at"] > seen["requested_at"]
    assert await docs.db.as_worker(store.count_made) == 1
    done = await shown_of(system, sound)
    assert (done["trouble"], done["next_try_at"]) == (None, None)


async def test_each_try_is_later_than_the_one_before(docs: Running) -> None:
    system = await docs.system("G22")
    _, shown = await requested(system)
    await tell(docs, shown)
    pauses: list[float] = []
    for _ in range(8):
        assert await sign.take_over(docs.db, BlobStore(docs.blobs))
        pause = await docs.db.as_worker(
            lambda conn: conn.fetchval(
                "select extract(epoch from next_try_at - clock_timestamp())::float8"
                " from signatures where id = $1",
                UUID(shown["id"]),
            )
        )
        pauses.append(pause)
        await due(docs, shown)
    assert [round(pause) for pause in pauses[:3]] == [1, 2, 4]
    assert 55 < pauses[-1] <= 60


@pytest.mark.parametrize(("kind", "tries"), [("altered", 6), ("missing", 70)])
async def test_what_stays_lost_fails_and_the_draft_keeps_its_file(
    docs: Running, kind: str, tries: int
) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    await tell(docs, shown)
    if kind == "altered":
        spoil(docs.blobs)
    before = (await system.ask("GET", document)).headers["etag"]
    assert await give_up(docs, shown) == tries
    assert await states(system, document) == LOST
    assert (await system.ask("GET", document)).headers["etag"] == before
    # What heals later, or is told again, changes nothing.
    spoil(docs.blobs).write_bytes(SIGNED)
    await tell(docs, shown)
    await due(docs, shown)
    assert not await sign.take_over(docs.db, BlobStore(docs.blobs))
    assert await states(system, document) == LOST
    attachment = f"{document}/attachments/{shown['attachment_id']}"
    assert (await system.ask("GET", f"{attachment}/content")).content == PDF
    assert (await ask(system, document, shown["attachment_id"])).status_code == 202


async def test_a_file_that_heals_in_time_is_applied(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    await tell(docs, shown)
    path = spoil(docs.blobs)
    for _ in range(3):
        assert await sign.take_over(docs.db, BlobStore(docs.blobs))
        await due(docs, shown)
    path.write_bytes(SIGNED)
    assert await sign.take_over(docs.db, BlobStore(docs.blobs))
    assert await states(system, document) == [("applied", None)]
    assert (await shown_of(system, document))["trouble"] is None


async def _nearly(conn: Connection, *, signature_id: UUID) -> None:
    await conn.execute("update signatures set tries = 5 where id = $1", signature_id)


async def test_one_instance_gives_up_beside_one_that_applies(docs: Running) -> None:
    """Whoever comes first decides: never a failed request whose file is in the draft."""
    system = await docs.system("G22")
    for _ in range(8):
        document, shown = await requested(system)
        await tell(docs, shown)
        await docs.db.as_worker(partial(_nearly, signature_id=UUID(shown["id"])))
        made = await docs.db.as_worker(
            partial(store.find, signature_id=SignatureId(UUID(shown["id"])))
        )
        assert made is not None
        gives_up = partial(sign.put_off, signature=made, trouble="altered")
        applies = partial(sign.apply, signature=made, blocks=bytes(32))
        async with asyncio.TaskGroup() as group:
            for step in (gives_up, applies):
                group.create_task(docs.db.as_worker(step))
        seen = await system.ask("GET", f"{document}/attachments/{shown['attachment_id']}")
        is_signed = seen.json()["sha256"] == hashlib.sha256(SIGNED).hexdigest()
        assert await states(system, document) == ([("applied", None)] if is_signed else LOST)
