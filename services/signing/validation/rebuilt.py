"""What a reader finds in a signed part without its tables: nothing that these do not list.

A reader that stumbles looks for objects by itself, and one may stumble over anything that an
update makes visible. Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from services.signing.validation.kept import File, Written
from services.signing.validation.listings import Listed, listings
from services.signing.validation.packed import objects_within
from services.signing.validation.referred import listed
from services.signing.validation.syntax import (
    WHITE,
    Name,
    Odd,
    Reference,
    Value,
    near,
    parse,
    reference,
    references,
)
from services.signing.validation.tiles import Tiles, tiles
from services.signing.validation.updates import Reader

_OBJECT = re.compile(rb"(?<![0-9])(\d{1,10})%(W)b+(\d{1,5})%(W)b+obj" % {b"W": WHITE})
_WORD, _BLANKS, _DIGITS, _BREAKS = b"obj", b"\0\t\n\v\f\r \x80\xff", b"+-.0123456789", b"\r\n"
_IN_LINE = re.compile(
    rb"(?:(?<=[\r\n])|\A)%(N)b(?:%(B)b%(N)b(?:%(B)b|%(L)b)|%(L)b%(N)b%(B)b)obj"
    % {b"N": rb"(?:0|[1-9]\d{0,9})", b"B": rb"[ \t]{1,3}", b"L": rb"(?:\r\n|\r|\n)"}
)
"""How all readers find it: not behind other words, which may be a comment's, nor in a long line,
in two lines at most (poppler passes over others) and without further zeros (qpdf does)."""
_LAST_LINE = b"%%EOF"
"""What may stand before it, too: of a writer that ends no line, and one that begins none."""
_GAP = rb"(?:[\0\t\n\v\f\r \x80\xff]|%[^\r\n]*+[\r\n])"
_LOOKS_LIKE_ONE = re.compile(
    rb"[0-9]%(G)b++[-+.0-9]++%(G)b*+\Z|\A[^\r\n]*+[\r\n]%(G)b*+[-+.0-9]*+%(G)b*+\Z" % {b"G": _GAP}
)
"""Numbers that are written in another way before `obj`, or a line before them that is too long."""
_LOOKED_AT, _MOST = 400, 1000
"""Bytes before a word, and how many such words there may be."""
_NAME_ENDS = rb"(?![^\0\t\n\f\r ()<>\[\]{}/%])"


def _name(letters: str) -> "re.Pattern[bytes]":
    """Return what finds a name, its letters escaped or not."""
    each = (b"(?:%c|#%x|#%X)" % (one, one, one) for one in letters.encode())
    return re.compile(b"/" + b"".join(each) + _NAME_ENDS)


_ROOT, _ENCRYPT, _OF_OBJECTS = _name("Root"), _name("Encrypt"), _name("ObjStm")
_REFERS = re.compile(rb"%(W)b*(\d{1,10})%(W)b+(\d{1,5})%(W)b+R" % {b"W": WHITE})


@dataclass(frozen=True, slots=True)
class _Site:
    """A place where an object begins, by its looks."""

    at: int
    number: int
    generation: int


def check_found(reader: Reader, content: bytes, revision: int, end: int, root: Reference) -> File:
    """Check the `end` bytes of a signed revision, which others follow; return it. Raises Odd."""
    sections = listings(content, end)
    tables = sections.listed
    if tables != _seen(reader, content, revision):
        raise Odd("an object that is listed in several ways")
    sites = [*_sites(content, end)]
    whole = tiles(content, end, cache(partial(_length, content, tables)))
    _check_tiles(whole, sites, sections.places)
    _check_sites(sites, tables)
    _check_words(content, end, root)
    file = reader.get_historical_resolver(revision)
    starts = [site.at for site in sites]
    words = (word.start() for word in _OF_OBJECTS.finditer(content, 0, end))
    found: dict[int, Written] = {}
    for number in sorted({bisect_right(starts, word) - 1 for word in words}):
        found |= _within(file, sites[number], tables)
    now = [one for one in whole.objects if one.at == tables.place(one.number)]
    found |= {one.number: Written(one.said, one.data) for one in now}
    if found.keys() != {*tables.plain, *tables.packed}:
        raise Odd("an object that is not where it is listed")
    signed = File(found, root.number, sections.info)
    _check_leads(signed, sections.trailers[:1], tables)
    _check_shown(signed, sections.hidden)
    return signed


def _check_shown(file: File, hidden: Collection[int]) -> None:
    """Check that what only some readers find is part of a document's structure alone. Raises Odd.

    Word hides that from readers of PDF 1.4 (ISO 32000-2 7.5.8.4).
    """
    catalogue = file.at(Reference(file.root, 0))
    waiting: list[Value] = [catalogue] if hidden else []
    seen = set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Reference) and one.number not in seen:
            if one.number in hidden:
                raise Odd(f"object {one.number} is there for some readers only")
            seen.add(one.number)
            waiting.append(file.at(one))
        elif isinstance(one, dict):
            waiting += [said for key, said in one.items() if key != b"StructTreeRoot"]
        elif isinstance(one, list):
            waiting += one


def _check_tiles(whole: Tiles, sites: Sequence[_Site], sections: Collection[int]) -> None:
    """Check that objects and cross-references begin nowhere else. Raises Odd."""
    streams = [one for one in whole.objects if one.data is not None]
    if any(isinstance(_type(one.said), Reference) for one in streams):
        raise Odd("a stream that does not say plainly what it is")
    if [(one.at, one.number) for one in sites] != [(one.at, one.number) for one in whole.objects]:
        raise Odd("an object inside of another one")
    tables = (one.at for one in streams if _type(one.said) == Name(b"XRef"))
    if {*whole.tables, *tables} != {*sections}:
        raise Odd("cross-references that nothing leads to")


def _check_words(content: bytes, end: int, root: Reference) -> None:
    """Check that no trailer, used or not, says what the right one does not. Raises Odd."""
    if _ENCRYPT.search(content, 0, end):
        raise Odd("a file that is said to be encrypted")
    for place in _ROOT.finditer(content, 0, end):
        names = _REFERS.match(content, place.end())
        if names is None or (int(names[1]), int(names[2])) != root:
            raise Odd("a file with two roots")


def _check_leads(file: File, last: Sequence[Mapping[bytes, Value]], tables: Listed) -> None:
    """Check that what is referred to is there. Raises Odd.

    A reader that misses an object looks for all of them by itself, each in its own way, and what
    follows what was signed lies in its way, too.
    """
    every: list[Value] = [dict(trailer) for trailer in last]
    every += [one.said for one in file.objects.values() if _type(one.said) != Name(b"XRef")]
    for one in references(every):
        if not tables.has(*one):
            raise Odd(f"object {one.number} {one.generation} is referred to and not listed")


def _seen(reader: Reader, content: bytes, revision: int) -> Listed:
    """Return where pyHanko finds the objects."""
    plain: dict[int, tuple[int, int]] = {}
    packed: dict[int, int] = {}
    for one in listed(reader, revision):
        where: Any = reader.xrefs.get_historical_ref(one, revision)
        if isinstance(where, int):
            plain[one.idnum] = near(content, where), one.generation
        else:
            packed[one.idnum] = where.obj_stream_id
    return Listed(plain, packed)


def _sites(content: bytes, end: int) -> Iterator[_Site]:
    """Yield where objects begin. Raises Odd where one does in the eyes of some."""
    known: set[int] = set()
    for found in _OBJECT.finditer(content, 0, end):
        known.add(found.end() - len(_WORD))
        plainly = _IN_LINE.match(content, found.start()) is not None
        if not plainly and not content.endswith(_LAST_LINE, 0, found.start()):
            raise Odd(f"an object that begins in the middle of a line, at byte {found.start()}")
        place = reference(int(found[1]), int(found[2]))
        yield _Site(found.start(), place.number, place.generation)
    at, odd = -1, 0
    while (at := content.find(_WORD, at + 1, end)) >= 0:
        if at in known or content[at - 3 : at] == b"end":
            continue
        before = content[max(at - _LOOKED_AT, 0) : at]
        bare = before.rstrip(_BLANKS)
        line = bare.rstrip(_DIGITS).rstrip(_BLANKS)
        if bare[-1:] in _DIGITS or any(one in before[len(line) :] for one in _BREAKS):
            odd += 1
            if odd > _MOST or not line or _LOOKS_LIKE_ONE.search(before):
                raise Odd(f"something that looks like an object at byte {at}")


def _check_sites(sites: Sequence[_Site], tables: Listed) -> None:
    """Check that the last of each number is the listed one. Raises Odd."""
    last = {site.number: site for site in sites}
    for site in sites:
        generation = tables.plain.get(site.number, (0, 0))[1]
        if site.number in tables.plain and site.generation > generation:
            raise Odd(f"object {site.number} of another generation")
    for number, (at, _) in tables.plain.items():
        if number not in last or last[number].at != at:
            raise Odd(f"object {number} stands elsewhere, too")
    if twice := tables.packed.keys() & last.keys():
        raise Odd(f"object {min(twice)} stands elsewhere, too")


def _type(said: Value) -> Value:
    return said.get(b"Type") if isinstance(said, dict) else None


def _length(content: bytes, tables: Listed, place: Reference) -> int:
    """Return the number that an object is. Raises Odd."""
    at, generation = tables.plain.get(place.number, (-1, 0))
    head = _OBJECT.match(content, at) if at >= 0 and generation == place.generation else None
    size, _ = parse(content, head.end()) if head else (None, 0)
    if type(size) is not int:
        raise Odd(f"object {place.number} is no length")
    return size


def _within(file: Any, site: _Site, tables: Listed) -> dict[int, Written]:  # noqa: ANN401
    """Return what a stream of objects holds, as far as it was not written anew behind it.

    Raises Odd for what is listed neither there nor there.
    """
    if tables.plain.get(site.number, (-1, 0))[0] != site.at:
        raise Odd("a stream of objects that is not listed")
    stream: Any = file.get_object(generic.Reference(site.number, site.generation))
    content = bytes(stream.read_data(DecodePurpose.OBJECT_STREAM))
    numbers, said = objects_within(content, stream["/First"], stream["/N"])
    for number in numbers:
        if tables.packed.get(number) != site.number and tables.place(number) <= site.at:
            raise Odd("a stream of objects with something that is not listed")
    each = zip(numbers, said, strict=True)
    return {
        number: Written(one) for number, one in each if tables.packed.get(number) == site.number
    }
