"""The cross-references of a signed part, section by section, as every reader takes them.

Of a number that is listed twice pyHanko takes the last, others the first. Runs in a worker
process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.signing.validation.cross_references import Table, of_stream, of_table
from services.signing.validation.syntax import OBJECT, WHITE, Name, Odd, Value, parse, space
from services.signing.validation.unpacking import Flate

_STARTXREF = re.compile(rb"startxref%(W)b+(\d{1,19})%(W)b" % {b"W": WHITE})
_STREAM = re.compile(rb"stream\r?\n")
_MOST_SECTIONS, _MOST_BYTES = 1000, 64 << 20


@dataclass(frozen=True, slots=True)
class Listed:
    """Where readers find the objects of a signed part by its cross-references."""

    plain: Mapping[int, tuple[int, int]]
    """By number: place in the file, generation."""
    packed: Mapping[int, int]
    """By number: the stream of objects that it is in."""

    def place(self, number: int) -> int:
        """Return where the object is, or the stream that it is in; -1: nowhere."""
        return self.plain.get(self.packed.get(number, number), (-1, 0))[0]

    def has(self, number: int, generation: int) -> bool:
        """Say whether there is such an object."""
        known = self.plain.get(number, (0, 0))[1]
        return (number in self.plain or number in self.packed) and generation == known


def listings(content: bytes, end: int) -> Listed:
    """Read all sections of the first `end` bytes, the last one first. Raises Odd, PdfError."""
    starts = [int(one[1]) for one in _STARTXREF.finditer(content, 0, end)]
    at: Value = starts[-1] if starts else None
    seen, known = set[int](), set[int]()
    plain: dict[int, tuple[int, int]] = {}
    packed: dict[int, int] = {}
    while at is not None:
        if len(seen) > _MOST_SECTIONS or at in seen:
            raise Odd("cross-references that lead in a circle")
        table, said = _section(content, at, end)
        if type(at) is int:
            seen.add(at)
        of_both = [table]
        if said.get(b"XRefStm") is not None:
            beside, _ = _section(content, said[b"XRefStm"], end)
            _check_beside(table, beside)
            table.free -= beside.used.keys() | beside.packed.keys()  # hidden from old readers
            of_both.append(beside)
        for one in of_both:
            new = {*one.used, *one.packed, *one.free} - known
            plain |= {number: one.used[number] for number in one.used.keys() & new}
            packed |= {number: one.packed[number][0] for number in one.packed.keys() & new}
            known |= new
        at = said.get(b"Prev")
    return Listed({number: (space(content, at), of) for number, (at, of) in plain.items()}, packed)


def _section(content: bytes, at: Value, end: int) -> tuple[Table, Mapping[bytes, Value]]:
    if type(at) is not int or not 0 <= at < end:
        raise Odd("cross-references that lead nowhere")
    at = space(content, at)
    if content.startswith(b"xref", at):
        table, said, _ = of_table(content, at, may_free=True)
        return table, said
    head = OBJECT.match(content, at)
    said, at = parse(content, head.end()) if head else (None, at)
    begin = _STREAM.match(content, space(content, at))
    if not isinstance(said, dict) or begin is None or said.get(b"Type") != Name(b"XRef"):
        raise Odd(f"no cross-references at byte {at}")
    length = said.get(b"Length")
    if type(length) is not int or length < 0:
        raise Odd("cross-references that do not say plainly where they end")
    rows = _unpacked(said, content[begin.end() : begin.end() + length])
    return of_stream(said, rows, may_free=True), said


def _unpacked(said: Mapping[bytes, Value], data: bytes) -> bytes:
    packed, how = said.get(b"Filter"), said.get(b"DecodeParms")
    if packed is None and how is None:
        return data
    plainly = [
        (one[0] if isinstance(one, list) and len(one) == 1 else one) for one in (packed, how)
    ]
    packed, how = plainly
    if packed != Name(b"FlateDecode") or not (how is None or isinstance(how, dict)):
        raise Odd("cross-references that are packed in another way")
    numbers = {f"/{key.decode('latin-1')}": one for key, one in (how or {}).items()}
    return Flate().decode_bounded(data, numbers, _MOST_BYTES)


def _check_beside(table: Table, more: Table) -> None:
    """Check that a stream beside a table says the same of what both list (7.5.8.4). Raises Odd."""
    for number, place in more.used.items():
        if table.used.get(number, place) != place:
            raise Odd(f"object {number} is listed twice")
    if table.used.keys() & (more.packed.keys() | more.free):
        raise Odd("an object that is listed twice")
