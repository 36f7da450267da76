"""Which kinds of files a document may have, told by type, by name and by first bytes. No I/O."""

import codecs
import re
from dataclasses import dataclass

HEAD = 512
"""Bytes that are looked at before anything of a file is passed on."""
_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_BOM = rb"(?:\xef\xbb\xbf)?"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its media type, how its names end, how its bytes begin."""

    media_type: str
    endings: tuple[str, ...]
    begins: re.Pattern[bytes]
    text: bool = False
    """UTF-8 without control characters, so no program."""


def _text(media_type: str, ending: str, begins: bytes) -> Kind:
    return Kind(media_type, (ending,), re.compile(_BOM + begins, re.IGNORECASE), text=True)


def _office(name: str, ending: str) -> Kind:
    # ECMA-376-2: a ZIP whose parts come in any order; OpenDocument begins with its mimetype.
    begins = re.compile(rb"PK\x03\x04(?!.{26}mimetype)", re.DOTALL)
    return Kind(_OOXML + name, (ending,), begins)


def _open_document(name: str, ending: str) -> Kind:
    # OpenDocument 1.3 part 2, 3.3: the type is the first entry, as it is, at byte 38.
    media_type = _ODF + name
    begins = rb"PK\x03\x04.{26}mimetype" + re.escape(media_type.encode()) + rb"(?![a-z.-])"
    return Kind(media_type, (ending,), re.compile(begins, re.DOTALL))


def _binary(media_type: str, *endings: str, begins: bytes) -> Kind:
    return Kind(media_type, endings, re.compile(begins))


PDF = _binary("application/pdf", ".pdf", begins=rb"%PDF-[12]\.\d")
OTHERS: tuple[Kind, ...] = (
    _office("wordprocessingml.document", ".docx"),
    _office("spreadsheetml.sheet", ".xlsx"),
    _office("presentationml.presentation", ".pptx"),
    _open_document("text", ".odt"),
    _open_document("spreadsheet", ".ods"),
    _open_document("presentation", ".odp"),
    _text("text/csv", ".csv", rb""),
    _text("text/plain", ".txt", rb""),
    _text("application/xml", ".xml", rb"\s*<(?!html|!doctype\s+html)"),
    _text("application/json", ".json", rb"\s*[\[{\"0-9tfn-]"),
    _binary("application/zip", ".zip", begins=rb"PK\x03\x04"),
    _binary("image/png", ".png", begins=rb"\x89PNG\r\n\x1a\n"),
    _binary("image/jpeg", ".jpg", ".jpeg", begins=rb"\xff\xd8\xff"),
    _binary("image/tiff", ".tif", ".tiff", begins=rb"II\*\0|MM\0\*"),
    _binary("image/vnd.dwg", ".dwg", begins=rb"AC10\d\d"),
    _binary("image/vnd.dxf", ".dxf", begins=rb"\s*(?:0|999)\r?\n|AutoCAD Binary DXF\r\n\x1a\0"),
)
"""What an annex may be when it comes with a detached seal.

From Circular 39/2017/TT-BTTTT (formats of state agencies) and what Decree 30/2020 annexes hold:
texts, tables, slides, drawings, pictures, data. Not among them: what runs or may hold an installer
(OLE: doc, xls, ppt), documents with macros by name, other archives than ZIP. What lies within an
archive is not looked at.
"""
_BY_TYPE = {one.media_type: one for one in (PDF, *OTHERS)}
_NO_TEXT = re.compile(_BOM + rb"(?:#!|%PDF-|%!PS|\{\\rtf)")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def of_type(media_type: str) -> Kind | None:
    """Return the kind of a media type."""
    return _BY_TYPE.get(media_type)


def of_name(name: str) -> Kind | None:
    """Return the kind that a file's name says it is."""
    lower = name.lower()
    return next((one for one in _BY_TYPE.values() if lower.endswith(one.endings)), None)


def may_be(kind: Kind, head: bytes) -> bool:
    """Say whether a file that begins with these bytes may be of a kind."""
    if kind.begins.match(head) is None:
        return False
    return not kind.text or _is_text(head)


def _is_text(head: bytes) -> bool:
    if _CONTROL.search(head) or _NO_TEXT.match(head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may be cut
    except UnicodeDecodeError:
        return False
    return True
