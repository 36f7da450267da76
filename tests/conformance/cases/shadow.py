"""What could be shown though it was never signed: laid over the page, kept in archive data, behind
the signed bytes (shadow attacks; EN 319 142-1 5.3, 5.4, ISO 32000-2 12.8)."""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import cms, pdf, updates
from tests.conformance.pdf import CATALOG, FONT, FORM, PAGE, TEXT, Pdf, Place
from tests.conformance.world import World, blank, sealed, stamped

_OVER = b"1 1 1 rg 0 0 595 842 re f 0 g BT /F1 12 Tf 72 720 Td (Cong van so 9999) Tj ET"
_WHOLE = b"[0 0 595 842]"
_PLACE_OF_A_SEAL = b"[300 100 420 200]"
_FAR = 200_000


class Shadows:
    """Files of one world, each with its name."""

    def __init__(self, world: World) -> None:
        """Use a leader, a seal and an authority of time stamps."""
        self._world = world
        self._led = sealed(blank(), world.leader, place=Place(field="NguoiKy"))
        self._both = self._seal(self._led)

    def refused(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what has something in it that nobody signed."""
        both = self._both
        yield "stamp-over-the-page", self._stamp(both, rect=_WHOLE, look=_OVER)
        yield "stamp-with-a-look", self._stamp(both, look=_OVER)
        yield "stamp-with-a-script", self._stamp(both, widget=_SCRIPT)
        yield "stamp-with-a-link", self._stamp(both, widget=b"/A<</S/URI/URI(http://vi.du)>>")
        yield "stamp-over-the-page-by-numbers-elsewhere", self._by_archive()
        yield "stamp-with-a-reference", self._by_transform()
        yield "archive-that-holds-more", self._archive_with_more()
        yield "seal-over-the-page", self._seal(self._led, rect=_WHOLE, look=_OVER)
        yield "seal-with-a-script", self._seal(self._led, widget=_SCRIPT)
        yield "seal-in-two-places", self._in_two_places()
        yield "field-left-between", self._seal(updates.field_added(self._led))
        yield "resources-changed-between", self._other_resources()
        yield (
            "resources-added-to-a-form-with-text",
            self._seal(replace(self._led, resources=_FONTS)),
        )
        yield "page-of-another-parent", self._other_parent()

    def junk(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what has archive data that is none."""
        both = self._both
        yield "archive-with-a-stamp-that-is-none", self._store(both, b"/VRI<</%s<</TS %d 0 R>>>>")
        junk = updates.archived(both, certificates=[b"khong phai chung thu so"])
        yield "archive-that-was-junk-before", self._archive(junk)

    def behind(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what has objects of signed revisions behind the signed bytes."""
        yield "object-behind-the-signed-bytes", self._behind()
        yield "stream-that-runs-over-the-signed-bytes", self._over_the_end()

    def allowed(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what looks alike and is right."""
        seal = self._seal(self._led, rect=_PLACE_OF_A_SEAL, look=_OVER)
        yield "seal-that-is-shown", seal
        yield "stamp-with-a-blank-look", self._stamp(seal, look=b"% DSBlank\n")
        yield "stamp-without-a-place", self._stamp(seal, rect=b"[12 12 12 12]")
        yield "form-with-fonts-by-the-second-program", self._fonts_added()
        yield "form-with-resources", self._seal_both(_resourceful())
        yield "hybrid-references", self._archive(self._seal_both(_hybrid(blank())))

    def _seal(self, file: Pdf, **place: object) -> Pdf:
        return sealed(file, self._world.seal, place=replace(Place(field="CoQuan"), **place))

    def _seal_both(self, file: Pdf) -> Pdf:
        return self._seal(sealed(file, self._world.leader, place=Place(field="NguoiKy")))

    def _stamp(self, file: Pdf, **place: object) -> Pdf:
        return stamped(file, self._world.tsa, **{"field": "DauThoiGian", **place})

    def _archive(self, file: Pdf) -> Pdf:
        return updates.archived(file, certificates=[self._world.root.der])

    def _archive_with_more(self) -> Pdf:
        """A certificate whose stream refers to something to be drawn."""
        both = self._both
        store, kept, drawn = (both.count + one for one in range(3))
        objects = {
            store: b"<</Type/DSS/Certs[%d 0 R]>>" % kept,
            kept: pdf.stream(self._world.root.der, b"/X %d 0 R" % drawn),
            drawn: pdf.drawing(_OVER),
            CATALOG: pdf.catalog(archive=store),
        }
        return replace(pdf.update(both, objects), archive=store)

    def _by_archive(self) -> Pdf:
        """A stamp whose place and look were cleared by the archive that they lie in."""
        both = self._both
        store, kept, drawn, wide, high, none = (both.count + one for one in range(6))
        numbers = b"/X[%d 0 R %d 0 R %d 0 R %d 0 R]" % (drawn, wide, high, none)
        objects = {
            store: b"<</Type/DSS/Certs[%d 0 R]>>" % kept,
            kept: pdf.stream(self._world.root.der, numbers),
            drawn: pdf.drawing(_OVER),
            wide: b"595",
            high: b"842",
            none: b"0",
            CATALOG: pdf.catalog(archive=store),
        }
        archived = replace(pdf.update(both, objects), archive=store)
        rect = b"[%d 0 R %d 0 R %d 0 R %d 0 R]" % (none, none, wide, high)
        return self._stamp(archived, rect=rect, widget=b"/AP<</N %d 0 R>>" % drawn)

    def _by_transform(self) -> Pdf:
        """A stamp whose look is what its value calls parameters."""
        drawn = self._both.count + 2
        return self._stamp(
            self._both,
            value=b"/Reference[<</TransformMethod/UR3/TransformParams %d 0 R>>]" % drawn,
            widget=b"/AP<</N %d 0 R>>" % drawn,
            with_={drawn: pdf.drawing(_OVER)},
        )

    def _in_two_places(self) -> Pdf:
        value, first, second = (self._led.count + one for one in (0, 2, 3))
        kid = b"<</Type/Annot/Subtype/Widget/Parent %d 0 R/Rect[0 0 9 9]/P %d 0 R/F 132>>"
        kids = dict.fromkeys((first, second), kid % (value + 1, PAGE))
        return self._seal(self._led, widget=b"/Kids[%d 0 R %d 0 R]" % (first, second), with_=kids)

    def _store(self, file: Pdf, whole: bytes) -> Pdf:
        store, kept = file.count, file.count + 1
        said = whole % (b"A" * 40, kept)
        objects = {
            store: b"<</Type/DSS%s>>" % said,
            kept: pdf.stream(b"khong phai dau thoi gian"),
            CATALOG: pdf.catalog(archive=store),
        }
        return replace(pdf.update(file, objects), archive=store)

    def _other_resources(self) -> Pdf:
        """What fields are drawn with, changed between leader and seal."""
        begun = _resourceful()
        led = sealed(begun, self._world.leader, place=Place(field="NguoiKy"))
        font = led.count
        other = {
            blank().count: b"<</Font<</F1 %d 0 R>>>>" % font,
            font: b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>",
        }
        return self._seal(pdf.update(led, other))

    def _fonts_added(self) -> Pdf:
        """A seal whose program adds what its fields are drawn with, to a form of signatures."""
        begun = pdf.bare()
        led = sealed(begun, self._world.leader, place=Place(field="NguoiKy"))
        return self._seal(replace(led, resources=_OWN_FONTS))

    def _other_parent(self) -> Pdf:
        """A page that inherits from what is yet to be defined."""
        gap = pdf.prepared(self._led, Place(field="CoQuan"))
        content = gap.pdf.content
        at = content.rindex(b"/Parent 2 0 R")
        content = content[:at] + b"/Parent 9 0 R" + content[at + 13 :]
        gap = replace(gap, pdf=replace(gap.pdf, content=content))
        made = pdf.filled(gap, cms.signature(gap.covered, self._world.seal, cms.PLAIN))
        return self._archive(made)

    def _behind(self) -> Pdf:
        """A part of the page's content that both sign and that is written after them."""
        paper = blank()
        first, later = paper.count, paper.count + 1
        objects = {
            TEXT: b"[%d 0 R %d 0 R]" % (first, later),
            first: pdf.text(),
            later: pdf.stream(_OVER),
        }
        begun = pdf.update(paper, objects)
        place = begun.content.rindex(b"%d 0 obj\n" % later)
        row = b"%010d 00000 n" % place
        content = begun.content.replace(row, b"%010d 00000 n" % _FAR)
        both = self._seal_both(replace(begun, content=content))
        written = both.content.ljust(_FAR - 1, b" ") + b"\n%d 0 obj\n%s\nendobj\n" % (
            later,
            pdf.stream(_OVER),
        )
        return self._archive(replace(both, content=written))

    def _over_the_end(self) -> Pdf:
        """The same as a stream that begins in what both sign and ends behind it."""
        paper = blank()
        first, later = paper.count, paper.count + 1
        begins = b"<</Length %d>>\nstream\n" % _FAR
        objects = {
            TEXT: b"[%d 0 R %d 0 R]" % (first, later),
            first: pdf.text(),
            later: begins + _OVER,
        }
        both = self._seal_both(pdf.update(paper, objects))
        ends = both.content.index(begins) + len(begins) + _FAR
        written = both.content.ljust(ends, b" ") + b"\nendstream\nendobj\n"
        return self._archive(replace(both, content=written))


_FONTS = b"<</Font<</F1 %d 0 R>>>>" % FONT
_OWN_FONTS = b"<</Font<</F2<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
_SCRIPT = b"/AA<</PV<</S/JavaScript/JS(app.alert\\(1\\))>>>>"


def _resourceful() -> Pdf:
    """Return a paper whose form has resources."""
    paper = blank()
    named = b" %d 0 R" % paper.count
    objects = {paper.count: _FONTS, FORM: pdf.form(more=named)}
    return replace(pdf.update(paper, objects), resources=named)


def _hybrid(file: Pdf) -> Pdf:
    """Return the file as Word writes it: what old readers need not know stands in a stream."""
    packed, inside, table = (file.count + one for one in range(3))
    head = b"%d 0 " % inside
    body = head + b"<</Type/StructElem/S/P>>"
    begins = len(file.content)
    objects = b"%d 0 obj\n%s\nendobj\n" % (
        packed,
        pdf.stream(body, b"/Type/ObjStm/N 1/First %d" % len(head)),
    )
    at = begins + len(objects)
    rows = b"\x01" + begins.to_bytes(4, "big") + b"\x00\x00"
    rows += b"\x02" + packed.to_bytes(4, "big") + b"\x00\x00"
    entries = b"/Type/XRef/Size %d/W[1 4 2]/Index[%d 2]/Root %d 0 R" % (table, packed, CATALOG)
    objects += b"%d 0 obj\n%s\nendobj\n" % (table, pdf.stream(rows, entries))
    startxref = begins + len(objects)
    trailer = b"xref\n0 0\ntrailer\n<</Size %d/Root %d 0 R/Prev %d/XRefStm %d>>\n" % (
        table + 1,
        CATALOG,
        file.startxref,
        at,
    )
    content = file.content + objects + trailer + b"startxref\n%d\n%%%%EOF\n" % startxref
    return replace(file, content=content, startxref=startxref, count=table + 1)
