"""Drafts with objects in streams, which several readers do not find by themselves."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tests.conformance.cases.listed import leads, packed_in
from tests.conformance.pdf import FONT, FORM, PAGE, Pdf, form, page, stream, update
from tests.conformance.world import blank

_FIELD = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(CoQuan)/Rect[300 100 420 200]/P 3 0 R/F 132>>"
_BOX = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
_SQUARE = stream(b"0 0 500 500 re f", _BOX)
_COLUMNS = 24


def unlisted() -> Pdf:
    """Return a draft with a stream of objects of which no table says what is in it."""
    told = b"/Type/ObjStm/N 1/First 5"
    return update(blank(), {blank().count: stream(b"98 0 <</Type/Page>>", told)})


def told_elsewhere() -> Pdf:
    """Return a draft with a stream of objects, which no table lists, whose kind is packed away."""
    start = blank()
    loose, holder, kind, table = range(start.count, start.count + 4)
    number = b"%d 0 " % kind
    packed = zlib.compress(number + b"/ObjStm")
    told = b"/Type/ObjStm/N 1/First %d/Filter/FlateDecode" % len(number)
    objects = {
        loose: stream(b"98 0 <</Type/Page>>", b"/Type %d 0 R/N 1/First 5" % kind),
        holder: stream(packed, told),
    }
    return packed_in(start, objects, {kind: holder}, table)


def packed_later() -> Pdf:
    """Return a draft whose font was written anew in a stream: not all readers look there."""
    start = blank()
    holder, number = start.count, b"%d 0 " % FONT
    told = b"/Type/ObjStm/N 1/First %d" % len(number)
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"
    return packed_in(start, {holder: stream(number + font, told)}, {FONT: holder}, holder + 1)


def packed_nowhere() -> Pdf:
    """Return a draft with a stream of objects, and a drawing that leads to nothing."""
    start = blank()
    inner, holder, tree, table = range(start.count, start.count + 4)
    drawn, number = b"/XObject<</Parent %d 0 R>>" % inner, b"%d 0 " % tree
    told = b"/Type/ObjStm/N 1/First %d" % len(number)
    objects = {
        inner: leads(99),
        holder: stream(number + b"<</Type/StructTreeRoot>>", told),
        PAGE: page(drawn=drawn),
    }
    return replace(packed_in(start, objects, {tree: holder}, table), drawn=drawn)


def in_rows(kinds: Sequence[int], *, field_is_drawn: bool = False) -> Pdf:
    """Return a draft with an empty field; its page's drawings are told in rows of these kinds."""
    start = blank()
    field, named, holder, look, table = range(start.count, start.count + 5)
    number, drawn = b"%d 0 " % named, b"/XObject %d 0 R" % named
    names = b"\0\0/Q0 %d 0 R" % (field if field_is_drawn else look)
    lines = [line.ljust(_COLUMNS, b"\0") for line in (number + b"<<", names, b">>")]
    lines += [bytes(_COLUMNS)] * (len(kinds) - len(lines))
    packed = b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns %d>>" % _COLUMNS
    told = b"/Type/ObjStm/N 1/First %d" % len(number)
    objects = {
        field: _FIELD,
        holder: stream(zlib.compress(b"".join(_rows(lines, kinds))), told + packed),
        look: _SQUARE,
        FORM: form((field,)),
        PAGE: page((field,), drawn=drawn),
    }
    written = packed_in(start, objects, {named: holder}, table)
    return replace(written, fields=(field,), drawn=drawn)


def _rows(lines: Sequence[bytes], kinds: Sequence[int]) -> Iterator[bytes]:
    """Yield lines, each predicted in a way of its own (RFC 2083 6), of pixels of one byte."""
    for (above, line), kind in zip(pairwise((bytes(_COLUMNS), *lines)), kinds, strict=True):
        lefts, corners = b"\0" + line, b"\0" + above
        guessed = [
            (0, left, over, (left + over) // 2, _nearest(left, over, corner))[kind]
            for left, over, corner in zip(lefts, above, corners, strict=False)
        ]
        yield bytes(
            [kind, *((one - guess) & 0xFF for one, guess in zip(line, guessed, strict=True))]
        )


def _nearest(left: int, over: int, corner: int) -> int:
    guess = left + over - corner
    return min((left, over, corner), key=lambda one: abs(guess - one))
