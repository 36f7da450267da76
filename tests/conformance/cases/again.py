"""What an update says again in other words: equal to a parser, and drawn otherwise by readers.

The draft holds both; nobody but its writer sees the other one before.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import pdf, updates
from tests.conformance.cases.listed import leading, packed_in, tabled
from tests.conformance.pdf import (
    CATALOG,
    FORM,
    PAGE,
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

_SEEN = b"BT /F1 12 Tf 72 720 Td (Cong van so 7816) Tj ET"
_WHITE = b"1 1 1 rg 0 0 595 842 re f"
_OTHER = b"0 g BT /F1 12 Tf 72 720 Td (Cong van so 9999) Tj ET"
_LAYERS = b"/OCProperties<</OCGs[%d 0 R]/D<</BaseState%s/Order[]>>>>"
_BLENDED = b"/ExtGState<</G<</BM%s>>/H<</BM%s>>>>"
_PALETTE = b"/ColorSpace<</C[/Indexed/DeviceRGB 1 %s]>>"
_SHOWN = Place(field="CoQuan", rect=b"[300 100 420 200]", look=b"1 0 0 rg 0 0 20 20 re f")
_SMALL = b"/CropBox[0 630 150 842]"
_FIELD = (
    b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Gio)/Rect[0 0 595 842]/P 3 0 R/F 132/Kids[%d 0 R]>>"
)
_EMPTY = (
    b"<</Type/Annot/Subtype/Widget/FT/Sig/T(CoQuan)/Rect[300 100 420 200]/P 3 0 R/F 132"
    b"/AP<</N %d 0 R>>>>"
)
_KID = b"<</Type/Annot/Subtype/Widget/Parent %d 0 R/Rect[0 0 0 0]/P 3 0 R/F 132>>"


class Again:
    """Files of one world, each with its name."""

    def __init__(self, world: World) -> None:
        """Use a leader, a seal and an authority of time stamps."""
        self._world = world

    def refused(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what shows something else than was signed."""
        yield "layers-hidden-by-a-text", self._layers()
        yield "catalogue-again-that-is-its-own-extensions", self._extended()
        for name, then, now, content in _PAGES:
            yield f"page-again-with-{name}", self._page(then, now, content)
        yield "page-again-that-archive-data-lead-to", self._page(*_PAGES[1][1:], kept=True)
        for name, then, now in _TURNED:
            yield f"page-again-with-{name}", self._page_of(then, now)
        yield "seal-that-takes-a-drawing-away", self._filled()
        yield "draft-that-leads-nowhere", self._both(leading(99))
        yield "seal-again-in-a-state-that-is-not-there", self._state()
        yield "stamp-drawn-by-a-filter-that-is-a-text", self._filtered()
        yield "stamp-in-a-field-that-shows-more-than-its-kid", self._in_a_kid()
        yield "draft-with-a-last-word-in-a-comment", self._both(_two_ends(b"%%startxref %d%%"))
        yield "draft-with-a-last-word-of-many-figures", self._both(_two_ends(b"%%startxref %020d"))
        yield "draft-with-references-that-nothing-leads-to", self._both(_unled())
        yield "draft-with-the-end-of-a-stream-in-a-text", self._both(_ended_in_a_text())
        whole = replace(_SHOWN, rect=b"[0 630 150 842]")
        yield "seal-that-covers-a-small-page", self._both(_small(), whole)

    def allowed(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what looks alike and is right."""
        for name, line in (("a-line-end", b"\n"), ("two-characters", b"\r\n")):
            yield f"seal-that-begins-with-{name}", self._begun(line)
        yield "archive-behind-references-that-list-themselves", self._archived(_streamed())
        yield "seal-on-a-small-page", self._both(_small(), replace(_SHOWN, rect=b"[0 700 90 760]"))
        sides = b"/BleedBox[0 0 595.0 842.0]", b"/BleedBox[0 0 595 842]"
        yield "page-again-with-whole-sides", self._page_of(*sides)
        for name, then, now in _ALIKE:
            yield f"page-again-with-{name}", self._page(then, now, _SEEN)

    def _both(self, file: Pdf, place: Place = _SHOWN) -> Pdf:
        led = sealed(file, self._world.leader, place=Place(field="NguoiKy"))
        return sealed(led, self._world.seal, place=place)

    def _stamp(self, file: Pdf, **more: object) -> Pdf:
        return stamped(file, self._world.tsa, **more)

    def _layers(self) -> Pdf:
        layer = blank().count
        drawn = b"/Properties<</L %d 0 R>>" % layer
        objects = {
            layer: b"<</Type/OCG/Name(an)>>",
            TEXT: stream(b"%s /OC /L BDC %s %s EMC" % (_SEEN, _WHITE, _OTHER)),
            PAGE: page(drawn=drawn),
            CATALOG: catalog(more=_LAYERS % (layer, b"/OFF")),
        }
        both = self._both(update(replace(blank(), drawn=drawn), objects))
        return update(both, {CATALOG: catalog(more=_LAYERS % (layer, b"(/OFF)"))})

    def _archived(self, file: Pdf) -> Pdf:
        both = self._both(file)
        return updates.archived(both, certificates=[self._world.seal.der])

    def _extended(self) -> Pdf:
        told = b"/Extensions 1 0 R/X/%s"
        both = self._both(update(blank(), {CATALOG: catalog(more=told % b"#C3#A8")}))
        return update(both, {CATALOG: catalog(more=told % b"#E8")})

    def _filled(self) -> Pdf:
        """An empty field shows what was signed; the seal draws something else there."""
        field, look = blank().count, blank().count + 1
        objects = {
            field: _EMPTY % look,
            look: drawing(_SEEN),
            TEXT: stream(_OTHER),
            FORM: form((field,)),
            PAGE: page((field,)),
        }
        draft = update(replace(blank(), fields=(field,)), objects)
        return self._both(draft, replace(_SHOWN, fills=field))

    def _page(self, then: bytes, now: bytes, content: bytes, *, kept: bool = False) -> Pdf:
        """A time stamp that shows nothing brings the page again."""
        drawing_one, other = blank().count, blank().count + 1
        font = b"/Resources<</Font<</F1 5 0 R>>>>"
        objects = {
            TEXT: stream(content),
            PAGE: page(drawn=then),
            drawing_one: drawing(_SEEN).replace(b"/BBox", font + b"/BBox"),
            other: drawing(_WHITE + b" " + _OTHER).replace(b"/BBox", font + b"/BBox"),
        }
        if kept:
            store, certificate = other + 1, other + 2
            objects[CATALOG] = catalog(archive=store)
            objects[store] = b"<</Type/DSS/Certs[%d 0 R]>>" % certificate
            objects[certificate] = stream(self._world.seal.der, b"/X[%d 0 R]" % PAGE)
        both = self._both(update(replace(blank(), drawn=then), objects))
        return self._stamp(replace(both, drawn=now))

    def _page_of(self, then: bytes, now: bytes) -> Pdf:
        file = update(replace(blank(), of_page=then), {PAGE: page(more=then)})
        return self._stamp(replace(self._both(file), of_page=now))

    def _state(self) -> Pdf:
        """The seal's drawing is one of several; its name is written again in another encoding."""
        led = sealed(blank(), self._world.leader, place=Place(field="NguoiKy"))
        value, field, look = range(led.count, led.count + 3)
        told = b"/AP<</N<</#C3#A8 %d 0 R>>>>/AS" % look
        shown = {look: drawing(b"1 0 0 rg 0 0 20 20 re f")}
        place = replace(_SHOWN, look=None, widget=told + b"/#C3#A8", with_=shown)
        both = sealed(led, self._world.seal, place=place)
        head = b"\n%d 0 obj\n" % field
        at = both.content.rindex(head) + len(head)
        said = both.content[at : both.content.index(b"\nendobj", at)]
        assert b"/V %d 0 R" % value in said
        return update(both, {field: said.replace(b"/AS/#C3#A8", b"/AS/#E8")})

    def _filtered(self) -> Pdf:
        """Unpacked it is a comment; as it stands a line ends in the length of a block."""
        both = self._both(blank())
        shown = (b" " + _WHITE + b" " + _OTHER).ljust(0x10A)
        packed = _stored([b"%" + b"a" * 20, b" " * 10, shown])
        number = both.count + 2
        look = {number: stream(packed, b"/Subtype/Form/Filter(/FlateDecode)")}
        return self._stamp(both, widget=b"/AP<</N %d 0 R>>" % number, with_=look)

    def _in_a_kid(self) -> Pdf:
        """An empty field of the size of the page, shown by a kid without one: some draw both."""
        field, kid = blank().count, blank().count + 1
        objects = {
            field: _FIELD % kid,
            kid: _KID % field,
            FORM: form((field,)),
            PAGE: page((kid, field)),
        }
        file = update(replace(blank(), fields=(field,), notes=(kid,)), objects)
        both = self._both(file)
        look = both.count + 1
        told = b"/AP<</N %d 0 R>>/Kids[%d 0 R]" % (look, kid)
        wide = drawing(_WHITE + b" " + _OTHER)
        whole = b"[0 0 595 842]"
        return self._stamp(both, fills=field, rect=whole, widget=told, with_={look: wide})

    def _begun(self, line: bytes) -> Pdf:
        led = sealed(blank(), self._world.leader, place=Place(field="NguoiKy"))
        return sealed(replace(led, content=led.content + line), self._world.seal, place=_SHOWN)


def _stored(blocks: list[bytes]) -> bytes:
    """Return a zlib stream of blocks that are not packed (RFC 1951 3.2.4)."""
    written = b"\x78\x01"
    for place, block in enumerate(blocks, 1):
        size = len(block)
        written += bytes([place == len(blocks)]) + struct.pack("<HH", size, size ^ 0xFFFF) + block
    return written + struct.pack(">I", zlib.adler32(b"".join(blocks)))


def _twice() -> Pdf:
    """Return a draft with two texts, the older one of which readers show that start elsewhere."""
    return update(update(blank(), {TEXT: stream(_OTHER)}), {TEXT: stream(_SEEN)})


def _two_ends(line: bytes) -> Pdf:
    """Return a draft whose last line says in a comment where other cross-references are."""
    file = _twice()
    older = file.content.index(b"%d 0 obj" % TEXT, len(blank().content))
    led = tabled(file, [(TEXT, older)])
    at = led.startxref
    content = led.content[: led.content.rindex(b"startxref")]
    content += b"startxref\n%d\n%%%%EOF%s\n" % (file.startxref, line % at)
    return replace(led, content=content, startxref=file.startxref)


def _streamed() -> Pdf:
    """Return a draft whose last cross-references are an object that they list, too (7.5.8.2)."""
    return packed_in(blank(), {TEXT: pdf.text()}, {}, blank().count)


def _unled() -> Pdf:
    """Return a draft with a table that no other one leads to."""
    file = _twice()
    older = file.content.index(b"%d 0 obj" % TEXT, len(blank().content))
    beside = tabled(file, [(TEXT, older)])
    return update(replace(beside, startxref=file.startxref), {FORM: form()})


def _ended_in_a_text() -> Pdf:
    """Return a draft whose text has a word that ends streams in a string."""
    words = b"%s /Span<</X(\nendstream\n)>>BDC EMC %s %s" % (_OTHER, _WHITE, _SEEN)
    return update(blank(), {TEXT: stream(words)})


def _small() -> Pdf:
    return update(replace(blank(), of_page=_SMALL), {PAGE: page(more=_SMALL)})


def _named(one: bytes, other: bytes) -> bytes:
    return b"/XObject<</%s 8 0 R/%s 9 0 R>>" % (one, other)


_PAGES = (
    (
        "a-text-for-a-name",
        _BLENDED % (b"/Multiply", b"/Lighten"),
        _BLENDED % (b"(/Multiply)", b"(/Lighten)"),
        b"%s /G gs %s /H gs %s" % (_SEEN, _WHITE, _OTHER),
    ),
    (
        "names-in-another-encoding",
        _named(b"#C3#A9", b"#C3#A8"),
        _named(b"#E9", b"#E8"),
        b"/#C3#A9 Do /#E8 Do",
    ),
    (
        "a-long-name-in-other-letters",
        _named(b"A" * 100, b"B"),
        _named(b"#41" * 100, b"B"),
        b"/%s Do" % (b"A" * 100),
    ),
    (
        "a-palette-of-a-name-for-other-numbers",
        _PALETTE.replace(b"/C[", b"/CA[") % b"<FFFFFF000000>",
        _PALETTE.replace(b"/C[", b"/CA[").replace(b" 1 ", b" 1.0 ") % b"<FFFFFF000000>",
        b"/CA cs 0 sc %s" % _SEEN,
    ),
    (
        "a-palette-in-another-encoding",
        _PALETTE % b"<FFFFFFFFFFFF>",
        _PALETTE % b"<FEFF00FF00FF00FF00FF00FF00FF>",
        b"/C cs 0 sc %s" % _SEEN,
    ),
)
_TURNED = (
    ("a-whole-turn", b"/Rotate 180.0", b"/Rotate 180"),
    ("a-turn-beyond-32-bits", b"/Rotate 4294967206", b"/Rotate +4294967206"),
    (
        "a-side-beyond-32-bits",
        b"/CropBox[0 400 595 9999999999]",
        b"/CropBox[0 400 595 9999999999.0]",
    ),
)
_ALIKE = (
    (
        "an-escaped-name",
        _BLENDED % (b"/Normal", b"/Normal"),
        _BLENDED % (b"/N#6frmal", b"/Normal"),
    ),
    ("digits-for-letters", _PALETTE % b"(abcdef)", _PALETTE % b"<616263646566>"),
)
