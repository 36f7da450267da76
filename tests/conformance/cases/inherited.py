"""What a signed file holds ready for others: parts that nobody saw, and what fields hand on.

A reader draws it as soon as an update, also one that needs no key, makes it visible.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import pdf
from tests.conformance.cases.referred import with_a_hidden_text
from tests.conformance.pdf import (
    CATALOG,
    FONT,
    FORM,
    PAGE,
    PAGES,
    TEXT,
    Pdf,
    Place,
    catalog,
    drawing,
    form,
    page,
    stream,
    update,
)
from tests.conformance.world import World, blank, sealed, stamped

_PLACE = b"[300 100 420 200]"
_OVER = b"1 1 1 rg 0 0 595 842 re f 0 g BT /F1 12 Tf 72 720 Td (Cong van so 9999) Tj ET"
_SQUARE = b"1 0 0 rg 0 0 20 20 re f"
_XOBJECT = b"/Type/XObject/Subtype/Form"
_PAGE_BOX, _UPSIDE_DOWN = b"/BBox[0 0 595 842]", b"/BBox[0 842 595 0]"
_EMPTY = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/Rect%s/P 3 0 R/F 132%s>>"
_TEXT = (
    b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(7816)/Rect[60 500 400 540]/F 4/Parent %d 0 R%s>>"
)
_WORDS = b"/DA(/F1 14 Tf %d g)"
_PASSWORD = 8192
"""A flag of text fields (ISO 32000-2 12.7.5.3)."""
_GLYPHS = (
    b"<</Type/Font/Subtype/Type3/FontBBox[0 0 595 842]/FontMatrix[1 0 0 1 0 0]/FirstChar 65"
    b"/LastChar 65/Widths[1]/Encoding<</Differences[65/Type]>>/CharProcs %d 0 R>>"
)
_ROOM = 1500


class Inherited:
    """Files of one world, each with its name."""

    def __init__(self, world: World) -> None:
        """Use a leader, a seal and an authority of time stamps."""
        self._world = world
        self._shown = Place(field="CoQuan", rect=_PLACE, look=_SQUARE)

    def refused(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what shows something that nobody signed, or not as it was signed."""
        yield from self._leads_nowhere()
        yield "state-that-was-never-shown", self._state()
        for name, key, entry in _MAPS:
            yield f"field-that-is-a-map-of-{name}", self._map(key, entry)
        for name, rect, box in _BOXES:
            yield f"seal-drawn-{name}", self._drawn(rect, box)
        yield "stamp-drawn-by-predicted-rows", self._predicted()
        yield "flags-of-a-field-that-text-inherits", self._flags()
        yield "words-of-a-field-that-text-inherits", self._words(1)
        yield "store-that-is-a-font", self._store()
        yield "length-that-comes-true", self._length(grows=True)

    def allowed(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what looks alike and is right."""
        yield "seal-drawn-in-a-box-upside-down", self._drawn(_PLACE, _UPSIDE_DOWN)
        yield "field-that-text-inherits-from", self._words(0)
        yield "length-of-the-draft", self._length(grows=False)

    def _lead(self, file: Pdf, fills: int | None = None) -> Pdf:
        return sealed(file, self._world.leader, place=Place(field="NguoiKy", fills=fills))

    def _seal(self, file: Pdf, **more: object) -> Pdf:
        return sealed(file, self._world.seal, place=replace(self._shown, **more))

    def _stamp(self, file: Pdf, widget: bytes, more: dict[int, bytes] | None = None) -> Pdf:
        return stamped(file, self._world.tsa, widget=widget, with_=more)

    def _leads_nowhere(self) -> Iterator[tuple[str, Pdf]]:
        """What an update uses is there, and leads to what is not: poppler looks for it."""
        hidden = with_a_hidden_text()
        number = hidden.count
        led = self._lead(update(hidden, {number: b"<</BG 99 0 R/R 99 0 R/BC 99 0 R>>"}))
        used = b"/MK %d 0 R" % number
        yield "seal-with-what-leads-nowhere", self._seal(led, widget=used)
        yield "stamp-with-what-leads-nowhere", self._stamp(self._seal(led), used)
        led = self._lead(update(hidden, {number: _leading_nowhere()}))
        drawn = b"/AP<</N %d 0 R>>" % number
        yield "seal-drawn-by-what-leads-nowhere", self._seal(led, look=None, widget=drawn)

    def _state(self) -> Pdf:
        hidden = with_a_hidden_text()
        field, on, off = hidden.count, hidden.count + 1, hidden.count + 2
        states = b"/AP<</N<</Off %d 0 R/On %d 0 R>>>>" % (off, on)
        objects = {
            field: _EMPTY % (b"CoQuan", _PLACE, states + b"/AS/Off"),
            on: _leading_nowhere(),
            off: drawing(_SQUARE),
        }
        led = self._lead(_with_field(hidden, field, objects))
        return self._seal(led, look=None, fills=field, widget=states + b"/AS/On")

    def _map(self, key: bytes, entry: bytes) -> Pdf:
        """The field itself is what the page's names are looked up in."""
        field, inner = blank().count, blank().count + 1
        resources = b"/Resources<</%s %d 0 R>>" % (key, field)
        objects = {
            field: _EMPTY % (b"CoQuan", _PLACE, b""),
            inner: stream(entry, _XOBJECT + _PAGE_BOX + resources),
            TEXT: stream(b"q /Parent Do Q"),
        }
        file = replace(blank(), drawn=b"/XObject<</Parent %d 0 R>>" % inner)
        return self._seal(self._lead(_with_field(file, field, objects)), fills=field)

    def _drawn(self, rect: bytes, box: bytes) -> Pdf:
        led = self._lead(blank())
        look = led.count + 2
        fonts = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
        return self._seal(
            led,
            look=None,
            rect=rect,
            widget=b"/AP<</N %d 0 R>>" % look,
            with_={look: stream(_OVER, _XOBJECT + box + fonts)},
        )

    def _predicted(self) -> Pdf:
        """For pyHanko a comment and zeros: it reads a row of the filter "none" as nothing."""
        both = self._seal(self._lead(blank()))
        drawn = b"\n" + _OVER
        rows = b"\2" + b"%" * len(drawn) + b"\0" + drawn
        packed = b"/Filter/FlateDecode/DecodeParms<</Predictor 11/Columns %d>>" % len(drawn)
        look = both.count + 2
        shown = {look: stream(zlib.compress(rows), _XOBJECT + packed)}
        return self._stamp(both, b"/AP<</N %d 0 R>>" % look, shown)

    def _flags(self) -> Pdf:
        field, text = blank().count, blank().count + 1
        objects = {
            field: _EMPTY % (b"NguoiKy", b"[0 0 0 0]", b""),
            text: _TEXT % (field, _WORDS % 0),
        }
        led = self._lead(_with_field(replace(blank(), notes=(text,)), field, objects), fills=field)
        both, signature = self._seal(led), led.count - 1
        now = b"/V %d 0 R/Ff %d" % (signature, _PASSWORD)
        return update(both, {field: _EMPTY % (b"NguoiKy", b"[0 0 0 0]", now)})

    def _words(self, colour: int) -> Pdf:
        field, text = blank().count, blank().count + 1
        objects = {
            field: _EMPTY % (b"CoQuan", _PLACE, _WORDS % 0),
            text: _TEXT % (field, b""),
        }
        led = self._lead(_with_field(replace(blank(), notes=(text,)), field, objects))
        return self._seal(led, fills=field, widget=_WORDS % colour)

    def _store(self) -> Pdf:
        """Its dictionary holds a font's glyphs, too; an odd key of a certificate leads there."""
        store, kept, font, inner = range(blank().count, blank().count + 4)
        resources = b"/Resources<</Font<</F %d 0 R>>>>" % font
        objects = {
            store: b"<</Certs[%d 0 R]>>" % kept,
            kept: stream(self._world.leader.der, b"/X %d 0 R" % font),
            font: _GLYPHS % store,
            inner: stream(b"BT /F 1 Tf (A) Tj ET", _XOBJECT + _PAGE_BOX + resources),
            TEXT: stream(b"q /Parent Do Q"),
            CATALOG: catalog(archive=store),
        }
        file = replace(blank(), drawn=b"/XObject<</Parent %d 0 R>>" % inner, archive=store)
        both = self._seal(self._lead(update(file, objects)))
        new = both.count
        later = b"<</Type %d 0 R/Certs[%d 0 R %d 0 R]>>" % (new, kept, new)
        return update(both, {store: later, new: stream(self._world.seal.der)})

    def _length(self, *, grows: bool) -> Pdf:
        """A draft that states its length, or one that an archive's update will have."""
        length = len(_stating(0).content)
        if grows:
            length = len(self._seal(self._lead(_stating(0))).content) + _ROOM
        both = self._seal(self._lead(_stating(length)))
        return self._archived(both, length) if grows else both

    def _archived(self, file: Pdf, length: int) -> Pdf:
        def padded(spaces: int) -> Pdf:
            store = b"<</Type/DSS%s>>" % (b" " * spaces)
            objects = {file.count: store, CATALOG: catalog(archive=file.count)}
            return update(file, objects)

        spaces = length - len(padded(0).content)
        while len(made := padded(spaces).content) != length:  # its own numbers may grow
            spaces += length - len(made)
        return padded(spaces)


_MAPS = (
    ("drawings", b"XObject", b"q /AP Do Q"),
    ("words", b"XObject", b"q /V Do Q"),
    ("states", b"ExtGState", b"q /V gs 0 0 500 500 re f Q"),
)
_NOWHERE, _FLAT = b"[0 0 0 0]", b"/BBox[0 0 595 842]/Matrix[1 0 1 0 0 0]"
_BOXES = (
    ("without-a-box", _PLACE, b""),
    ("with-a-box-that-is-none", _PLACE, b"/BBox/X"),
    ("in-a-box-without-a-side", _PLACE, b"/BBox[0 0 0 842]"),
    ("by-a-matrix-that-is-flat", _PLACE, _FLAT),
    ("without-a-place", _NOWHERE, _PAGE_BOX),
    ("without-a-place-and-box", _NOWHERE, b""),
)


def _leading_nowhere() -> bytes:
    resources = b"/Resources<</XObject<</Parent 99 0 R>>>>"
    return stream(b"/Parent Do " + _SQUARE, _XOBJECT + _PAGE_BOX + resources)


def _with_field(file: Pdf, field: int, objects: dict[int, bytes]) -> Pdf:
    """Return a draft with an empty signature field."""
    shown = (*file.notes, field)
    more = {FORM: form((field,)), PAGE: page(shown, drawn=file.drawn)}
    return replace(update(file, {**more, **objects}), fields=(field,))


def _stating(length: int) -> Pdf:
    """Return a draft whose first object states a length of ten digits."""
    first = b"<</Linearized 1/L %010d/H[1 1]/O %d/E 1000/N 1/T 0>>" % (length, PAGE)
    empty = replace(blank(), content=b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", startxref=0, count=1)
    number = blank().count
    begun = b"%d 0 obj\n%s\nendobj\n" % (number, first)
    return drafted(replace(empty, content=empty.content + begun, count=number + 1))


def drafted(empty: Pdf) -> Pdf:
    """Return a draft behind what a file begins with."""
    objects = {
        CATALOG: catalog(),
        PAGES: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % PAGE,
        PAGE: page(),
        TEXT: pdf.text(),
        FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        FORM: form(),
        pdf.ENTRY: pdf.entry(),
    }
    return update(empty, objects)
