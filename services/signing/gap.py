"""A prepared file: its source, what follows, and the gap that a signature will fill. No parsing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from services.signing.pipe import Prepared

_CHUNK = 1 << 20


class BadGap(Exception):  # noqa: N818 (what a worker, perhaps overcome by its file, has said)
    """What a worker has prepared is not a source with one empty gap behind it."""


def check(prepared: Prepared, *, source_size: int, digits: int) -> None:
    """Raise BadGap unless the gap lies behind the source and holds `digits` zeros in brackets.

    The worker read a hostile file: whatever it says, only our own digest over the source and
    this tail is ever signed.
    """
    start, end = prepared.gap_start - source_size, prepared.gap_end - source_size
    expected = b"<" + b"0" * digits + b">"
    # A slice takes an end behind the bytes, or counted from their end, for another one.
    if start < 0 or end - start != len(expected) or prepared.tail[start:end] != expected:
        raise BadGap


class Altered(Exception):  # noqa: N818 (what a disk has made of a file)
    """A stored file is not what it was any more: nothing that is made of it is kept."""


async def joined(source: Path, tail: bytes) -> AsyncIterator[bytes]:
    """Yield a file and what follows it. Raises Altered before its end.

    A worker has verified the file a moment ago; what is signed is read here, again.
    """
    whole = hashlib.sha256()
    async for chunk in _read(_pieces(source)):
        whole.update(chunk)
        yield chunk
    if whole.hexdigest() != source.name:
        raise Altered(source.name)
    yield tail


async def filled(prepared: Path, start: int, end: int, content: bytes) -> AsyncIterator[bytes]:
    """Yield a prepared file with `content` in its gap, in hexadecimal.

    Raises BadGap (no room), Altered before its end.
    """
    room = end - start - 2
    digits = content.hex().encode().ljust(room, b"0")
    if len(digits) != room:
        raise BadGap
    whole = hashlib.sha256()
    async for chunk in _read(_pieces(prepared, 0, start)):
        whole.update(chunk)
        yield chunk
    whole.update(b"<" + b"0" * room + b">")
    yield b"<" + digits + b">"
    async for chunk in _read(_pieces(prepared, end)):
        whole.update(chunk)
        yield chunk
    if whole.hexdigest() != prepared.name:
        raise Altered(prepared.name)


async def digest(prepared: Path, start: int, end: int) -> bytes:
    """Return the SHA-256 of a file without its gap: what its signature is over."""

    def work() -> bytes:
        whole = hashlib.sha256()
        for chunk in _pieces(prepared, 0, start):
            whole.update(chunk)
        for chunk in _pieces(prepared, end):
            whole.update(chunk)
        return whole.digest()

    return await asyncio.to_thread(work)


def _pieces(file: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        left = None if end is None else end - start
        while chunk := opened.read(_CHUNK if left is None else min(_CHUNK, left)):
            left = None if left is None else left - len(chunk)
            yield chunk


async def _read(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
