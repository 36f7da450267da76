"""What was appended to a signed file, byte by byte: what its tables list, and nothing else.

A reader that stumbles over an update looks for objects by itself. Runs in a worker process only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.signing.validation.cross_references import Table, of_stream, of_table, widths
from services.signing.validation.kept import Written
from services.signing.validation.packed import objects_within, unpacked
from services.signing.validation.syntax import (
    END,
    HIGHEST,
    OBJECT,
    Digits,
    Name,
    Odd,
    Reference,
    Value,
    parse,
    reference,
    references,
    space,
)

_OF_A_WRITER = re.compile(rb"%(?!%)[ -~\x80-\xff]{0,100}(?=[\r\n])")
"""The line in which a writer names itself."""
_LOOKS_LIKE_ONE = re.compile(rb"[0-9\0\t\n\v\f\r .\x80\xff]obj")
"""However its numbers are written, and whatever follows: by chance in one of 300 million bytes."""
_STREAM = re.compile(rb"stream\r?\n")
_STREAM_END = re.compile(rb"(?:\r\n|\n|\r)?endstream" + END)
_END = re.compile(rb"endobj" + END)
_LAST_WORDS = re.compile(
    rb"startxref(?:\r\n|\n|\r)(\d{1,19})(?:\r\n|\n|\r)%%EOF(?=[\r\n]|\Z)(?:\r\n|\n|\r)?"
)
_STARTXREF = re.compile(rb"startxref\s+(\d{1,19})\s")
_CHECKSUM, _HEX = b"DocChecksum", re.compile(rb"[0-9A-Fa-f]{32}")
"""LibreOffice writes it, and writers of updates carry it along."""
_OF_A_TRAILER = frozenset((b"Size", b"Root", b"Info", b"ID", b"Prev", _CHECKSUM))
_OF_A_STREAM = _OF_A_TRAILER | {b"Type", b"W", b"Index", b"Length", b"Filter", b"DecodeParms"}
_OF_OBJECTS = frozenset((b"Type", b"N", b"First", b"Length", b"Filter"))
_ELSEWHERE = frozenset((b"F", b"FFilter", b"FDecodeParms", b"DP", b"DL"))
"""Of a stream: what it holds stands in another file, or is unpacked in words of inline images."""
_HALVES, _LONGEST = 2, 256
"""Of an /ID, and how many bytes of it each may have, as written."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An indirect object as it stands in the file."""

    at: int
    generation: int
    said: Value
    data: bytes | None
    """Of a stream, packed."""


@dataclass(frozen=True, slots=True)
class _Update:
    """One update."""

    objects: Mapping[int, _Found]
    table: Table
    trailer: Mapping[bytes, Value]
    begins: int
    """Where its cross-references are."""
    last: int | None
    """The number of the object that they are in, when they are in one."""
    end: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What an update brings."""

    objects: Mapping[int, Written]
    info: Value
    """As its trailer has it."""


@dataclass(frozen=True, slots=True)
class Before:
    """What a signature covers: the file up to its end."""

    end: int
    root: Reference
    numbers: Mapping[int, int]
    """Of all objects that it lists, with their generations."""


def check(content: bytes, before: Before, *, updates: int) -> list[Brought]:
    """Check all that stands behind a signed revision; return what each update brings. Raises Odd.

    `updates`: how many pyHanko sees there.
    """
    known = [int(one[1]) for one in _STARTXREF.finditer(content, 0, before.end)]
    at, previous = space(content, before.end), known[-1] if known else -1
    found: list[Brought] = []
    numbers = dict(before.numbers)
    while at < len(content):
        update = _update(content, at)
        _check_raw(content[at : update.end], update)
        _check_trailer(update, previous, before.root)
        within = _check_listed(update, numbers)
        numbers |= {number: one.generation for number, one in update.objects.items()}
        numbers |= dict.fromkeys(update.table.packed, 0)
        objects = {number: Written(one.said, one.data) for number, one in update.objects.items()}
        objects |= {number: Written(one) for number, one in within.items()}
        said = [one.said for one in objects.values()]
        _check_resolved([dict(update.trailer), *said], numbers)
        found.append(Brought(objects, update.trailer.get(b"Info")))
        previous, at = update.begins, space(content, update.end)
    if len(found) != updates:
        raise Odd(f"{len(found)} updates where {updates} are read")
    return found


def _update(content: bytes, at: int) -> _Update:
    objects: dict[int, _Found] = {}
    last, at = None, _behind_a_line(content, at)
    while head := OBJECT.match(content, at):
        last = reference(int(head[1]), int(head[2])).number
        if last in objects:
            raise Odd(f"object {last} stands twice in one update")
        objects[last], at = _object(content, head)
        at = space(content, at)
    if content.startswith(b"xref", at):
        begins, last = at, None
        table, trailer, at = of_table(content, at)
    elif last is not None:
        begins, (trailer, data) = objects[last].at, _stream(objects[last])
        table = of_stream(trailer, unpacked(trailer, data, columns=sum(widths(trailer))))
    else:
        raise Odd(f"neither an object nor cross-references at byte {at}")
    words = _LAST_WORDS.match(content, _behind_a_line(content, at))
    if words is None or int(words[1]) != begins:
        raise Odd(f"no end of an update at byte {at}")
    return _Update(objects, table, trailer, begins, last, words.end())


def _behind_a_line(content: bytes, at: int) -> int:
    """Return where what follows begins: behind white space, and a line in which a writer names
    itself."""
    at = space(content, at)
    line = _OF_A_WRITER.match(content, at)
    return space(content, line.end()) if line else at


def _object(content: bytes, head: "re.Match[bytes]") -> tuple[_Found, int]:
    said, at = parse(content, head.end())
    data, begin = None, _STREAM.match(content, space(content, at))
    if begin is not None and isinstance(said, dict):
        length = said.get(b"Length")
        plain = _is_one(said.get(b"Filter"), Name) and _is_one(said.get(b"DecodeParms"), dict)
        if type(length) is not int or length < 0 or said.keys() & _ELSEWHERE or not plain:
            raise Odd(f"a stream that does not say plainly where it ends, at byte {at}")
        data = content[begin.end() : begin.end() + length]
        at = _must(_STREAM_END, content, begin.end() + length)
    at = _must(_END, content, space(content, at))
    return _Found(head.start(), int(head[2]), said, data), at


def _is_one(said: Value, kind: type[Name] | type[dict[bytes, Value]]) -> bool:
    """Say whether it is one of a kind, several in a list, or nothing."""
    each = said if isinstance(said, list) else [said]
    return all(one is None or isinstance(one, kind) for one in each)


def _check_raw(raw: bytes, update: _Update) -> None:
    """Check that who looks for objects by their looks finds no others either. Raises Odd."""
    looks = sum(1 for _ in _LOOKS_LIKE_ONE.finditer(raw))
    tables = 0 if update.last is not None else 1
    streams = sum(one.data is not None for one in update.objects.values())
    wanted = {
        b"trailer": tables,
        b"startxref": 1,
        b"%%EOF": 1,
        b"endobj": len(update.objects),
        b"endstream": streams,
    }
    if looks != len(update.objects) or any(raw.count(one) != n for one, n in wanted.items()):
        raise Odd("something that looks like a part of the file, and is none")


def _check_trailer(update: _Update, previous: int, root: Reference) -> None:
    said = update.trailer
    allowed = _OF_A_TRAILER if update.last is None else _OF_A_STREAM
    checksum = said.get(_CHECKSUM)
    if checksum is not None and not (isinstance(checksum, Name) and _HEX.fullmatch(checksum.value)):
        raise Odd("a checksum that is none")
    if not said.keys() <= allowed:
        raise Odd("a trailer that says more than it has to")
    size, info, names = said.get(b"Size"), said.get(b"Info"), said.get(b"ID", [b"", b""])
    numbers = {*update.table.used, *update.table.packed, *update.table.free}
    if type(size) is not int or not max(numbers, default=0) < size <= HIGHEST + 1:
        raise Odd("a trailer with another size")
    if said.get(b"Root") != root or type(said.get(b"Prev")) is not int or said[b"Prev"] != previous:
        raise Odd("a trailer that does not follow the one before it")
    plain = isinstance(names, list) and len(names) == _HALVES and all(map(_is_short, names))
    if not plain or not (info is None or isinstance(info, Reference)):
        raise Odd("a trailer that is not plain")


def _is_short(name: Value) -> bool:
    written = name.value if isinstance(name, Digits) else name
    return isinstance(written, bytes) and len(written) <= _LONGEST


def _check_listed(update: _Update, known: Mapping[int, int]) -> dict[int, Value]:
    """Check that what is listed is what is there, and its own structure new. Raises Odd.

    Returns the objects in its streams of objects.
    """
    listed = dict(update.table.used)
    there = {number: (one.at, one.generation) for number, one in update.objects.items()}
    if update.last is not None:
        listed.setdefault(update.last, there[update.last])  # it may list itself
    if listed != there:
        raise Odd("objects that are not listed, or not where they are listed")
    if any(known.get(number, at[1]) != at[1] for number, at in there.items()):
        raise Odd("an object of another generation")
    within: dict[int, Value] = {}
    packed: dict[int, tuple[int, int]] = {}
    structure = [] if update.last is None else [update.last]
    for number, one in update.objects.items():
        if isinstance(one.said, dict) and one.said.get(b"Type") == Name(b"ObjStm"):
            numbers, said = _inside(one)
            packed |= {inner: (number, place) for place, inner in enumerate(numbers)}
            within |= zip(numbers, said, strict=True)
            structure.append(number)
    if any(number in known for number in structure):
        raise Odd("a stream of objects or cross-references in the place of something else")
    if packed != update.table.packed:
        raise Odd("objects of a stream that are not listed, or listed and not there")
    return within


def _check_resolved(every: list[Value], known: Mapping[int, int]) -> None:
    """Check that what is referred to is there: where it is not, readers look for it. Raises Odd."""
    for one in references(every):
        if known.get(one.number) != one.generation:
            raise Odd(f"a reference to object {one.number} {one.generation}, which is not there")


def _inside(packed: _Found) -> tuple[list[int], list[Value]]:
    """Return a stream's objects with their numbers, each read to its end. Raises Odd."""
    said, data = _stream(packed)
    first, count = said.get(b"First"), said.get(b"N")
    if type(first) is not int or type(count) is not int or not said.keys() <= _OF_OBJECTS:
        raise Odd("a stream of objects that is not plain")
    return objects_within(unpacked(said, data), first, count)


def _stream(found: _Found) -> tuple[dict[bytes, Value], bytes]:
    if not isinstance(found.said, dict) or found.data is None:
        raise Odd(f"no stream at byte {found.at}")
    return found.said, found.data


def _must(pattern: "re.Pattern[bytes]", content: bytes, at: int) -> int:
    found = pattern.match(content, at)
    if found is None:
        raise Odd(f"an object that does not end at byte {at}")
    return found.end()
