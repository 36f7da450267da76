"""A signed part from its first byte to its last: its header, objects, tables, comments, no more.

What stands between objects, or begins inside of them, is found by some readers and not by others
when they look for objects by themselves. Runs in a worker process only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from services.signing.validation.cross_references import of_table
from services.signing.validation.syntax import (
    END,
    OBJECT,
    WHITE,
    Odd,
    Reference,
    Value,
    parse,
    space,
)

_STREAM = re.compile(rb"%(W)b*stream(?:\r\n|\n)" % {b"W": WHITE})
_STREAM_END = re.compile(rb"(?:\r\n|\n|\r)?endstream" + END)
_OBJECT_END = re.compile(rb"%(W)b*endobj%(E)b" % {b"W": WHITE, b"E": END})
_COMMENT = re.compile(rb"%[^\r\n]*+")
_LAST_LINE = b"%%EOF"
_STARTXREF = re.compile(rb"startxref%(W)b+(\d{1,19})%(W)b+%%%%EOF" % {b"W": WHITE})
Length = Callable[[Reference], int]
"""Returns what an object says that is the length of a stream. Raises Odd."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An object as it is written."""

    at: int
    number: int
    said: Value
    data: memoryview | None
    """Of a stream, packed."""


@dataclass(slots=True)
class Tiles:
    """What a signed part is made of, listed or not."""

    objects: list[Tile] = field(default_factory=list[Tile])
    tables: list[int] = field(default_factory=list[int])
    """Where cross-references begin that are no streams."""
    starts: list[int] = field(default_factory=list[int])
    """What `startxref` says."""


def tiles(content: bytes, end: int, length: Length) -> Tiles:
    """Read the first `end` bytes. Raises Odd."""
    found, at = Tiles(), 0
    while (at := min(space(content, at), end)) < end:
        if content.startswith(_LAST_LINE, at):
            at += len(_LAST_LINE)  # some write the next object into its line
        elif comment := _COMMENT.match(content, at):
            at = comment.end()
        elif content.startswith(b"xref", at):
            found.tables.append(at)
            _, _, at = of_table(content, at, may_free=True)
        elif start := _STARTXREF.match(content, at):
            found.starts.append(int(start[1]))
            at = start.end()
        elif head := OBJECT.match(content, at):
            tile, at = _object(content, head, length)
            found.objects.append(tile)
        else:
            raise Odd(f"something that is no object at byte {at}")
        if at > end:
            raise Odd("an object that ends behind what was signed")
    _check_words(content, end, found)
    return found


def _check_words(content: bytes, end: int, found: Tiles) -> None:
    """Check that what readers look for when they stumble stands nowhere else. Raises Odd."""
    streams = sum(one.data is not None for one in found.objects)
    wanted = {
        b"startxref": len(found.starts),
        b"endstream": streams,
        b"endobj": len(found.objects),
    }
    for word, count in wanted.items():
        if content.count(word, 0, end) != count:
            raise Odd(f"{word.decode()} where it ends nothing")


def _object(content: bytes, head: "re.Match[bytes]", length: Length) -> tuple[Tile, int]:
    said, at = parse(content, head.end())
    begin, data = _STREAM.match(content, at), None
    if begin is not None:
        size = said.get(b"Length") if isinstance(said, dict) else None
        if isinstance(size, Reference):
            size = length(size)
        if type(size) is not int or size < 0:
            raise Odd(f"a stream that does not say where it ends, at byte {at}")
        data = memoryview(content)[begin.end() : begin.end() + size]
        at = _behind(_STREAM_END, content, begin.end() + size)
    at = _behind(_OBJECT_END, content, at)
    return Tile(head.start(), int(head[1]), said, data), at


def _behind(pattern: "re.Pattern[bytes]", content: bytes, at: int) -> int:
    found = pattern.match(content, at)
    if found is None:
        raise Odd(f"an object that does not end at byte {at}")
    return found.end()
