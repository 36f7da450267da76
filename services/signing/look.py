"""What a visible signature shows: a page of PDF that is at hand, not one in a file."""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import binascii
import uuid
from io import BytesIO
from typing import Any, cast

from pyhanko.pdf_utils.content import ImportedPdfPage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader


class Look(ImportedPdfPage):
    """What a signature shows: the one page of a PDF that is at hand."""

    def __init__(self, pdf: bytes) -> None:
        """Show this one-page PDF."""
        super().__init__(file_name="")
        self._pdf = pdf

    def render(self) -> bytes:
        """Import the page into the file that is written; return the operators that draw it."""
        writer = cast("IncrementalPdfFileWriter", self.writer)
        page: Any = writer.import_page_as_xobject(PdfFileReader(BytesIO(self._pdf)))
        name = b"/Import" + binascii.hexlify(uuid.uuid4().bytes)
        self.resources.xobject[name.decode("ascii")] = page
        left, bottom, right, top = page.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return name + b" Do"
