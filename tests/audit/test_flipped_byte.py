"""One flipped byte in a stored file: refused or cut, told to operators, never served."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.audit.files import BLOCK, place_of
from infra.client import Client, connect
from infra.contracts.tour.sending import draft
from tests.doctor.planting import look
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.story import upload

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(240),
    # The small client of the demo sends whole files at once: they are a few megabytes.
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),
]
_GAUGE = re.compile(r"^lienthong_blobs_corrupt (\d+)", re.MULTILINE)
CONTENT = b"%PDF-1.7\n" + hashlib.shake_256(b"two and a half blocks").digest(5 * BLOCK // 2)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a client got of an answer, and whether it could take it for a whole one."""

    status: int
    body: bytes
    whole: bool

    @property
    def code(self) -> object:
        """The code of a problem."""
        return json.loads(self.body).get("code")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A stored file, who may read it, and where it lies."""

    stack: Stack
    client: Client
    where: str
    path: Path
    content: bytes

    async def get(self, where: str = "", **headers: str) -> Fetched:
        """Ask once, as any client may."""
        sent = {"Authorization": f"Bearer {await self.client.token()}", **headers}
        url, body = self.stack.url("gateway") + (where or self.where), bytearray()
        async with aiohttp.ClientSession() as session, session.get(url, headers=sent) as answer:
            try:
                async for chunk in answer.content.iter_any():
                    body += chunk
            except aiohttp.ClientError:
                return Fetched(answer.status, bytes(body), whole=False)
            return Fetched(answer.status, bytes(body), whole=True)

    def flip(self, place: int) -> None:
        """Change one bit where the file lies."""
        changed = bytearray(self.content)
        changed[place] ^= 1
        self.path.write_bytes(changed)

    def mend(self) -> None:
        """Bring the file back, as an operator does."""
        self.path.write_bytes(self.content)

    async def counted(self) -> int:
        """Return what docs counts."""
        metrics: Any = self.stack.ports["metrics"]
        url = f"{metrics['docs'][0]}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            found = _GAUGE.search(await answer.text())
        assert found is not None
        return int(found[1])


@pytest.fixture
async def shelf(stack: Stack) -> AsyncIterator[Shelf]:
    """A file of three blocks in a draft."""
    run = stack.folder.path
    async with connect(run, ["sys-g22"]) as clients:
        client = clients["sys-g22"]
        made = await client.ask("POST", "/v1/documents", body=draft())
        document = f"/v1/documents/{made.json()['id']}"
        file = await upload(client, document, "MAIN", CONTENT)
        path = place_of(run / "blobs", hashlib.sha256(CONTENT).hexdigest())
        shelf = Shelf(stack, client, file["href"], path, CONTENT)
        yield shelf
        shelf.mend()


async def test_no_flipped_byte_is_ever_served(shelf: Shelf) -> None:
    assert (await shelf.get()).body == CONTENT
    for place in (0, BLOCK - 1, BLOCK, len(CONTENT) - 1):
        shelf.flip(place)
        got = await shelf.get()
        if place < BLOCK:
            assert (got.status, got.code) == (503, "DOC-5031")
        else:
            assert got.status == 200
            assert not got.whole
            assert got.body == CONTENT[: len(got.body)]
            assert len(got.body) <= place // BLOCK * BLOCK
    shelf.mend()
    assert (await shelf.get()).body == CONTENT


async def test_a_range_is_served_only_from_sound_blocks(shelf: Shelf) -> None:
    shelf.flip(BLOCK + 5)
    sound = await shelf.get(Range=f"bytes=10-{BLOCK - 1}")
    assert (sound.status, sound.whole) == (206, True)
    assert sound.body == CONTENT[10:BLOCK]
    for wanted in (f"bytes={BLOCK}-{BLOCK + 1}", f"bytes={2 * BLOCK - 9}-{2 * BLOCK - 1}"):
        bad = await shelf.get(Range=wanted)
        assert (bad.status, bad.code) == (503, "DOC-5031")
    cut = await shelf.get(Range=f"bytes=10-{BLOCK + 9}")
    assert not cut.whole
    assert CONTENT[10:BLOCK].startswith(cut.body)


async def test_operators_see_it_until_it_is_mended(shelf: Shelf) -> None:
    before = await shelf.counted()
    shelf.flip(17)
    assert (await shelf.get()).status == 503
    assert await shelf.counted() == before + 1
    found = (await look(shelf.stack.folder, "blobs")).line()
    assert found.startswith("× blobs")
    assert shelf.path.name in found or before
    assert "make audit" in found
    log = await asyncio.to_thread(shelf.stack.folder.log("docs").read_text)
    told = [line for line in log.splitlines() if "stored file is corrupt" in line]
    assert any(shelf.path.name in line for line in told)
    shelf.mend()
    assert await shelf.counted() == before
    assert shelf.path.name not in (await look(shelf.stack.folder, "blobs")).line()


async def test_a_lost_file_is_told_the_same_way(shelf: Shelf) -> None:
    before = await shelf.counted()
    shelf.path.unlink()
    got = await shelf.get()
    assert (got.status, got.code) == (503, "DOC-5031")
    assert await shelf.counted() == before + 1
    shelf.mend()
    assert await shelf.counted() == before


async def test_a_package_with_a_flipped_byte_is_cut(stack: Stack, documents: Path) -> None:
    async with connect(documents) as clients:
        for client in clients.values():
            if "documents.send" in client.access.scope and len(client.access.agencies) == 1:
                asked = "/v1/deliveries?direction=out&limit=1"
                items = (await client.ask("GET", asked)).json()["items"]
                if items and items[0]["transport"] in ("available", "acknowledged"):
                    break
        else:
            raise LookupError("nothing was delivered")
        document = (await client.ask("GET", f"/v1/documents/{items[0]['document_id']}")).json()
        sha256 = document["attachments"][0]["sha256"]
        path = place_of(documents / "blobs", sha256)
        content = await asyncio.to_thread(path.read_bytes)
        package = f"/v1/deliveries/{items[0]['id']}/package"
        shelf = Shelf(stack, client, package, path, content)
        whole = await shelf.get()
        assert (whole.status, whole.whole) == (200, True)
        shelf.flip(len(content) - 1)
        try:
            cut = await shelf.get()
        finally:
            shelf.mend()
        assert not cut.whole
        assert len(cut.body) < len(content)
        assert (await shelf.get()).body == whole.body


async def test_the_same_bytes_handed_in_again_mend_the_file(shelf: Shelf) -> None:
    shelf.flip(3)
    assert (await shelf.get()).status == 503
    made = await shelf.client.ask("POST", "/v1/documents", body=draft())
    await upload(shelf.client, f"/v1/documents/{made.json()['id']}", "MAIN", CONTENT)

    async def served() -> bool:
        return (await shelf.get()).body == CONTENT

    await eventually(served, "the file is served again", timeout=10)
