"""What a signed part refers to, by names that readers follow and others pass over, or to nothing.

A reader draws whatever has the name, and looks for what is not there (ISO 32000-2 7.3.10).
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import pdf, updates
from tests.conformance.pdf import (
    CATALOG,
    FONT,
    PAGE,
    PAGES,
    TEXT,
    USUAL,
    Pdf,
    Place,
    catalog,
    drawing,
    stream,
    update,
)
from tests.conformance.world import World, blank, sealed, stamped

_OVER = b"1 1 1 rg 0 0 595 842 re f 0 g BT /F1 12 Tf 72 720 Td (Cong van so 9999) Tj ET"
_PLACE = b"[300 100 420 200]"
_XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description"
    b" rdf:about='' xmlns:pdf='http://ns.adobe.com/pdf/1.3/'><pdf:Producer>%s</pdf:Producer>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
_AS_A_FORM = b"/Type/Metadata/Subtype/Form/BBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>"
_FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
_FONTS = b"<</Font<</FX<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>>>>>"
_AHEAD = 4
"""The appearance of the second signature has this number, counted from where the first begins."""
_NOWHERE = b"/MK 99 0 R"


class Referred:
    """Files of one world, each with its name."""

    def __init__(self, world: World) -> None:
        """Use a leader, a seal and an authority of time stamps."""
        self._world = world

    def refused(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what shows something that nobody signed, or not as it was signed."""
        yield "resource-that-comes-later", self._later(_draws(b"Parent", 0))
        yield "resource-that-comes-later-by-generation", self._later(_draws(b"Parent", 3))
        yield "resource-of-a-resource-that-comes-later", self._later(_through_another())
        yield "glyph-that-comes-later", self._later(_glyph())
        yield "state-that-comes-later", self._later(_state())
        yield "structure-that-comes-later", self._later(_structure())
        yield "pages-that-inherit-what-comes-later", self._later(_inherits())
        yield "metadata-that-are-drawn", self._metadata()
        yield from self._order()
        yield from self._flags()
        yield "page-of-large-units", self._later(replace(blank(), of_page=b"/UserUnit 10"))
        yield "resources-added-where-readers-draw", self._drawn_by_readers(_FREE_TEXT)
        yield "resources-added-beside-a-text-field", self._drawn_by_readers(_TEXT_FIELD)
        yield from self._nowhere()

    def allowed(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what looks alike and is right."""
        yield "page-of-usual-units", self._later(replace(blank(), of_page=b"/UserUnit 1"))
        yield "notes-with-a-popup", self._later(_popup())
        yield "structure-with-the-page", self._later(_right_structure())
        yield "outline", self._later(_outline())

    def _lead(self, file: Pdf) -> Pdf:
        return sealed(file, self._world.leader, place=Place(field="NguoiKy"))

    def _seal(self, file: Pdf, place: Place | None = None) -> Pdf:
        shown = place or Place(rect=_PLACE, look=_OVER)
        return sealed(file, self._world.seal, place=replace(shown, field="CoQuan"))

    def _stamp(self, file: Pdf, widget: bytes = b"") -> Pdf:
        return stamped(file, self._world.tsa, field="DauThoiGian", widget=widget)

    def _later(self, file: Pdf) -> Pdf:
        return self._seal(self._lead(file))

    def _metadata(self) -> Pdf:
        file, number = blank(), blank().count
        objects = {
            number: stream(_XMP % b"a", _AS_A_FORM),
            CATALOG: catalog(more=b"/Metadata %d 0 R" % number),
            TEXT: stream(b"q /Parent Do Q"),
        }
        file = replace(update(file, objects), drawn=b"/XObject<</Parent %d 0 R>>" % number)
        drawn = b" q %s Q " % _OVER
        return update(self._later(file), {number: stream(_XMP % drawn, _AS_A_FORM)})

    def _order(self) -> Iterator[tuple[str, Pdf]]:
        one, two, file = _two_notes()
        led = self._lead(file)
        yield "notes-in-another-order", self._seal(replace(led, notes=(two, one)))
        yield "note-twice", self._seal(replace(led, notes=(one, two, one)))
        both = self._seal(led)
        yield "notes-in-another-order-by-a-stamp", self._stamp(replace(both, notes=(two, one)))

    def _flags(self) -> Iterator[tuple[str, Pdf]]:
        led = self._lead(blank())
        place = Place(rect=_PLACE, look=_OVER)
        yield "seal-that-does-not-zoom", self._seal(led, replace(place, flags=4 + 8))
        yield "seal-that-does-not-turn", self._seal(led, replace(place, flags=4 + 16))
        file = updates.field_added(blank())
        file = replace(file, fields=(file.count - 1,))
        filled = replace(USUAL, field="ThemSau", fills=file.count - 1, look=_OVER, flags=4 + 8)
        yield (
            "field-filled-that-does-not-zoom",
            sealed(self._lead(file), self._world.seal, place=filled),
        )

    def _drawn_by_readers(self, note: bytes) -> Pdf:
        file, number = pdf.bare(), pdf.bare().count
        file = replace(update(file, {number: note}), notes=(number,))
        return self._seal(replace(self._lead(file), resources=_FONTS))

    def _nowhere(self) -> Iterator[tuple[str, Pdf]]:
        led = self._lead(with_a_hidden_text())
        shown = Place(rect=_PLACE, look=b"1 0 0 rg 0 0 20 20 re f")
        yield "seal-that-refers-to-nothing", self._seal(led, replace(shown, widget=_NOWHERE))
        yield (
            "seal-that-refers-to-another-generation",
            self._seal(led, replace(shown, widget=b"/MK %d 1 R" % FONT)),
        )
        yield (
            "signature-that-refers-to-nothing",
            self._seal(led, replace(shown, value=b"/Reason 99 0 R")),
        )
        yield "stamp-that-refers-to-nothing", self._stamp(self._seal(led, shown), _NOWHERE)


def _ahead(count: int) -> int:
    return count + _AHEAD


def _draws(name: bytes, generation: int) -> Pdf:
    file = update(blank(), {TEXT: stream(b"q /%s Do Q" % name)})
    drawn = b"/XObject<</%s %d %d R>>" % (name, _ahead(file.count), generation)
    return replace(file, drawn=drawn)


def _through_another() -> Pdf:
    number = blank().count
    inner = b"/Resources<</XObject<</X %d 0 R>>>>" % _ahead(number + 1)
    objects = {number: stream(b"q /X Do Q", _FORM + inner), TEXT: stream(b"q /Parent Do Q")}
    return replace(update(blank(), objects), drawn=b"/XObject<</Parent %d 0 R>>" % number)


def _glyph() -> Pdf:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 595 842]/FontMatrix[1 0 0 1 0 0]/FirstChar 65"
        b"/LastChar 65/Widths[1]/Encoding<</Differences[65/Parent]>>/CharProcs<</Parent %d 0 R>>>>"
    )
    file = update(blank(), {TEXT: stream(b"BT /F1 1 Tf (A) Tj ET")})
    return update(file, {FONT: font % _ahead(file.count)})


def _state() -> Pdf:
    number = blank().count
    note = (
        b"<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/F 4/AS/Parent/AP<</N<</Parent %d 0 R>>>>>>"
    )
    return replace(update(blank(), {number: note % _ahead(number + 1)}), notes=(number,))


def _structure() -> Pdf:
    form, tree = blank().count, blank().count + 1
    inner = b"/Resources<</XObject<</P %d 0 R>>>>" % _ahead(tree + 1)
    objects = {
        form: stream(b"q /P Do Q", b"/Subtype/Form/BBox[0 0 595 842]" + inner),
        tree: b"<</Type/StructTreeRoot/K[%d 0 R]>>" % form,
        CATALOG: catalog(more=b"/StructTreeRoot %d 0 R" % tree),
        TEXT: stream(b"q /X Do Q"),
    }
    return replace(update(blank(), objects), drawn=b"/XObject<</X %d 0 R>>" % form)


def _inherits() -> Pdf:
    top = b"<</Type/Pages/Kids[%d 0 R]/Count 1/Parent %d 0 R>>"
    return update(blank(), {PAGES: top % (PAGE, _ahead(blank().count))})


def _two_notes() -> tuple[int, int, Pdf]:
    one, two = blank().count, blank().count + 1
    look = drawing(b"1 1 1 rg 0 0 595 842 re f")
    note = b"<</Type/Annot/Subtype/Stamp/Rect[60 700 400 760]/F 4/AP<</N %d 0 R>>>>"
    objects = {one: note % (two + 1), two: note % (two + 2), two + 1: look, two + 2: look}
    return one, two, replace(update(blank(), objects), notes=(one, two))


_FREE_TEXT = (
    b"<</Type/Annot/Subtype/FreeText/Contents(7816)/DA(/FX 14 Tf 0 g)/Rect[60 6 400 40]/F 4>>"
)
_TEXT_FIELD = (
    b"<</Type/Annot/Subtype/Widget/FT/Tx/T(ngoai)/V(7816)/DA(/FX 14 Tf 0 g)/Rect[60 6 400 40]/F 4>>"
)


def with_a_hidden_text() -> Pdf:
    """Return a file with two pages, and an object that no table names behind the second's text."""
    page, text = blank().count, blank().count + 1
    two = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<<>>>>"
    objects = {
        PAGES: b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 2>>" % (PAGE, page),
        page: two % (PAGES, text),
        text: stream(b"0 0 10 10 re f"),
    }
    file = update(blank(), objects)
    hidden = b"%d 0 obj\n%s\nendobj\n" % (text, stream(b"0 0 500 500 re f"))
    table = file.startxref + len(hidden)
    content = file.content[: file.startxref] + hidden + file.content[file.startxref :]
    content = content[: content.rindex(b"startxref")] + b"startxref\n%d\n%%%%EOF\n" % table
    return replace(file, content=content, startxref=table)


def _popup() -> Pdf:
    note, popup = blank().count, blank().count + 1
    objects = {
        note: b"<</Type/Annot/Subtype/Text/Rect[60 700 80 720]/F 4/Popup %d 0 R>>" % popup,
        popup: b"<</Type/Annot/Subtype/Popup/Rect[90 600 200 700]/Parent %d 0 R>>" % note,
    }
    return replace(update(blank(), objects), notes=(note, popup))


def _right_structure() -> Pdf:
    tree, part = blank().count, blank().count + 1
    objects = {
        tree: b"<</Type/StructTreeRoot/K %d 0 R>>" % part,
        part: b"<</Type/StructElem/S/P/P %d 0 R/Pg %d 0 R/K 0>>" % (tree, PAGE),
        CATALOG: catalog(more=b"/MarkInfo<</Marked true>>/StructTreeRoot %d 0 R" % tree),
    }
    return update(blank(), objects)


def _outline() -> Pdf:
    top, one = blank().count, blank().count + 1
    objects = {
        top: b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count 1>>" % (one, one),
        one: b"<</Title(1)/Parent %d 0 R/Dest[%d 0 R/Fit]>>" % (top, PAGE),
        CATALOG: catalog(more=b"/Outlines %d 0 R" % top),
    }
    return update(blank(), objects)
