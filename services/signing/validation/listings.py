"""The cross-references of a signed part, section by section, as every reader takes them.

Of a number that is listed twice pyHanko takes the last, others the first. Runs in a worker
process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.signing.validation.cross_references import Table, of_stream, of_table
from services.signing.validation.syntax import OBJECT, WHITE, Name, Odd, Value, near, parse, space
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


@dataclass(slots=True)
class Sections:
    """All cross-references of a signed part, of which the last ones are read first."""

    plain: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    packed: dict[int, int] = field(default_factory=dict[int, int])
    hidden: set[int] = field(default_factory=set[int])
    """What is there for some readers only: free in a table, and listed in a stream beside it."""
    places: set[int] = field(default_factory=set[int])
    """Where they begin."""
    trailers: list[Mapping[bytes, Value]] = field(default_factory=list[Mapping[bytes, Value]])
    known: set[int] = field(default_factory=set[int])
    """All numbers, free ones too."""

    @property
    def listed(self) -> Listed:
        """Return where they say that objects are."""
        return Listed(self.plain, self.packed)

    @property
    def info(self) -> Value:
        """Return what the last trailer has as /Info."""
        return self.trailers[0].get(b"Info") if self.trailers else None

    def take(self, content: bytes, table: Table) -> None:
        """Add the objects of a table of which later ones say nothing."""
        new = {*table.used, *table.packed, *table.free} - self.known
        for number in table.used.keys() & new:
            at, generation = table.used[number]
            self.plain[number] = near(content, at), generation
        self.packed |= {number: table.packed[number][0] for number in table.packed.keys() & new}
        self.known |= new


def listings(content: bytes, end: int) -> Sections:
    """Read all sections of the first `end` bytes, the last one first. Raises Odd, PdfError."""
    starts = [int(one[1]) for one in _STARTXREF.finditer(content, 0, end)]
    at: Value = starts[-1] if starts else None
    found, seen = Sections(), set[int]()
    while at is not None:
        if len(seen) > _MOST_SECTIONS or at in seen:
            raise Odd("cross-references that lead in a circle")
        place, table, said = _section(content, at, end)
        seen.add(place)
        found.places.add(space(content, place))
        found.trailers.append(said)
        of_both = [table]
        if said.get(b"XRefStm") is not None:
            place, beside, _ = _section(content, said[b"XRefStm"], end)
            _check_beside(table, beside)
            found.places.add(space(content, place))
            hidden = table.free & (beside.used.keys() | beside.packed.keys())
            found.hidden |= hidden
            table.free -= hidden
            of_both.append(beside)
        for one in of_both:
            found.take(content, one)
        at = said.get(b"Prev")
    return found


def _section(content: bytes, place: Value, end: int) -> tuple[int, Table, Mapping[bytes, Value]]:
    if type(place) is not int or not 0 <= place < end:
        raise Odd("cross-references that lead nowhere")
    at = space(content, place)
    if content.startswith(b"xref", at):
        table, said, _ = of_table(content, at, may_free=True)
        return place, table, said
    head = OBJECT.match(content, at)
    said, at = parse(content, head.end()) if head else (None, at)
    begin = _STREAM.match(content, space(content, at))
    if not isinstance(said, dict) or begin is None or said.get(b"Type") != Name(b"XRef"):
        raise Odd(f"no cross-references at byte {at}")
    length = said.get(b"Length")
    if type(length) is not int or length < 0:
        raise Odd("cross-references that do not say plainly where they end")
    rows = _unpacked(said, content[begin.end() : begin.end() + length])
    return place, of_stream(said, rows, may_free=True), said


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
