"""Small PDFs written by hand, their incremental updates, and signatures in them (ISO 32000-2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

CATALOG, PAGES, PAGE, TEXT, FONT, FORM, ENTRY = 1, 2, 3, 4, 5, 6, 7
"""Object numbers of every paper; ENTRY is its only field that can be filled in."""
ROOM = 5_000
"""Bytes kept for a signature."""
PADES = "ETSI.CAdES.detached"
_CONTENT = b"BT /F1 12 Tf 72 720 Td (Cong van so 7816/VPCP-TTDT) Tj ET"

Range: TypeAlias = Callable[[int, int, int], Sequence[int]]
"""From the begin and the end of the gap and the file's size to the numbers of /ByteRange."""


def honest(start: int, end: int, size: int) -> Sequence[int]:
    """Return the range of everything but the gap."""
    return (0, start, end, size - end)


@dataclass(frozen=True, slots=True)
class Pdf:
    """A file, and what a writer must know to go on with it."""

    content: bytes
    startxref: int
    count: int
    """How many objects there are."""
    fields: tuple[int, ...] = ()
    """Signature fields, in the order of the form."""
    archive: int | None = None
    """The document security store."""
    notes: tuple[int, ...] = ()
    """Annotations that are no fields."""
    resources: bytes = b""
    """What all fields are drawn with."""
    text_field: bool = True
    """There is a field that can be filled in."""
    drawn: bytes = b""
    """Further resources of the page."""
    of_page: bytes = b""
    """Further entries of the page."""

    @property
    def annotations(self) -> tuple[int, ...]:
        """Return what lies on the page beside the field that can be filled in."""
        return (*self.notes, *self.fields)


def stream(data: bytes, extra: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), extra, data)


def drawing(content: bytes) -> bytes:
    """Return a form XObject of the size of the page."""
    return stream(content, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")


def _others(text: bool) -> tuple[int, ...]:  # noqa: FBT001 (whether there is one)
    return (ENTRY,) if text else ()


def page(
    fields: Sequence[int] = (),
    *,
    more: bytes = b"",
    content: int = TEXT,
    text_field: bool = True,
    drawn: bytes = b"",
) -> bytes:
    """Return the only page, with the widgets of its fields; `drawn`: further resources."""
    annotations = b" ".join(b"%d 0 R" % one for one in (*_others(text_field), *fields))
    return (
        b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
        b"/Resources<</Font<</F1 %d 0 R>>%s>>/Annots[%s]%s>>"
    ) % (PAGES, content, FONT, drawn, annotations, more)


def form(fields: Sequence[int] = (), *, more: bytes = b"", text: bool = True) -> bytes:
    """Return the form; `more`: its resources, `text`: with the field that can be filled in."""
    every = b" ".join(b"%d 0 R" % one for one in (*_others(text), *fields))
    flags = 3 if fields else 0
    resources = b"/DR%s" % more if more else b""
    return b"<</Fields[%s]/SigFlags %d%s>>" % (every, flags, resources)


def catalog(*, archive: int | None = None, more: bytes = b"") -> bytes:
    """Return the catalogue."""
    kept = b"/DSS %d 0 R" % archive if archive else b""
    return b"<</Type/Catalog/Pages %d 0 R/AcroForm %d 0 R%s%s>>" % (PAGES, FORM, kept, more)


def entry(value: bytes = b"") -> bytes:
    """Return the field that can be filled in."""
    return (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(SoDen)/V(%s)/Rect[72 600 200 620]/P %d 0 R/F 4>>"
    ) % (value, PAGE)


def text() -> bytes:
    """Return the page's content."""
    return stream(_CONTENT)


def paper() -> Pdf:
    """Return an unsigned file of one page."""
    objects = {
        CATALOG: catalog(),
        PAGES: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % PAGE,
        PAGE: page(),
        TEXT: text(),
        FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        FORM: form(),
        ENTRY: entry(),
    }
    empty = Pdf(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", 0, 1)
    return update(empty, objects)


def bare() -> Pdf:
    """Return one whose form has nothing but signatures."""
    objects = {FORM: form(text=False), PAGE: page(text_field=False)}
    return replace(update(paper(), objects), text_field=False)


def update(pdf: Pdf, objects: Mapping[int, bytes], *, trailer: bytes = b"") -> Pdf:
    """Return the file with objects written behind it: a revision of its own."""
    written = bytearray(pdf.content)
    if not written.endswith(b"\n"):
        written += b"\n"
    places: dict[int, int] = {}
    for number, body in sorted(objects.items()):
        places[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    startxref = len(written)
    count = max(pdf.count, *(number + 1 for number in objects))
    written += b"xref\n" + _sections(places, first=pdf.startxref == 0)
    previous = b"/Prev %d" % pdf.startxref if pdf.startxref else b""
    root = b"<</Size %d/Root %d 0 R%s%s>>" % (count, CATALOG, previous, trailer)
    written += b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (root, startxref)
    return replace(pdf, content=bytes(written), startxref=startxref, count=count)


def _sections(places: Mapping[int, int], *, first: bool) -> bytes:
    lines = {number: b"%010d 00000 n \n" % place for number, place in places.items()}
    if first:
        lines[0] = b"0000000000 65535 f \n"
    found = b""
    numbers = sorted(lines)
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        part = [number for _, number in run]
        found += b"%d %d\n" % (part[0], len(part)) + b"".join(lines[one] for one in part)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a signature stands in a file; the default is right."""

    field: str = "ChuKy"
    kind: bytes = b"Sig"
    subfilter: str = PADES
    room: int = ROOM
    ranges: Range = honest
    upper: bool = False
    digits: Callable[[bytes], bytes] = bytes
    """A change of the hexadecimal digits, of the same length."""
    claimed: str = "D:20261201080000Z"
    """When the signer says it signed."""
    first: bool = False
    """Put before the other fields of the form."""
    rect: bytes = b"[0 0 0 0]"
    """Where it is shown."""
    look: bytes | None = None
    """What is drawn there; None: there is no appearance."""
    flags: int = 132
    """Of the annotation (ISO 32000-2 12.5.3): print, locked."""
    widget: bytes = b""
    """Further entries of the field."""
    value: bytes = b""
    """Further entries of the signature."""
    with_: Mapping[int, bytes] | None = None
    """Further objects of the same update."""
    fills: int | None = None
    """The empty field that it fills, of the same name and place; None: a new one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A file that waits for a signature."""

    pdf: Pdf
    start: int
    end: int
    numbers: tuple[int, ...]

    @property
    def covered(self) -> bytes:
        """Return the bytes that the range names."""
        pairs = zip(self.numbers[::2], self.numbers[1::2], strict=False)
        return b"".join(self.pdf.content[start : start + size] for start, size in pairs)


USUAL = Place()


def prepared(pdf: Pdf, place: Place = USUAL) -> Gap:
    """Return a file with a new field and the space for its signature."""
    value, number = pdf.count, place.fills or pdf.count + 1
    fields = (number, *pdf.fields) if place.first else (*pdf.fields, number)
    fields = pdf.fields if place.fills else fields
    blank = b"<" + b"0" * (place.room * 2) + b">"
    hole = b"[" + b" " * 72 + b"]"
    looks = {} if place.look is None else {value + 2: drawing(place.look)}
    listed = {
        FORM: form(fields, more=pdf.resources, text=pdf.text_field),
        PAGE: page(
            (*pdf.notes, *fields), more=pdf.of_page, text_field=pdf.text_field, drawn=pdf.drawn
        ),
    }
    objects = {
        **looks,
        **(place.with_ or {}),
        value: _signature(place, hole, blank),
        number: _widget(place, value, looks),
        **({} if place.fills else listed),
    }
    written = replace(update(pdf, objects), fields=fields)
    start = written.content.rindex(blank)
    end = start + len(blank)
    numbers = tuple(place.ranges(start, end, len(written.content)))
    text = b"[" + b" ".join(b"%d" % one for one in numbers).ljust(72) + b"]"
    content = written.content
    at = content.rindex(hole)
    content = content[:at] + text + content[at + len(hole) :]
    return Gap(replace(written, content=content), start, end, numbers)


def _signature(place: Place, hole: bytes, blank: bytes) -> bytes:
    claimed = b"/M(%s)" % place.claimed.encode() if place.claimed else b""
    return b"<</Type/%s/Filter/Adobe.PPKLite/SubFilter/%s/ByteRange%s%s/Contents%s%s>>" % (
        place.kind,
        place.subfilter.encode(),
        hole,
        claimed,
        blank,
        place.value,
    )


def _widget(place: Place, value: int, looks: Iterable[int]) -> bytes:
    shown = b"".join(b"/AP<</N %d 0 R>>" % one for one in looks)
    return b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/V %d 0 R/Rect%s/P %d 0 R/F %d%s%s>>" % (
        place.field.encode(),
        value,
        place.rect,
        PAGE,
        place.flags,
        shown,
        place.widget,
    )


def filled(gap: Gap, cms: bytes, place: Place = USUAL) -> Pdf:
    """Return the file with a CMS in its gap. Raises ValueError when there is no room."""
    digits = cms.hex().encode()
    digits = place.digits((digits.upper() if place.upper else digits).ljust(place.room * 2, b"0"))
    content = gap.pdf.content
    if len(digits) != gap.end - gap.start - 2:
        raise ValueError("the signature does not fit")
    return replace(gap.pdf, content=content[: gap.start + 1] + digits + content[gap.end - 1 :])


def signed(pdf: Pdf, make: Callable[[bytes], bytes], place: Place = USUAL) -> Pdf:
    """Return the file with one more signature, made over what its range covers."""
    gap = prepared(pdf, place)
    return filled(gap, make(gap.covered), place)
