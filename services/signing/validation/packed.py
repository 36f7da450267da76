"""Streams that hold a file's structure, unpacked by a decoder of our own: readers differ in theirs.

In an update rows are of the kind Up (PNG, RFC 2083 6) alone, as writers write them.
"""

import re
import zlib
from collections.abc import Mapping

from services.signing.validation.syntax import WHITE, Name, Odd, Value, parse, reference, space

_MOST_BYTES = 16 << 20
"""Of one stream, unpacked."""
_PNG = range(10, 16)
_UP = 2
_SPACES, _WHITE = re.compile(WHITE + rb"+"), b"\0\t\n\f\r "


def unpacked(said: Mapping[bytes, Value], data: bytes, *, columns: int | None = None) -> bytes:
    """Return what a stream holds: packed by Flate, or not at all. Raises Odd.

    `columns`: of the rows, where it may be predicted by the row above (ISO 32000-2 7.4.4.4).
    """
    packed, how = said.get(b"Filter"), said.get(b"DecodeParms")
    if packed not in (None, Name(b"FlateDecode")) or (how is not None and packed is None):
        raise Odd("a stream that is packed in another way")
    content = data if packed is None else _inflated(data)
    if how is None or how == {b"Predictor": 1}:
        return content
    if columns is None or how not in [{b"Predictor": png, b"Columns": columns} for png in _PNG]:
        raise Odd("a stream that is predicted in another way")
    return _summed(content, columns)


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(data, _MOST_BYTES)
    except zlib.error:
        raise Odd("a stream that cannot be unpacked") from None
    if not inflating.eof or inflating.unused_data.strip():
        raise Odd("a stream that does not end where it should")
    return content


def _summed(content: bytes, columns: int) -> bytes:
    if len(content) % (columns + 1):
        raise Odd("a stream whose last row is not whole")
    above, rows = bytes(columns), bytearray()
    for at in range(0, len(content), columns + 1):
        if content[at] != _UP:
            raise Odd("a stream with rows that are predicted in another way")
        row = content[at + 1 : at + 1 + columns]
        above = bytes((one + other) & 0xFF for one, other in zip(row, above, strict=True))
        rows += above
    return bytes(rows)


def objects_within(content: bytes, first: int, count: int) -> tuple[list[int], list[Value]]:
    """Return what a stream of objects holds, with its numbers, each read to its end. Raises Odd.

    `first`: where they begin; `count`: how many there are (ISO 32000-2 7.5.7).
    """
    words = _SPACES.split(content[: max(first, 0)].strip(_WHITE))
    if len(words) != 2 * count or not all(word.isdigit() for word in words):
        raise Odd("a stream of objects with another list")
    numbers, places = [int(one) for one in words[::2]], [int(one) for one in words[1::2]]
    if len({*numbers}) != count:
        raise Odd("a stream with one object twice")
    at, said_there = first, list[Value]()
    for place in places:
        if space(content, at) != first + place and at != first + place:
            raise Odd("a stream of objects with something between them")
        one, at = parse(content, first + place)
        said_there.append(one)
    if space(content, at) != len(content):
        raise Odd("a stream of objects with something behind them")
    return [reference(number, 0).number for number in numbers], said_there
