"""The end of a PDF: looked at before pyHanko reads it byte by byte, however far that would lead."""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false

from io import SEEK_END, BytesIO

from pyhanko.pdf_utils.misc import PDF_WHITESPACE
from pyhanko.pdf_utils.reader import process_data_at_eof

from services.signing.finding import UNREADABLE
from services.signing.validation.failures import BROKEN
from services.signing.validation.indication import refused

_LAST_BYTES = 16 << 10
"""Readers look for %%EOF in the last 1,024 (ISO 32000-1 annex H.3, 18); before it is one line."""
_BLANK_BYTES = 1 << 10
"""More white space than this stands before no cross-reference table: linearised files have some."""

_BEFORE = b"%%"
"""pyHanko goes back over line ends: at the start of a file that has nothing else, for ever."""


def check_end(content: bytes) -> None:
    """Check that a PDF ends as one does, and that its end leads to a table. Raises Refused.

    Only what would be read for seconds is refused here: megabytes of white space behind the end,
    before `startxref`, or where it leads to. All else is left to whoever reads the file.
    """
    if len(content) <= _LAST_BYTES:
        return
    end = BytesIO(_BEFORE + content[-_LAST_BYTES:])
    end.seek(-1, SEEK_END)
    try:
        table = process_data_at_eof(end)
    except BROKEN as error:
        raise refused("FORMAT_FAILURE", "format.pdf", UNREADABLE, type(error).__name__) from None
    if end.tell() <= len(_BEFORE):
        raise refused("FORMAT_FAILURE", "format.pdf", UNREADABLE, "no end of a PDF")
    blank = content[table : table + _BLANK_BYTES] if table >= 0 else b""
    if len(blank) == _BLANK_BYTES and not blank.strip(PDF_WHITESPACE):
        raise refused("FORMAT_FAILURE", "format.pdf", UNREADABLE, "no cross-reference table")
