"""Files are stored whole or not at all, and never served with a bad block."""

import hashlib
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.blobs import BLOCK, BlobStore, Corrupt
from shared.errors import Problem, Unavailable


async def pieces(content: bytes, size: int = 70_001) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def noise(size: int) -> bytes:
    return hashlib.shake_256(str(size).encode()).digest(size)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
async def test_what_was_written_is_read_back(tmp_path: Path, size: int):
    store, content = BlobStore(tmp_path), noise(size)
    blob = await store.write(pieces(content), limit=size)
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
    assert (blob.size, blob.head) == (size, content[:4096])
    assert len(blob.blocks) == 32 * -(-size // BLOCK)
    read = [chunk async for chunk in store.read(blob.sha256, blocks=blob.blocks)]
    assert b"".join(read) == content
    assert files(tmp_path) == [store.path(blob.sha256)]


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (5, BLOCK), (BLOCK - 1, BLOCK + 1), (BLOCK, 2 * BLOCK), (2 * BLOCK + 3, None), (9, 9)],
)
async def test_a_range_is_exactly_these_bytes(tmp_path: Path, start: int, end: int | None):
    store, content = BlobStore(tmp_path), noise(2 * BLOCK + 99)
    blob = await store.write(pieces(content), limit=len(content))
    read = store.read(blob.sha256, blocks=blob.blocks, start=start, end=end)
    assert b"".join([chunk async for chunk in read]) == content[start:end]


@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, 2 * BLOCK + 98])
async def test_no_byte_of_a_flipped_block_is_served(tmp_path: Path, place: int):
    store, content = BlobStore(tmp_path), noise(2 * BLOCK + 99)
    blob = await store.write(pieces(content), limit=len(content))
    with store.path(blob.sha256).open("r+b") as file:
        file.seek(place)
        file.write(bytes([content[place] ^ 1]))
    served = bytearray()
    with pytest.raises(Corrupt):  # noqa: PT012 (what came before it matters)
        async for chunk in store.read(blob.sha256, blocks=blob.blocks):
            served += chunk
    assert served == content[: place // BLOCK * BLOCK]


@pytest.mark.parametrize("change", [-5, -1, 1, BLOCK])
async def test_a_file_of_another_length_is_corrupt(tmp_path: Path, change: int):
    store, content = BlobStore(tmp_path), noise(BLOCK + 5)
    blob = await store.write(pieces(content), limit=len(content))
    os.truncate(store.path(blob.sha256), blob.size + change)
    with pytest.raises(Corrupt):
        _ = [chunk async for chunk in store.read(blob.sha256, blocks=blob.blocks)]


async def test_too_much_is_refused_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(Problem, match="REQ-4131") as refused:
        await BlobStore(tmp_path).write(pieces(noise(BLOCK + 2)), limit=BLOCK + 1)
    assert refused.value.extra["limit"] == BLOCK + 1
    assert files(tmp_path) == []


async def test_an_upload_that_is_cut_leaves_nothing(tmp_path: Path):
    async def cut() -> AsyncIterator[bytes]:
        yield noise(BLOCK + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await BlobStore(tmp_path).write(cut(), limit=10 * BLOCK)
    assert files(tmp_path) == []


async def test_a_second_copy_is_the_same_file_and_mends_it(tmp_path: Path):
    store, content = BlobStore(tmp_path), noise(1000)
    blob = await store.write(pieces(content), limit=1000)
    store.path(blob.sha256).write_bytes(b"what a bad disk made of it")
    assert await store.write(pieces(content), limit=1000) == blob
    assert store.path(blob.sha256).read_bytes() == content


async def test_what_was_abandoned_a_day_ago_is_swept(tmp_path: Path):
    BlobStore(tmp_path)
    old, young = tmp_path / "begun" / "old", tmp_path / "begun" / "young"
    old.write_bytes(b"1")
    young.write_bytes(b"2")
    os.utime(old, (1, 1))
    BlobStore(tmp_path)
    assert files(tmp_path) == [young]


async def test_what_another_instance_ends_meanwhile_does_not_end_a_start(tmp_path: Path):
    BlobStore(tmp_path)
    (tmp_path / "begun" / "renamed-since").symlink_to(tmp_path / "nowhere")
    BlobStore(tmp_path)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65])
def test_only_a_digest_names_a_file(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="SHA-256"):
        BlobStore(tmp_path).path(name)


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from shared.blobs import BLOCK, BlobStore
from shared.errors import Problem, Unavailable

async def zeros():
    for _ in range(8):
        yield bytes(BLOCK)

async def main():
    # The kernel refuses to let a file grow past this, as a full disk would.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * BLOCK + 5, 2 * BLOCK + 5))
    try:
        await BlobStore(Path(sys.argv[1])).write(zeros(), limit=100 * BLOCK)
    except Problem as problem:
        print(problem.code)

asyncio.run(main())
"""


def test_a_full_disk_is_a_problem_with_a_name_and_leaves_nothing(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "SYS-5071"
    assert files(tmp_path) == []


async def test_a_disk_that_does_not_store_is_said_to_be_away_for_now(tmp_path: Path):
    store = BlobStore(tmp_path)
    (tmp_path / "begun").rmdir()  # as when the volume is not mounted
    with pytest.raises(Unavailable) as caught:
        await store.write(pieces(b"abc"), limit=10)
    assert caught.value.retry_after is not None


async def test_a_store_that_is_away_at_the_start_is_made_by_who_first_writes(tmp_path: Path):
    volume = tmp_path / "volume"
    volume.write_bytes(b"no folder, as when it cannot be mounted")
    store = BlobStore(volume / "blobs")
    with pytest.raises(Unavailable):
        await store.write(pieces(b"abc"), limit=10)
    volume.unlink()
    blob = await store.write(pieces(b"abc"), limit=10)
    assert store.path(blob.sha256).read_bytes() == b"abc"


async def test_what_cannot_be_swept_keeps_nobody_from_writing(tmp_path: Path):
    odd, old = tmp_path / "begun" / "a-folder", tmp_path / "begun" / "old"
    odd.mkdir(parents=True)
    old.write_bytes(b"1")
    for left in (odd, old):
        os.utime(left, (1, 1))
    store = BlobStore(tmp_path)
    blob = await store.write(pieces(b"abc"), limit=10)
    assert files(tmp_path) == [store.path(blob.sha256)]


async def test_files_that_cannot_be_counted_are_not_counted_as_none(tmp_path: Path):
    store = BlobStore(tmp_path / "blobs")
    blob = await store.write(pieces(b"abc"), limit=10)
    assert sum(store.count(folder) for folder in store.folders()) == 1
    (tmp_path / "blobs").rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        store.folders()
    with pytest.raises(Unavailable):
        store.count(store.path(blob.sha256).parent.parent)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from shared.blobs import BLOCK, BlobStore

async def then_death():
    yield bytes(BLOCK + 1)
    os.kill(os.getpid(), signal.SIGKILL)
    yield b""

asyncio.run(BlobStore(Path(sys.argv[1])).write(then_death(), limit=10 * BLOCK))
"""


def test_a_killed_writer_leaves_no_file_with_a_digest(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert all(path.parent == tmp_path / "begun" for path in files(tmp_path))


LENT = """
import asyncio, os, signal, sys
from pathlib import Path
from shared.blobs import BLOCK, BlobStore

async def then_death(after):
    for _ in range(after):
        yield bytes(BLOCK)
    if after < 3:
        os.kill(os.getpid(), signal.SIGKILL)

async def main(after):
    await BlobStore(Path(sys.argv[1])).lent(then_death(after), limit=10 * BLOCK)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(int(sys.argv[2])))
"""


@pytest.mark.parametrize("after", ["2", "3"])
def test_a_killed_process_leaves_nothing_of_what_was_lent(tmp_path: Path, after: str):
    done = subprocess.run([sys.executable, "-c", LENT, str(tmp_path), after], check=False)
    assert done.returncode == -signal.SIGKILL
    assert files(tmp_path) == []


async def test_what_is_lent_is_read_and_never_kept(tmp_path: Path):
    store = BlobStore(tmp_path)
    blob, file = await store.lent(pieces(b"van ban"), limit=BLOCK)
    with file:
        assert (file.read(), blob.sha256) == (b"van ban", hashlib.sha256(b"van ban").hexdigest())
        assert files(tmp_path) == []
    with pytest.raises(Problem):
        await store.lent(pieces(b"van ban"), limit=2)


async def test_memory_is_bounded_whatever_the_size(tmp_path: Path):
    async def zeros() -> AsyncIterator[bytes]:
        for _ in range(64 * 16):
            yield bytes(65_536)

    store = BlobStore(tmp_path)
    tracemalloc.start()
    try:
        blob = await store.write(zeros(), limit=64 * BLOCK)
        async for _ in store.read(blob.sha256, blocks=blob.blocks):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert blob.size == 64 * BLOCK
    assert peak < 8 * BLOCK  # what runs the test allocates beside it; the file has 64
