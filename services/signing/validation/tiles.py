"""A signed part from its first byte to its last: its header, objects, tables, comments, no more.

What stands between objects, or begins inside of them, is found by some readers and not by others
when they look for objects by themselves. Runs in a worker process only.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
_STREAM_END = re.compile(rb"%(W)b*endstream%(E)b" % {b"W": WHITE, b"E": END})
_OBJECT_END = re.compile(rb"%(W)b*endobj%(E)b" % {b"W": WHITE, b"E": END})
_COMMENT = re.compile(rb"%[^\r\n]*+")
_LAST_LINE = b"%%EOF"
_STARTXREF = re.compile(rb"startxref%(W)b+\d{1,19}(?=[\r\n])" % {b"W": WHITE})
Length = Callable[[Reference], int]
"""Returns what an object says that is the length of a stream. Raises Odd."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An object as it is written."""

    at: int
    number: int
    said: Value
    stream: bool


def tiles(content: bytes, end: int, length: Length) -> Iterator[Tile]:
    """Yield the objects of the first `end` bytes, listed or not. Raises Odd."""
    at = 0
    while (at := space(content, at)) < end:
        if content.startswith(_LAST_LINE, at):
            at += len(_LAST_LINE)  # some write the next object into its line
        elif comment := _COMMENT.match(content, at):
            at = comment.end()
        elif content.startswith(b"xref", at):
            _, _, at = of_table(content, at, may_free=True)
        elif start := _STARTXREF.match(content, at):
            at = start.end()
        elif head := OBJECT.match(content, at):
            tile, at = _object(content, head, length)
            yield tile
        else:
            raise Odd(f"something that is no object at byte {at}")
    if at > end:
        raise Odd("an object that ends behind what was signed")


def _object(content: bytes, head: "re.Match[bytes]", length: Length) -> tuple[Tile, int]:
    said, at = parse(content, head.end())
    begin = _STREAM.match(content, at)
    if begin is not None:
        size = said.get(b"Length") if isinstance(said, dict) else None
        if isinstance(size, Reference):
            size = length(size)
        if type(size) is not int or size < 0:
            raise Odd(f"a stream that does not say where it ends, at byte {at}")
        at = _behind(_STREAM_END, content, begin.end() + size)
    at = _behind(_OBJECT_END, content, at)
    return Tile(head.start(), int(head[1]), said, begin is not None), at


def _behind(pattern: "re.Pattern[bytes]", content: bytes, at: int) -> int:
    found = pattern.match(content, at)
    if found is None:
        raise Odd(f"an object that does not end at byte {at}")
    return found.end()
