"""The cross-references of one update, in either form (ISO 32000-2 7.5.4, 7.5.8), read strictly.

Runs in a worker process only.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.signing.validation.syntax import (
    HIGHEST_GENERATION,
    Odd,
    Value,
    parse,
    reference,
    space,
)

_LINE = rb" *(?:\r\n|\n|\r)"
_BEGIN = re.compile(rb"xref" + _LINE)
_SECTION = re.compile(rb"(\d{1,10}) (\d{1,10})" + _LINE)
_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_ENTRY_BYTES = 20
_TRAILER = re.compile(rb"trailer(?=[\0\t\n\f\r <])")
_FREE, _USED, _PACKED = 0, 1, 2
"""Kinds of entries of a stream (table 18)."""
_WIDEST = 8


@dataclass(slots=True)
class Table:
    """Where an update says that its objects are."""

    used: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """By number: place in the file, generation."""
    packed: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """By number: number of the stream of objects, place in it."""
    free: set[int] = field(default_factory=set[int])
    may_free: bool = False
    """Whether it may list objects as free: what was signed first may, an update may not."""

    def add(self, number: int, kind: int, second: int, third: int) -> None:
        """Take an entry. Raises Odd when there is one of that number, or it is of no kind."""
        if number in self.used or number in self.packed or number in self.free:
            raise Odd(f"object {number} is listed twice")
        if kind == _FREE:
            # Readers take its fields for a place: an update frees nothing but what always is.
            if (number or second or third > HIGHEST_GENERATION) and not self.may_free:
                raise Odd(f"object {number} is freed")
            self.free.add(number)
        elif kind in (_USED, _PACKED):
            reference(number, third if kind == _USED else 0)
            (self.used if kind == _USED else self.packed)[number] = (second, third)
        else:
            raise Odd(f"object {number} is listed in a way that is not known")


def of_table(
    content: bytes, at: int, *, may_free: bool = False
) -> tuple[Table, Mapping[bytes, Value], int]:
    """Return the table that begins there, its trailer and where that ends. Raises Odd."""
    begin = _BEGIN.match(content, at)
    if begin is None:
        raise Odd(f"no cross-references at byte {at}")
    table, at = Table(may_free=may_free), begin.end()
    while section := _SECTION.match(content, at):
        at = section.end()
        if not int(section[2]) and not (may_free and not int(section[1])):  # Word's "0 0"
            raise Odd("a section of cross-references that is empty")
        for number in range(int(section[1]), int(section[1]) + int(section[2])):
            entry = _ENTRY.match(content, at)
            if entry is None:
                raise Odd(f"no entry of twenty bytes at byte {at}")
            kind = _USED if entry[3] == b"n" else _FREE
            table.add(number, kind, int(entry[1]), int(entry[2]))
            at += _ENTRY_BYTES
    word = _TRAILER.match(content, space(content, at))
    if word is None:
        raise Odd(f"no trailer at byte {at}")
    trailer, at = parse(content, word.end())
    if not isinstance(trailer, dict):
        raise Odd("a trailer that is no dictionary")
    return table, trailer, at


def widths(said: Mapping[bytes, Value]) -> list[int]:
    """Return how many bytes each part of a row of such a stream has. Raises Odd."""
    found = _numbers(said.get(b"W"))
    if len(found) != 3 or found[0] != 1 or max(found) > _WIDEST:  # noqa: PLR2004
        raise Odd("widths of cross-references")
    return found


def of_stream(said: Mapping[bytes, Value], rows: bytes, *, may_free: bool = False) -> Table:
    """Return the entries of a stream of cross-references, its rows unpacked. Raises Odd."""
    parts, table = widths(said), Table(may_free=may_free)
    pairs = _numbers(said.get(b"Index", [0, said.get(b"Size")]))
    begins, counts = pairs[::2], pairs[1::2]
    if not all(counts) or len(begins) != len(counts) or len(rows) != sum(counts) * sum(parts):
        raise Odd("cross-references of another length than they say")
    sections = zip(begins, counts, strict=True)
    numbers = [one for begin, count in sections for one in range(begin, begin + count)]
    for number, (kind, second, third) in zip(numbers, _rows(rows, parts), strict=True):
        table.add(number, kind, second, third)
    return table


def _rows(rows: bytes, parts: list[int]) -> Iterator[tuple[int, int, int]]:
    first, second, third = parts
    for at in range(0, len(rows), sum(parts)):
        middle = at + first + second
        yield (
            int.from_bytes(rows[at : at + first], "big"),
            int.from_bytes(rows[at + first : middle], "big"),
            int.from_bytes(rows[middle : middle + third], "big"),
        )


def _numbers(said: Value) -> list[int]:
    if not isinstance(said, list):
        raise Odd("no numbers where they should be")
    numbers = [one for one in said if isinstance(one, int) and not isinstance(one, bool)]
    if len(numbers) != len(said) or min(numbers, default=0) < 0:
        raise Odd("no numbers where they should be")
    return numbers
