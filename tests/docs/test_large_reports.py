"""Reports of hundreds of megabytes: docs holds a block of each in memory, and leaves nothing."""

import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from services.docs import validation
from tests.docs.country import SENDER
from tests.docs.exchange import Exchange
from tests.docs.server import Running
from tests.docs.shelf import Shelf
from tests.docs.test_validation import judged
from tests.fixtures.eventually import eventually

MIB = 1 << 20
LARGE = 64
"""More MiB than all buffers between two ends hold."""


def on_disk(docs: Running) -> list[str]:
    """Return the files that docs has begun, and those of them that are open without a name."""
    begun = docs.blobs / "begun"
    found = list(begun.iterdir())
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return [str(one) for one in found if one.is_relative_to(begun)]


async def test_a_large_report_is_never_whole_in_memory(
    docs: Running, exchange: Exchange, shelf: Shelf
):
    path = await judged(docs, exchange)
    shelf.mebibytes = LARGE
    sender = await docs.system(SENDER)
    url, size = f"{path}/validation?form=bundle", 0
    tracemalloc.start()
    try:
        async with sender.client.stream("GET", url, headers=sender.headers) as answer:
            async for chunk in answer.aiter_bytes():
                size += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status_code, size) == (200, LARGE * MIB)
    assert answer.headers["content-length"] == str(size)
    assert peak < 16 * MIB  # signing's end and the client's are in this process too
    await eventually(lambda: not on_disk(docs), "nothing of it is left")


async def test_a_report_that_nobody_reads_on_is_let_go(
    docs: Running, exchange: Exchange, shelf: Shelf
):
    path = await judged(docs, exchange)
    shelf.mebibytes = LARGE
    sender = await docs.system(SENDER)
    url = f"{path}/validation?form=bundle"
    async with sender.client.stream("GET", url, headers=sender.headers) as answer:
        assert answer.status_code == 200
        (lent,) = on_disk(docs)
        assert lent.endswith(" (deleted)"), "who is killed leaves nothing"
    await eventually(lambda: not on_disk(docs), "it is closed")


async def test_a_report_that_is_larger_than_any_is_not_taken(
    docs: Running, exchange: Exchange, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(validation, "BUNDLE_BYTES", MIB)
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    for mebibytes, status in ((1, 200), (2, 503)):
        shelf.mebibytes = mebibytes
        answer = await sender.ask("GET", f"{path}/validation?form=bundle")
        assert answer.status_code == status
        await eventually(lambda: not on_disk(docs), "nothing of it is left")
