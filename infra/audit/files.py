"""Stored files: each has its digest, whole and block by block; none is missing, none is foreign."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row

BLOCK = 1 << 20
_HEX = frozenset("0123456789abcdef")
_LENGTH = 64
_BEGUN = "begun"
_REPORTS = "corrupt"
"""Folders beside the files: what is being written, and reports of bad blocks."""
_NAMING = ("attachment", "seal", "prepared", "signed", "source")


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it lies there."""

    sha256: str
    size: int
    blocks: bytes


def place_of(root: Path, sha256: str) -> Path:
    """Return where the file of a digest lies."""
    return root / sha256[:2] / sha256[2:4] / sha256


def foreign(root: Path) -> Iterator[Finding]:
    """Yield what lies in the store and is no file of a digest in its own place."""
    for folder, folders, names in os.walk(root):
        if folder == str(root):
            folders[:] = sorted(set(folders) - {_BEGUN, _REPORTS})
        for name in sorted(names):
            path = Path(folder, name)
            if not _is_digest(name) or path != place_of(root, name):
                yield Finding(f"file {path.relative_to(root)}", "is no file of a digest")
            elif path.is_symlink() or not path.is_file():
                yield Finding(f"file {name}", "is a link, not a file")


async def listed(root: Path) -> AsyncGenerator[Row]:
    """Yield the files by digest, in order."""
    for one in await asyncio.to_thread(lambda: sorted(root.glob("??/??/*"))):
        if _is_digest(one.name) and one == place_of(root, one.name):
            yield {"sha256": one.name}


def _is_digest(name: str) -> bool:
    return len(name) == _LENGTH and set(name) <= _HEX


def check_file(key: tuple[str], case: Case, books: Books, root: Path) -> Iterator[Finding]:
    """Yield what is wrong with the file of one digest, and with what is said of it."""
    (sha256,) = key
    where = f"file {sha256}"
    named = [row for name in _NAMING for row in case[name]]
    if not case["there"]:
        yield Finding(where, f"is missing; {len(named)} rows name it")
        return
    try:
        read = _read(place_of(root, sha256))
    except OSError as error:
        yield Finding(where, f"cannot be read: {error}")
        return
    books.counted["files"] += 1
    books.counted["bytes"] += read.size
    books.counted["orphans"] += not named
    if read.sha256 != sha256:
        bad = _bad_block(read, case)
        yield Finding(where, f"has the digest {read.sha256}{bad}")
    for row in named:
        if "size" in row and row["size"] != read.size:
            yield Finding(where, f"has {read.size} bytes, not {row['size']}")
        if "blocks" in row and row["blocks"] != read.blocks:
            yield Finding(where, f"attachment {row['id']} has other digests of its blocks")


def _bad_block(read: Read, case: Case) -> str:
    for row in case["attachment"]:
        for number in range(max(len(read.blocks), len(row["blocks"])) // 32):
            part = slice(number * 32, number * 32 + 32)
            if read.blocks[part] != row["blocks"][part]:
                return f"; its first bad block is {number}"
    return ""


def _read(path: Path) -> Read:
    whole, blocks, size = hashlib.sha256(), bytearray(), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            whole.update(block)
            blocks += hashlib.sha256(block).digest()
            size += len(block)
    return Read(whole.hexdigest(), size, bytes(blocks))
