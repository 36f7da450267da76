"""Papers made by typst: an urgent official letter (công văn), its annex, and signatures' looks."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, cast

import typst

_HERE = Path(__file__).parent
_REMARK = "Văn bản mẫu của môi trường phát triển, không có giá trị pháp lý."
_MILLIMETRE = 72 / 25.4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature goes: page from 1; millimetres from the left and from the top.

    In a letter the upper middle of the space between title and name, in an annex the upper right
    corner of the text.
    """

    page: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Paper:
    """An unsigned PDF/A-2b file, and where its (first) signature goes."""

    pdf: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class Letter:
    """An official letter (công văn), by the parts that Decree 30/2020 art. 8 asks for."""

    agency: str
    code: str
    """Number and notation, such as `7816/VPCP-TTĐT`."""
    subject: str
    promulgated_on: dt.date
    town: str
    addressees: Sequence[str]
    paragraphs: Sequence[str]
    copies: Sequence[str]
    position: Sequence[str]
    signer: str
    mark: str = ""
    """`KHẨN`, `THƯỢNG KHẨN`, `HỎA TỐC`, or nothing."""


@dataclass(frozen=True, slots=True)
class Annex:
    """An annex in a file of its own: a table that goes with a letter."""

    agency: str
    code: str
    title: str
    promulgated_on: dt.date
    columns: Sequence[str]
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)


class _Position(TypedDict):
    page: int
    x: str
    y: str


def render_letter(letter: Letter) -> Paper:
    """Return the letter as PDF/A-2b."""
    return _render(
        "letter.typ",
        {
            "title": f"{letter.code}: V/v {letter.subject}",
            "agency": letter.agency,
            "code": letter.code,
            "subject": letter.subject,
            "mark": letter.mark,
            "day": _day(letter.promulgated_on),
            "place_and_date": f"{letter.town}, {spoken(letter.promulgated_on)}",
            "addressees": list(letter.addressees),
            "paragraphs": list(letter.paragraphs),
            "copies": list(letter.copies),
            "position": list(letter.position),
            "signer": letter.signer,
        },
    )


def render_annex(annex: Annex) -> Paper:
    """Return the annex as PDF/A-2b."""
    return _render(
        "annex.typ",
        {
            "title": annex.title,
            "agency": annex.agency,
            "code": annex.code,
            "day": _day(annex.promulgated_on),
            "dated": spoken(annex.promulgated_on),
            "columns": list(annex.columns),
            "rows": [list(row) for row in annex.rows],
        },
    )


@lru_cache(maxsize=512)
def stamp(kind: str, words: str) -> bytes:
    """Return the one-page PDF that a signature shows: of a `leader`, a `seal` or on an `annex`.

    `words` are the agency's name in a seal, and all that an annex shows.
    """
    return _compile("stamp.typ", {"kind": kind, "words": words}, standards=[])


def spoken(day: dt.date) -> str:
    """Return a date as official papers write it: days and months below 10 and 3 with a zero."""
    # Decree 30/2020, appendix I, II.4: a zero before days under 10 and before months 1 and 2.
    month = f"{day.month:02}" if day.month <= 2 else str(day.month)  # noqa: PLR2004
    return f"ngày {day.day:02} tháng {month} năm {day.year}"


def _render(template: str, content: Mapping[str, object]) -> Paper:
    paper = json.dumps({**content, "remark": _REMARK}, ensure_ascii=False)
    inputs = {"paper": paper}
    pdf = _compile(template, inputs, standards=["a-2b"])
    found = typst.query(
        str(_HERE / template),
        "<signature>",
        field="value",
        one=True,
        font_paths=[str(_HERE / "fonts")],
        ignore_system_fonts=True,
        sys_inputs=inputs,
    )
    position = cast("_Position", json.loads(found))
    return Paper(
        pdf, Place(position["page"], _millimetres(position["x"]), _millimetres(position["y"]))
    )


def _compile(
    template: str, inputs: Mapping[str, str], *, standards: "list[typst.PDFStandard]"
) -> bytes:
    return typst.compile(
        str(_HERE / template),
        format="pdf",
        font_paths=[str(_HERE / "fonts")],
        ignore_system_fonts=True,
        sys_inputs=dict(inputs),
        pdf_standards=standards,
    )


def _day(day: dt.date) -> list[int]:
    return [day.year, day.month, day.day]


def _millimetres(length: str) -> float:
    return float(length.removesuffix("pt")) / _MILLIMETRE
