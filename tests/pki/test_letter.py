"""The demo's letter and annex: PDF/A with the parts that Decree 30/2020 asks for."""

import datetime as dt
from io import BytesIO

import pikepdf
import pytest

from infra.letter.render import render_annex, render_letter, spoken
from infra.letter.sample import sample_annex, sample_letter

CODE, DAY = "7816/VPCP-TTĐT", dt.date(2026, 2, 3)


def text_of(pdf: bytes) -> tuple[int, str, str]:
    """Return the number of pages, the title and the XMP of a PDF."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        xmp = opened.Root.Metadata.read_bytes().decode()
        return len(opened.pages), str(opened.docinfo["/Title"]), xmp


def test_the_letter_is_one_page_of_pdf_a() -> None:
    letter = sample_letter(code=CODE, signer="Nguyễn Minh Quang", promulgated_on=DAY)
    pages, title, xmp = text_of(render_letter(letter).pdf)
    assert pages == 1
    assert title.startswith(f"{CODE}: V/v ")
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in xmp


def test_the_annex_is_one_page_of_pdf_a() -> None:
    annex = render_annex(sample_annex(code=CODE, promulgated_on=DAY))
    pages, _, xmp = text_of(annex.pdf)
    assert pages == 1
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    # Upper right corner of page 1 (appendix I, II.8).
    assert (annex.place.page, annex.place.x > 180, annex.place.y < 30) == (1, True, True)


def test_all_of_its_letters_are_in_the_font_that_it_carries() -> None:
    letter = sample_letter(code=CODE, signer="Nguyễn Minh Quang", promulgated_on=DAY)
    with pikepdf.open(BytesIO(render_letter(letter).pdf)) as opened:
        fonts = opened.pages[0].resources["/Font"]
        names = {str(font["/BaseFont"]) for font in fonts.values()}
    assert names
    assert all("Tinos" in name for name in names)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (dt.date(2026, 2, 3), "ngày 03 tháng 02 năm 2026"),
        (dt.date(2026, 3, 5), "ngày 05 tháng 3 năm 2026"),
        (dt.date(2026, 11, 25), "ngày 25 tháng 11 năm 2026"),
    ],
)
def test_dates_are_written_as_the_decree_says(day: dt.date, words: str) -> None:
    assert spoken(day) == words
