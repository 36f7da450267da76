"""Files that no document names are counted; those of documents and signatures are not."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from services.docs import orphans
from services.docs.orphans import Orphans
from shared.blobs import BlobStore
from shared.db import Connection
from shared.errors import Unavailable
from tests.docs.country import SENDER
from tests.docs.server import PDF, Running, System, draft

OTHER = PDF + b"% named by none\n"


async def form(sender: System, content: bytes, **changes: object) -> httpx2.Response:
    """Send a document and its main file as one form, to be dispatched at once."""
    document = json.dumps(draft(**changes)).encode()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="document"\r\n'
        b"Content-Type: application/json\r\n\r\n" + document + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="main"; filename="a.pdf"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Idempotency-Key": str(uuid4()),
    }
    return await sender.ask("POST", "/v1/documents?dispatch=true", content=body, headers=headers)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_what_no_document_names_is_counted(docs: Running, monkeypatch: pytest.MonkeyPatch):
    found = Orphans(docs.db, docs.state.blobs)
    with pytest.raises(Unavailable):
        await found.count()
    sender = await docs.system(SENDER)
    assert (await form(sender, PDF)).status_code == 202
    await found.due()
    assert await found.count() == 0
    await docs.state.blobs.write(_whole(OTHER), limit=len(OTHER))
    await found.due()
    assert await found.count() == 0, "an hour has not passed"
    monkeypatch.setattr(orphans, "EVERY_SECONDS", 0.0)
    found = Orphans(docs.db, docs.state.blobs)
    await found.due()
    assert await found.count() == 1
    assert (await form(sender, OTHER)).status_code == 202
    await found.due()
    assert await found.count() == 0, "now a document names it"


async def test_files_are_not_walked_over_anew_because_postgresql_does_not_answer(
    docs: Running, monkeypatch: pytest.MonkeyPatch
):
    await docs.state.blobs.write(_whole(OTHER), limit=len(OTHER))
    walked: list[Path] = []
    count = BlobStore.count

    def counted(blobs: BlobStore, folder: Path) -> int:
        walked.append(folder)
        return count(blobs, folder)

    monkeypatch.setattr(BlobStore, "count", counted)
    found = Orphans(docs.db, docs.state.blobs)
    docs.db.migrated = False
    for _ in range(3):
        with pytest.raises(Unavailable):
            await found.due()
    docs.db.migrated = True
    await found.due()
    assert len(walked) == len(set(walked))
    assert await found.count() == 1


async def test_a_store_that_is_away_when_the_count_is_due_ends_nothing(docs: Running):
    found, away = Orphans(docs.db, docs.state.blobs), docs.blobs.with_name("away")
    docs.blobs.rename(away)
    for _ in range(2):
        with pytest.raises(Unavailable, match="the file store"):
            await found.due()
    away.rename(docs.blobs)
    await found.due()
    assert await found.count() == 0


async def test_what_a_signature_was_asked_for_is_no_orphan(docs: Running):
    sender = await docs.system(SENDER)
    await sender.uploaded(await sender.drafted())
    blobs: BlobStore = docs.state.blobs

    async def whole() -> AsyncIterator[bytes]:
        yield OTHER

    await blobs.write(whole(), limit=1 << 20)
    await docs.db.as_worker(_asked)
    found = Orphans(docs.db, blobs)
    await found.due()
    assert await found.count() == 0


async def _asked(conn: Connection) -> None:
    await conn.execute(
        "insert into signatures (id, document_id, attachment_id, sender_id, client_id, kind,"
        " certificate, source_sha256, source_size)"
        " select gen_random_uuid(), document_id, id, sender_id, 'x', 'seal', $1, $1, 1"
        " from attachments",
        sha256(OTHER).hexdigest(),
    )
