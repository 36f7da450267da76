"""Drafts whose tables are read by pyHanko, and by other readers in another way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.conformance.pdf import (
    CATALOG,
    ENTRY,
    FORM,
    PAGE,
    TEXT,
    Pdf,
    form,
    page,
    stream,
    text,
    update,
)
from tests.conformance.world import blank

_OLD = stream(b"BT /F1 12 Tf 72 700 Td (Du thao) Tj ET")
_SWALLOWED = b"endstream\nendobj\n"
_BOX = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"


def odd_drafts() -> Iterator[tuple[str, Pdf]]:
    """Yield what may not be followed by a second signature."""
    file = update(blank(), {TEXT: _OLD})
    old = file.content.rindex(b"%d 0 obj" % TEXT)
    new = blank().content.rindex(b"%d 0 obj" % TEXT)
    yield "listed-twice-in-a-table", tabled(file, [(TEXT, new), (TEXT, old)])
    yield "that-frees-an-object-oddly", tabled(blank(), [(ENTRY, 0)], kind=b"00005 f")
    yield "that-refers-beyond-all-numbers", leading(2**32 + TEXT)
    yield "listed-in-short-lines", tabled(file, [(TEXT, old)], end=b"\n")
    yield "listed-here-and-there", _hybrid(file, old, new)
    begun = b"%d 0 obj\n%s\nendobj\n" % (TEXT, stream(b"0 0 9 9 re f"))
    yield "with-an-object-in-brackets", tabled(*_behind(file, b"(\n", begun, b")\n"))
    swallowing = b"98 0 obj\n<</Length %d>>\nstream\n" % (len(begun) - len(_SWALLOWED))
    yield "with-an-object-that-swallows", tabled(*_behind(file, swallowing, begun))
    white = b"99 0\x80obj\n%s\nendobj\n" % stream(b"")
    yield "with-an-object-behind-other-space", tabled(*_behind(leading(99), white, begun))
    yield "packed-in-the-line-of-stream", _in_line()
    yield "that-begins-an-object-in-a-long-line", _spread(b" " * 300)
    yield "that-begins-an-object-behind-a-blank-and-a-line", _spread(b" \n")
    yield "that-begins-an-object-with-zeros", tabled(*_behind(leading(99), b"", b"0" + begun))
    yield "that-only-some-readers-find", _hybrid(file, 0, old, kind=b"65535 f")
    yield "that-refers-to-another-generation", leading(TEXT, generation=1)
    far = b"%d 0 obj\nnull\nendobj\n" % (2**32 + TEXT)
    yield (
        "with-a-number-that-is-too-high",
        update(replace(file, content=file.content + far), {FORM: form()}),
    )


def plain_drafts() -> Iterator[tuple[str, Pdf]]:
    """Yield what looks alike and is right."""
    place = blank().content.rindex(b"%d 0 obj" % TEXT)
    yield "listed-again-in-a-table", tabled(blank(), [(TEXT, place)])
    glued = (b"%d 0 obj\n%s\nendobj\n" % (TEXT, text())).replace(b"\nendstream", b"endstream")
    yield "with-a-stream-that-ends-in-a-line", tabled(*_behind(blank(), b"", glued))
    yield "listed-here-and-there-alike", _hybrid(blank(), place, place)
    yield "that-begins-an-object-in-two-lines", _spread(b"\n", blank())


def _entries(places: Sequence[tuple[int, int]], end: bytes, kind: bytes = b"00000 n") -> bytes:
    return b"".join(b"%d 1\n%010d %s%s" % (*place, kind, end) for place in places)


def tabled(
    file: Pdf, places: Sequence[tuple[int, int]], end: bytes = b" \n", kind: bytes = b"00000 n"
) -> Pdf:
    """Return the file with a table alone behind it."""
    table = b"xref\n" + _entries(places, end, kind)
    trailer = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\n" % (
        *(file.count, CATALOG, file.startxref),
    )
    return _ended(file, file.content + table + trailer, len(file.content))


def _rows(file: Pdf, places: Sequence[tuple[int, int]]) -> bytes:
    """Return an object of cross-references."""
    index = b" ".join(b"%d 1" % number for number, _ in places)
    rows = b"".join(b"\1%s\0" % place.to_bytes(4, "big") for _, place in places)
    said = b"/Type/XRef/W[1 4 1]/Index[%s]/Size %d/Root %d 0 R/Prev %d" % (
        *(index, file.count + 1, CATALOG, file.startxref),
    )
    return b"%d 0 obj\n%s\nendobj\n" % (file.count, stream(rows, said))


def _hybrid(file: Pdf, in_table: int, beside: int, *, kind: bytes = b"00000 n") -> Pdf:
    """Return the file with a table, and a stream beside it that lists the same object."""
    at = len(file.content)
    content = file.content + _rows(file, [(TEXT, beside), (file.count, at)])
    table = b"xref\n" + _entries([(TEXT, in_table)], b" \n", kind)
    trailer = b"trailer\n<</Size %d/Root %d 0 R/Prev %d/XRefStm %d>>\n" % (
        *(file.count + 1, CATALOG, file.startxref, at),
    )
    return _ended(replace(file, count=file.count + 1), content + table + trailer, len(content))


def _spread(space: bytes, file: Pdf | None = None) -> Pdf:
    """Return a draft whose text, written anew, begins with so much space in its numbers."""
    file = update(file or leading(99), {TEXT: _OLD})
    at = len(file.content)
    begun = b"%d%s0 obj\n%s\nendobj\n" % (TEXT, space, stream(b"0 0 9 9 re f"))
    return tabled(replace(file, content=file.content + begun), [(TEXT, at)])


def leading(to: int, generation: int = 0) -> Pdf:
    """Return a draft with a drawing that leads to an object."""
    drawn = b"/XObject<</Parent %d 0 R>>" % blank().count
    objects = {blank().count: leads(to, generation), PAGE: page(drawn=drawn)}
    return update(replace(blank(), drawn=drawn), objects)


def leads(to: int, generation: int = 0) -> bytes:
    """Return a drawing that draws another object, by a name that pyHanko passes over."""
    others = b"/Resources<</XObject<</Parent %d %d R>>>>" % (to, generation)
    return stream(b"/Parent Do", _BOX + others)


def _behind(
    file: Pdf, before: bytes, written: bytes, after: bytes = b""
) -> tuple[Pdf, Sequence[tuple[int, int]]]:
    """Return the file with its text written anew amid other bytes, and where it stands."""
    at = len(file.content) + len(before)
    return replace(file, content=file.content + before + written + after), [(TEXT, at)]


def _in_line() -> Pdf:
    """Return a draft with a stream of objects that begins in the line of its first word."""
    file, number = blank(), b"%d 0 " % blank().count
    holder, table = file.count + 1, file.count + 2
    body = number + b"<</X(\n" + number + b"<<>> )>>"
    told = b"/Type/ObjStm/N 1/First %d" % len(number)
    packed = stream(body, told).replace(b"stream\n", b"stream ", 1)
    return packed_in(file, {holder: packed}, {file.count: holder}, table)


def packed_in(
    file: Pdf, objects: Mapping[int, bytes], packed: Mapping[int, int], table: int
) -> Pdf:
    """Return the file with an update whose cross-references are a stream, and in it themselves."""
    content, entries = file.content, {inner: (2, holder) for inner, holder in packed.items()}
    for number, body in objects.items():
        entries[number] = (1, len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    startxref = len(content)
    entries[table] = (1, startxref)
    index = b" ".join(b"%d 1" % number for number in sorted(entries))
    lines = [
        b"%c%s\0" % (kind, place.to_bytes(4, "big"))
        for kind, place in (entries[number] for number in sorted(entries))
    ]
    said = b"/Type/XRef/W[1 4 1]/Index[%s]/Size %d/Root %d 0 R/Prev %d" % (
        *(index, table + 1, CATALOG, file.startxref),
    )
    content += b"%d 0 obj\n%s\nendobj\n" % (table, stream(b"".join(lines), said))
    return _ended(replace(file, count=table + 1), content, startxref)


def _ended(file: Pdf, content: bytes, startxref: int) -> Pdf:
    ended = content + b"startxref\n%d\n%%%%EOF\n" % startxref
    return replace(file, content=ended, startxref=startxref)
