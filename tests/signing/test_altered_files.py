"""A stored file that is not what it was is never judged nor signed; it is marked for operators."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.signing import gap
from services.signing.finding import STORE_TROUBLE
from tests.fixtures.eventually import eventually
from tests.signing.desk import Desk, Seen


def flip(path: Path, place: int) -> None:
    """Change one bit of a file where it lies."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


async def test_a_flipped_bit_is_no_verdict_but_told_and_marked_until_it_is_mended(
    own_desk: Desk,
) -> None:
    sheet = own_desk.papers.good_main
    await own_desk.blobs.write(pieces(sheet.content), limit=1 << 30)
    path = own_desk.blobs.path(sheet.sha256)
    flip(path, len(sheet.content) // 2)
    dispatch = await own_desk.take_in(sheet)

    async def told() -> list[Seen] | None:
        seen = await own_desk.seen(dispatch)
        return seen if seen[0].indication else None

    [waiting] = await eventually(told, "the file was looked at", timeout=60)
    assert (waiting.indication, waiting.reason) == ("INDETERMINATE", STORE_TROUBLE)
    assert own_desk.blobs.corrupt() == [sheet.sha256]

    path.write_bytes(sheet.content)
    [judged] = await own_desk.verdicts(dispatch)
    assert judged.indication == "TOTAL-PASSED"
    assert own_desk.blobs.corrupt() == []


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


CONTENT = b"a file that is to be signed"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A file under its digest, as it lies in the store."""
    path = tmp_path / hashlib.sha256(CONTENT).hexdigest()
    path.write_bytes(CONTENT)
    return path


async def all_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_a_file_is_prepared_only_from_its_own_bytes(stored: Path) -> None:
    assert await all_of(gap.joined(stored, b"tail")) == CONTENT + b"tail"
    flip(stored, 10)
    with pytest.raises(gap.Altered):
        await all_of(gap.joined(stored, b"tail"))


async def test_a_gap_is_filled_only_in_the_file_that_was_prepared(tmp_path: Path) -> None:
    content = b"before" + b"<" + b"0" * 64 + b">" + b"after"
    prepared = tmp_path / hashlib.sha256(content).hexdigest()
    prepared.write_bytes(content)
    end = 6 + 66
    signed = await all_of(gap.filled(prepared, 6, end, b"\xab\xcd"))
    assert signed == b"before<" + b"abcd".ljust(64, b"0") + b">after"
    for place in (0, len(content) - 1):
        flip(prepared, place)
        with pytest.raises(gap.Altered):
            await all_of(gap.filled(prepared, 6, end, b"\xab\xcd"))
        flip(prepared, place)
