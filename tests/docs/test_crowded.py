"""Who would wait in vain for a connection is refused before anything was done for it."""

import asyncio

import pytest

from services.docs.api import documents
from shared import db
from shared.db import Connection
from tests.docs.country import SENDER
from tests.docs.server import PDF, Running
from tests.docs.test_orphans import form
from tests.fixtures.eventually import eventually

POOL = 8


async def test_a_document_is_not_read_when_too_many_wait(
    docs: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await docs.system(SENDER)
    read: list[object] = []
    read_form = documents.read_form

    async def counted(*given: object) -> object:
        read.append(given)
        return await read_form(*given)  # pyright: ignore[reportArgumentType] (handed on)

    monkeypatch.setattr(documents, "read_form", counted)
    monkeypatch.setattr(db, "_HOPELESS_SECONDS", 0.05)
    free = asyncio.Event()

    async def hold(_conn: Connection) -> None:
        await free.wait()

    def crowded() -> bool:
        try:
            docs.db.check_room()
        except db.Unavailable:
            return True
        return False

    async with asyncio.TaskGroup() as group:
        for _ in range(POOL + 1):
            group.create_task(docs.db.as_caller((), hold))
        await eventually(crowded, "one has waited for long")
        refused = await form(sender, PDF)
        free.set()
    assert (refused.status_code, refused.json()["code"]) == (503, "SYS-5031")
    assert int(refused.headers["Retry-After"]) >= 1
    assert not read
    assert (await form(sender, PDF)).status_code == 202
    assert len(read) == 1
