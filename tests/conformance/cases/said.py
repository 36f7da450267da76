"""What an update says of the format, of itself and of its writer, and where it says too much."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from tests.conformance.pdf import stream

_LONG = "Nội dung thêm sau khi đóng dấu. " * 100
_DC = b'xmlns:dc="http://purl.org/dc/elements/1.1/"'
_TYPED = b'<q:A xmlns:q="urn:q" %s><dc:title>Khac</dc:title></q:A></rdf:RDF>' % _DC
_OUTSIDE = b"</rdf:RDF><rdf:RDF><rdf:Description/></rdf:RDF>"
_XMP = '{0}xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:ModifyDate>{1}</xmp:ModifyDate></rdf:'
_DATED = '<rdf:Description rdf:about="" ' + _XMP + "Description></rdf:RDF>"


def refused(letter: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield letters behind whose signatures something is said that nobody signed."""
    yield "extension-with-a-text", _changed(letter, _extends(url=_LONG))
    yield "extension-with-more", _changed(letter, _extends(more=_LONG))
    yield "marks-changed", _changed(letter, _marks)
    yield "version-of-text", _changed(letter, _version("/2.0 va noi dung khac"))
    yield "writer-at-length", _changed(letter, _writer(_LONG))
    for name, old, new in (
        ("xmp-node-of-another-type", b"</rdf:RDF>", _TYPED),
        ("xmp-beside-the-descriptions", b"</rdf:RDF>", _OUTSIDE),
        ("xmp-comment", b"</rdf:RDF>", b"<!-- Noi dung them --></rdf:RDF>"),
        ("xmp-language-changed", b'xml:lang="', b'xml:lang="zz-'),
        ("xmp-title-twice", b"</rdf:RDF>", _description("dc:title", _DC.decode(), "Khac")),
        ("xmp-date-at-length", b"</rdf:RDF>", _DATED.format("", _LONG).encode()),
    ):
        yield name, _with_xmp(letter, old, new)


def allowed(letter: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield letters behind whose signatures a writer says what it has to."""
    yield "extension-of-etsi", _changed(letter, _extends())
    yield "version-of-the-format", _changed(letter, _version("/2.0"))
    yield "writer-named", _changed(letter, _writer("iText 9.2.0"))
    dated = _DATED.format("", "2026-12-01T09:00:00+07:00").encode()
    yield "xmp-dated", _with_xmp(letter, b"</rdf:RDF>", dated)


def _description(name: str, space: str, text: str) -> bytes:
    said = f"<{name}>{text}</{name}>"
    return f'<rdf:Description rdf:about="" {space}>{said}</rdf:Description></rdf:RDF>'.encode()


def _changed(letter: bytes, change: Callable[[Any], None]) -> bytes:
    writer: Any = IncrementalPdfFileWriter(BytesIO(letter))
    output = BytesIO()
    change(writer)
    writer.write(output)
    return output.getvalue()


def _extends(url: str = "", more: str = "") -> Callable[[Any], None]:
    said = {pdf_name("/BaseVersion"): pdf_name("/1.7"), pdf_name("/ExtensionLevel"): 5}
    texts = {pdf_name("/URL"): url, pdf_name("/GhiChu"): more}
    entries = {key: generic.NumberObject(one) if one == 5 else one for key, one in said.items()}
    entries |= {key: pdf_string(text) for key, text in texts.items() if text}

    def change(writer: Any) -> None:  # noqa: ANN401
        etsi = generic.DictionaryObject(entries)
        writer.root[pdf_name("/Extensions")] = generic.DictionaryObject({pdf_name("/ESIC"): etsi})
        writer.update_root()

    return change


def _marks(writer: Any) -> None:  # noqa: ANN401
    marked = {pdf_name("/Marked"): generic.BooleanObject(False)}
    writer.root[pdf_name("/MarkInfo")] = generic.DictionaryObject(marked)
    writer.update_root()


def _version(name: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:  # noqa: ANN401
        writer.root[pdf_name("/Version")] = pdf_name(name)
        writer.update_root()

    return change


def _writer(name: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:  # noqa: ANN401
        info = writer.trailer["/Info"]
        info[pdf_name("/Producer")] = pdf_string(name)
        writer.update_container(info)

    return change


def _with_xmp(letter: bytes, old: bytes, new: bytes) -> bytes:
    """Return the letter with other metadata; pyHanko's writer would write its own again."""
    reader: Any = PdfFileReader(BytesIO(letter))
    before = reader.root["/Metadata"].data
    if old not in before:
        raise ValueError(f"the letter's metadata have no {old!r}")
    number = reader.root.raw_get("/Metadata").idnum
    written = letter + b"%d 0 obj\n" % number
    written += stream(before.replace(old, new), b"/Type/Metadata/Subtype/XML") + b"\nendobj\n"
    trailer = b"/Size %d/Root %d 0 R/Info %d 0 R/Prev %d" % (
        reader.trailer["/Size"],
        reader.trailer.raw_get("/Root").idnum,
        reader.trailer.raw_get("/Info").idnum,
        reader.last_startxref,
    )
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, len(letter))
    end = b"trailer\n<<%s>>\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(written))
    return written + table + end
