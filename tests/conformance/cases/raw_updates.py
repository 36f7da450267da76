"""Updates written byte by byte behind a signed file, with a page that no table names.

A reader that stumbles over one looks for objects by itself, and shows that page (ISO 32000-2 7.5).
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.conformance.pdf import CATALOG, FONT, PAGE, PAGES, Pdf, catalog, page, stream

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
        "section-that-is-empty": Raw(entries=_EMPTY + b"9999999999 0\n"),
        "size-beyond-all-bounds": Raw(size=_huge),
        "object-of-number-0": Raw(entries=b"", objects={0: b"(noi dung them)"}),
        "object-beyond-32-bits": Raw(objects={(1 << 32) + PAGE: b"(noi dung them)"}),
        "hidden-page-by-comments": _in_a_name(pdf, b"%x\n"),
        "hidden-page-by-signs": _in_a_name(pdf, b" +"),
        "hidden-page-by-points": _in_a_name(pdf, b". "),
        "hidden-page-by-vertical-tabs": _in_a_name(pdf, b"\v"),
        "stream-whose-length-is-elsewhere": Raw(
            objects={pdf.count: b"4", pdf.count + 1: _long_elsewhere(pdf.count)}
        ),
        "font-in-a-stream-that-runs-on": Raw(objects={pdf.count: _runs_on(pdf)}),
    }.items():
        yield f"update-{name}", raw.behind(pdf)
    yield "update-stream-with-a-hidden-object", _streamed(pdf, hidden=_hidden(pdf))
    yield "update-packed-object-that-is-not-listed", _streamed(pdf, unlisted=True)
    yield "update-objects-packed-in-other-words", _streamed(pdf, more=b"/DP<</Predictor 12>>")
    yield "update-references-in-the-place-of-the-page", _streamed(pdf, listing=PAGE)
    yield "update-references-in-rows-as-they-are", _streamed(pdf, rows=0)


def allowed(pdf: Pdf) -> Iterator[tuple[str, Pdf]]:
    """Yield updates as writers write them."""
    yield "update-that-is-empty", Raw().behind(pdf)
    yield "update-with-its-writer-s-name", Raw(line=b"%iText-5.5.13.3\n").behind(pdf)
    yield "update-without-a-last-line-end", Raw(end=b"").behind(pdf)
    yield "update-in-lines-of-two-characters", _two_characters(pdf)
    yield "update-with-an-archive-in-streams", _streamed(pdf)
    yield "update-with-references-in-rows", _streamed(pdf, rows=2)
    yield "update-that-begins-with-its-writer-s-name", Raw(body=b"% Written by MuPDF\n").behind(pdf)


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


def _huge(_size: int) -> bytes:
    return b"/Size 2000000000"


def _in_a_name(pdf: Pdf, between: bytes) -> Raw:
    """Return an update whose /ID holds an object, its numbers written in an odd way."""
    other = b"%d%s0%sobj" % (PAGE, between, b"\n" if between[:1] == b"%" else between[:1])
    return Raw(more=b"/ID[(%s) (%s)]" % (other + _hidden(pdf).replace(b" 0 obj", b""), b"x"))


def _long_elsewhere(number: int) -> bytes:
    return b"<</Length %d 0 R>>\nstream\nq Q\n\nendstream" % number


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


def _streamed(
    pdf: Pdf,
    *,
    hidden: bytes = b"",
    unlisted: bool = False,
    more: bytes = b"",
    listing: int = 0,
    rows: int | None = None,
) -> Pdf:
    """Return the file with an archive whose objects and cross-references are in streams.

    `rows`: by which filter of PNG each row of the references is predicted.
    """
    store, packed = pdf.count, pdf.count + 1
    listing = listing or packed + 1
    texts = {store: b"<</Type/DSS>>", CATALOG: catalog(archive=store)}
    texts |= {PAGE: page(more=b"/Rotate 180")} if unlisted else {}
    written = bytearray(pdf.content + hidden)
    places = {packed: len(written)}
    written += b"%d 0 obj\n%s\nendobj\n" % (packed, _packed(texts, more))
    places[listing] = len(written)
    entries = {CATALOG: (2, packed, 1), store: (2, packed, 0)}
    entries |= {number: (1, place, 0) for number, place in places.items()}
    written += b"%d 0 obj\n%s\nendobj\n" % (listing, _references(pdf, entries, packed + 2, rows))
    written += b"startxref\n%d\n%%%%EOF\n" % places[listing]
    content = bytes(written)
    startxref = places[listing]
    return replace(pdf, content=content, startxref=startxref, count=packed + 2, archive=store)


def _packed(texts: dict[int, bytes], more: bytes) -> bytes:
    """Return a stream of objects."""
    lengths = [len(one) + 1 for one in texts.values()]
    places = [sum(lengths[:number]) for number in range(len(lengths))]
    head = b" ".join(b"%d %d" % pair for pair in zip(texts, places, strict=True)) + b"\n"
    data = zlib.compress(head + b"\n".join(texts.values()))
    said = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(texts), len(head))
    return stream(data, said + more)


def _references(
    pdf: Pdf, entries: dict[int, tuple[int, int, int]], size: int, rows: int | None
) -> bytes:
    """Return a stream of cross-references."""
    index = b" ".join(b"%d 1" % number for number in sorted(entries))
    lines = [
        b"%c%s%c" % (kind, at.to_bytes(4, "big"), third)
        for kind, at, third in (entries[number] for number in sorted(entries))
    ]
    trailer = b"/Type/XRef/W[1 4 1]/Index[%s]/Size %d/Root %d 0 R/Prev %d" % (
        index,
        size,
        CATALOG,
        pdf.startxref,
    )
    if rows is None:
        return stream(b"".join(lines), trailer)
    above = [bytes(6), *lines] if rows else [bytes(6)] * (len(lines) + 1)
    pairs = zip(lines, above, strict=False)
    less = (bytes((one - two) & 0xFF for one, two in zip(*pair, strict=True)) for pair in pairs)
    data = zlib.compress(b"".join(b"%c%s" % (rows, line) for line in less))
    return stream(data, trailer + b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 6>>")
