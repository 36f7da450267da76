"""What a reader finds in a signed part without its tables: nothing that these do not list.

A reader that stumbles looks for objects by itself, and one may stumble over anything that an
update makes visible. Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from services.signing.validation.packed import objects_within
from services.signing.validation.referred import inside, listed
from services.signing.validation.syntax import WHITE, Odd, Reference, space
from services.signing.validation.updates import Reader

_OBJECT = re.compile(rb"(?<![0-9])(\d{1,10})%(W)b+(\d{1,5})%(W)b+obj" % {b"W": WHITE})
_WORD, _BLANKS, _DIGITS = b"obj", b"\0\t\n\v\f\r ", b"+-.0123456789"
_GAP = rb"(?:[\0\t\n\v\f\r ]|%[^\r\n]*+[\r\n])"
_LOOKS_LIKE_ONE = re.compile(
    rb"[0-9]%(G)b++[-+.0-9]++%(G)b*+\Z|\A[^\r\n]*+[\r\n]%(G)b*+\Z" % {b"G": _GAP}
)
"""Numbers that are written in another way before `obj`, or a line before it that is too long."""
_LOOKED_AT, _MOST = 400, 1000
"""Bytes before a word, and how many such words there may be."""
_ROOT = re.compile(rb"/(?:R|#52)(?:(?:o|#6[Ff]){2})(?:t|#74)(?![^\0\t\n\f\r ()<>\[\]{}/%])")
_REFERS = re.compile(rb"%(W)b*(\d{1,10})%(W)b+(\d{1,5})%(W)b+R" % {b"W": WHITE})
_OF_OBJECTS = re.compile(rb"/(?:O|#4[Ff])(?:b|#62)(?:j|#6[Aa])(?:S|#53)(?:t|#74)(?:m|#6[Dd])")


@dataclass(frozen=True, slots=True)
class _Site:
    """A place where an object begins, by its looks."""

    at: int
    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class _Tables:
    """What tables say."""

    plain: Mapping[int, tuple[int, int]]
    """By number: place and generation."""
    packed: Mapping[int, int]
    """By number: the stream of objects that it is in."""

    def place(self, number: int) -> int:
        """Return where the object is, or the stream that it is in; -1: nowhere."""
        return self.plain.get(self.packed.get(number, number), (-1, 0))[0]


def check_found(reader: Reader, content: bytes, revision: int, end: int, root: Reference) -> None:
    """Check the `end` bytes of a signed revision, which others follow. Raises Odd."""
    tables = _tables(reader, content, revision)
    sites = [*_sites(content, end)]
    loose = _check_sites(sites, tables)
    _check_regions(content, end, sites, tables, reader)
    for place in _ROOT.finditer(content, 0, end):
        names = _REFERS.match(content, place.end())
        if names is None or (int(names[1]), int(names[2])) != root:
            raise Odd("a file with two roots")
    file = reader.get_historical_resolver(revision)
    starts = [site.at for site in sites]
    for word in _OF_OBJECTS.finditer(content, 0, end):
        site = sites[bisect_right(starts, word.start()) - 1]
        _check_stream(file, site, tables)
    if loose:
        holders = [file.trailer_view, *(file.get_object(one) for one in listed(reader, revision))]
        if any(use.refers.idnum in loose for one in holders for use in inside(0, one)):
            raise Odd("an object that is referred to and not listed")


def _tables(reader: Reader, content: bytes, revision: int) -> _Tables:
    plain: dict[int, tuple[int, int]] = {}
    packed: dict[int, int] = {}
    file = reader.get_historical_resolver(revision)
    for one in listed(reader, revision):
        where: Any = reader.xrefs.get_historical_ref(one, revision)
        if isinstance(where, int):
            file.get_object(one)  # notes where it ends
            plain[one.idnum] = space(content, where), one.generation
        else:
            packed[one.idnum] = where.obj_stream_id
    return _Tables(plain, packed)


def _sites(content: bytes, end: int) -> Iterator[_Site]:
    """Yield where objects begin. Raises Odd where one does in the eyes of some."""
    known: set[int] = set()
    for found in _OBJECT.finditer(content, 0, end):
        known.add(found.end() - len(_WORD))
        yield _Site(found.start(), int(found[1]), int(found[2]))
    at, odd = -1, 0
    while (at := content.find(_WORD, at + 1, end)) >= 0:
        if at in known or content[at - 3 : at] == b"end":
            continue
        before = content[max(at - _LOOKED_AT, 0) : at]
        bare = before.rstrip(_BLANKS)
        line = bare.rstrip(_DIGITS).rstrip(_BLANKS)
        breaks = before[len(line) :]
        if bare[-1:] in _DIGITS or b"\r" in breaks or b"\n" in breaks:
            odd += 1
            if odd > _MOST or _LOOKS_LIKE_ONE.search(before):
                raise Odd(f"something that looks like an object at byte {at}")


def _check_sites(sites: Sequence[_Site], tables: _Tables) -> set[int]:
    """Check that the last of each number is the listed one; returns numbers that are not listed."""
    last = {site.number: site for site in sites}
    for site in sites:
        generation = tables.plain.get(site.number, (0, 0))[1]
        if site.number in tables.plain and site.generation > generation:
            raise Odd(f"object {site.number} of another generation")
    for number, (at, _) in tables.plain.items():
        if number not in last or last[number].at != at:
            raise Odd(f"object {number} stands elsewhere, too")
    for number in tables.packed:
        if number in last and last[number].at > tables.place(number):
            raise Odd(f"object {number} stands elsewhere, too")
    return {number for number in last if tables.place(number) < 0}


def _check_regions(
    content: bytes, end: int, sites: Sequence[_Site], tables: _Tables, reader: Reader
) -> None:
    """Check that each object ends before the next begins. Raises Odd."""
    ends = {space(content, at): last for at, last in reader.ends.items()}
    bounds = [*(site.at for site in sites[1:]), end]
    for site, bound in zip(sites, bounds, strict=True):
        if tables.plain.get(site.number, (-1, 0))[0] == site.at:
            is_whole = ends.get(site.at, end) <= bound
        else:
            begun = content.find(b"stream", site.at, bound)
            shut = content.find(b"endstream", site.at, bound)
            is_whole = (begun < 0 or shut >= 0) and content.find(b"endobj", site.at, bound) >= 0
        if not is_whole:
            raise Odd(f"object {site.number} does not end before another begins")


def _check_stream(file: Any, site: _Site, tables: _Tables) -> None:  # noqa: ANN401
    """Check that what a stream of objects holds is listed there, or written anew behind it."""
    if tables.plain.get(site.number, (-1, 0))[0] != site.at:
        raise Odd("a stream of objects that is not listed")
    stream: Any = file.get_object(generic.Reference(site.number, site.generation))
    content = bytes(stream.read_data(DecodePurpose.OBJECT_STREAM))
    numbers, _ = objects_within(content, stream["/First"], stream["/N"])
    for number in numbers:
        if tables.packed.get(number) != site.number and tables.place(number) <= site.at:
            raise Odd("a stream of objects with something that is not listed")
