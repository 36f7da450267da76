"""Updates written byte by byte behind a signed file, with a page that no table names.

A reader that stumbles over one looks for objects by itself, and shows that page (ISO 32000-2 7.5).
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.conformance.pdf import CATALOG, FONT, PAGE, PAGES, Pdf, catalog, page, stream
from tests.conformance.updates import archived

_EMPTY = b"0 1\n0000000000 65535 f \n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The parts of an update; the default is an empty one that is right."""

    body: bytes = b""
    head: bytes = b"xref\n"
    entries: bytes = _EMPTY
    root: bytes = b"/Root %d 0 R" % CATALOG
    size: Callable[[int], bytes] = lambda size: b"/Size %d" % size
    previous: Callable[[int], bytes] = lambda place: b"/Prev %d" % place
    more: bytes = b""
    line: bytes = b""
    """Before `startxref`."""
    place: Callable[[int], bytes] = lambda place: b"%d" % place
    end: bytes = b"\n"
    objects: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Right ones, behind the body and in the table."""

    def behind(self, pdf: Pdf) -> Pdf:
        """Return the file with this update."""
        written = bytearray(pdf.content + self.body)
        entries = self.entries
        for number, one in self.objects.items():
            entries += b"%d 1\n%010d 00000 n \n" % (number, len(written))
            written += b"%d 0 obj\n%s\nendobj\n" % (number, one)
        count = max([pdf.count, *(number + 1 for number in self.objects)])
        begins = len(written)
        parts = (self.root, self.size(count), self.previous(pdf.startxref), self.more)
        written += self.head + entries + b"trailer\n<<%s>>\n" % b"".join(parts)
        written += b"%sstartxref\n%s\n%%%%EOF%s" % (self.line, self.place(begins), self.end)
        return replace(pdf, content=bytes(written), startxref=begins, count=count)


def _hidden(pdf: Pdf) -> bytes:
    """Return another page in the place of the one that was signed."""
    text = stream(b"BT /F1 40 Tf 72 720 Td (Noi dung khac) Tj ET")
    look = (
        b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
        b"/Resources<</Font<</F1 %d 0 R>>>>>>"
    ) % (PAGES, pdf.count, FONT)
    return b"%d 0 obj\n%s\nendobj\n%d 0 obj\n%s\nendobj\n" % (PAGE, look, pdf.count, text)


def refused(pdf: Pdf) -> Iterator[tuple[str, Pdf]]:
    """Yield what readers may read otherwise than it was signed."""
    hidden = Raw(body=_hidden(pdf))
    for name, raw in {
        "hidden-page": hidden,
        "hidden-page-startxref-with-underscore": replace(hidden, place=_underscored),
        "hidden-page-startxref-with-sign": replace(hidden, place=_signed),
        "hidden-page-startxref-elsewhere": replace(hidden, place=_before),
        "hidden-page-entry-of-19-bytes": replace(hidden, entries=_EMPTY.replace(b" \n", b"\n")),
        "hidden-page-xref-with-comment": replace(hidden, head=b"xref %c\n"),
        "hidden-page-without-root": replace(hidden, root=b""),
        "hidden-page-size-real": replace(hidden, size=_real),
        "hidden-page-prev-with-sign": replace(hidden, previous=_with_sign),
        "hidden-page-odd-xrefstm": replace(hidden, more=b"/XRefStm(x)"),
        "hidden-page-in-a-comment": Raw(line=b"%" + _hidden(pdf).replace(b"\n", b" ")[:90] + b"\n"),
        "words-between-objects": Raw(body=b"noi dung them\n"),
        "comment-that-is-long": Raw(line=b"% " + b"X" * 300 + b"\n"),
        "trailer-that-says-more": Raw(more=b"/GhiChu(them)"),
        "listed-and-not-there": Raw(entries=_EMPTY + b"%d 1\n0000000020 00000 n \n" % pdf.count),
        "catalogue-with-pages-twice": Raw(objects={CATALOG: _with_other_pages(b"/Pages")}),
        "catalogue-with-pages-by-escape": Raw(objects={CATALOG: _with_other_pages(b"/P#61ges")}),
        "font-in-a-stream-that-runs-on": Raw(objects={pdf.count: _runs_on(pdf)}),
    }.items():
        yield f"update-{name}", raw.behind(pdf)
    yield "update-stream-with-a-hidden-object", _streamed(pdf, hidden=_hidden(pdf))
    yield "update-packed-object-that-is-not-listed", _streamed(pdf, unlisted=True)


def allowed(pdf: Pdf) -> Iterator[tuple[str, Pdf]]:
    """Yield updates as writers write them."""
    yield "update-that-is-empty", Raw().behind(pdf)
    yield "update-with-its-writer-s-name", Raw(line=b"%iText-5.5.13.3\n").behind(pdf)
    yield "update-without-a-last-line-end", Raw(end=b"").behind(pdf)
    yield "update-in-lines-of-two-characters", _two_characters(pdf)
    yield "update-with-an-archive-in-streams", _streamed(pdf)


def _underscored(place: int) -> bytes:
    digits = b"%d" % place
    return digits[:1] + b"_" + digits[1:]


def _signed(place: int) -> bytes:
    return b"+%d" % place


def _before(place: int) -> bytes:
    return b"%d" % (place - 1)


def _real(size: int) -> bytes:
    return b"/Size %d.0" % size


def _with_sign(place: int) -> bytes:
    return b"/Prev +%d" % place


def _with_other_pages(key: bytes) -> bytes:
    said = catalog()
    return said[:2] + b"%s %d 0 R" % (key, PAGE) + said[2:]


def _runs_on(pdf: Pdf) -> bytes:
    """Return a stream that says it is shorter than it is."""
    whole = stream(b"q Q\n" + _hidden(pdf))
    return whole.replace(b"/Length %d" % (len(_hidden(pdf)) + 4), b"/Length 3")


def _two_characters(pdf: Pdf) -> Pdf:
    place = len(pdf.content) + 2
    lines = (
        b"",
        b"xref",
        b"0 1",
        b"0000000000 65535 f",
        b"trailer",
        b"<</Size %d/Root %d 0 R/Prev %d>>" % (pdf.count, CATALOG, pdf.startxref),
        b"startxref",
        b"%d" % place,
        b"%%EOF",
        b"",
    )
    return replace(pdf, content=pdf.content + b"\r\n".join(lines), startxref=place)


def _streamed(pdf: Pdf, *, hidden: bytes = b"", unlisted: bool = False) -> Pdf:
    """Return the file with an archive whose objects and cross-references are in streams."""
    store = archived(pdf, certificates=()).archive or pdf.count
    inner, others = [(store, b"<</Type/DSS>>"), (CATALOG, catalog(archive=store))], []
    if unlisted:
        others = [(PAGE, page(more=b"/Rotate 180"))]
    packed, listing = store + 1, store + 2
    texts = [one for _, one in (*inner, *others)]
    places = [sum(len(one) + 1 for one in texts[:number]) for number in range(len(texts))]
    numbers = [number for number, _ in (*inner, *others)]
    head = b" ".join(b"%d %d" % pair for pair in zip(numbers, places, strict=True)) + b"\n"
    data = zlib.compress(head + b"\n".join(texts))
    said = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(texts), len(head))
    written = bytearray(pdf.content + hidden)
    place = len(written)
    written += b"%d 0 obj\n%s\nendobj\n" % (packed, stream(data, said))
    begins = len(written)
    rows = {
        CATALOG: (2, packed, 1),
        store: (2, packed, 0),
        packed: (1, place, 0),
        listing: (1, begins, 0),
    }
    index = b"[%d 1 %d 3]" % (CATALOG, store)
    table = b"".join(
        b"%c%s%c" % (kind, second.to_bytes(4, "big"), third)
        for kind, second, third in rows.values()
    )
    trailer = b"/Type/XRef/W[1 4 1]/Index%s/Size %d/Root %d 0 R/Prev %d" % (
        index,
        listing + 1,
        CATALOG,
        pdf.startxref,
    )
    written += b"%d 0 obj\n%s\nendobj\n" % (listing, stream(table, trailer))
    written += b"startxref\n%d\n%%%%EOF\n" % begins
    content = bytes(written)
    return replace(pdf, content=content, startxref=begins, count=listing + 1, archive=store)
