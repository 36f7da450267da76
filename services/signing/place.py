"""Where a signature is shown: found from where the text stands. Runs in a worker process only."""
# pypdfium2 is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import pypdfium2

_MM = 72 / 25.4
_MARGIN = 18 * _MM
"""What stands lower is a footer: Decree 30/2020, appendix I, I.5, leaves 20 to 25 mm free."""
_RIGHT = 0.45
"""The block of position and name begins right of this part of the page's width."""
_GAP = 13 * _MM
"""Space that was left for a signature, between position and name."""
_BELOW = 4
"""Lines that may stand below that space: the name, perhaps in parts."""
_AIR = 1.5 * _MM
_MOST = 20_000
"""Pieces of text of a page that are looked at."""
_EDGE = 3 * _MM

Box: TypeAlias = "tuple[float, float, float, float]"
"""Left, bottom, right, top in points; the origin is the lower left corner."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A page, from 0, and a rectangle on it."""

    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's box and the boxes of its pieces of text."""

    page: int
    bounds: Box
    text: Sequence[Box]


def for_leader(pdf: bytes, size: tuple[float, float]) -> Spot:
    """Return the place of a leader's signature: after the text, in the page's right half.

    Between position and name where space was left for it, else below the last line, else at the
    foot of the page. A stamp of `size` points is made smaller rather than cover the text.
    """
    sheet = _last(pdf)
    left, bottom, right, _ = sheet.bounds
    block = _lines(box for box in sheet.text if box[0] >= left + _RIGHT * (right - left))
    free = _gap(block)
    if free is not None:
        low, high, centre = free
        return Spot(sheet.page, _inside(sheet, _boxed(centre, low + _AIR, high - _AIR, size)))
    middle = left + 0.75 * (right - left)
    lowest = min((box[1] for box in sheet.text), default=sheet.bounds[3] - _MARGIN)
    if lowest - 2 * _AIR - size[1] >= bottom + _EDGE:
        low = lowest - 2 * _AIR - size[1]
        return Spot(sheet.page, _inside(sheet, _boxed(middle, low, low + size[1], size)))
    foot = bottom + _EDGE
    return Spot(sheet.page, _inside(sheet, _boxed(middle, foot, bottom + _MARGIN, size)))


def for_seal(pdf: bytes, size: tuple[float, float], leader: Spot) -> Spot:
    """Return the place of a seal: over the left third of the leader's signature (II.8)."""
    sheet = _sheet(pdf, leader.page)
    left, bottom, right, top = leader.box
    edge, middle = left + (right - left) / 3, (bottom + top) / 2
    low = middle - size[1] / 2
    return Spot(leader.page, _inside(sheet, (edge - size[0], low, edge, low + size[1])))


def for_annex(pdf: bytes, size: tuple[float, float]) -> Spot:
    """Return the place on an annex: the upper right corner of its first page (II.8)."""
    sheet = _sheet(pdf, 0)
    _, _, right, top = sheet.bounds
    edge, high = right - 15 * _MM, top - 10 * _MM
    return Spot(0, _inside(sheet, (edge - size[0], high - size[1], edge, high)))


def size_of(stamp: bytes) -> tuple[float, float]:
    """Return width and height of a one-page PDF, in points."""
    with _opened(stamp) as document:
        return document.get_page_size(0)


def _gap(block: Sequence[Box]) -> tuple[float, float, float] | None:
    """Return the lowest free space between two lines: bottom, top, and the middle of its sides."""
    for upper, lower in list(zip(block[1:], block[:-1], strict=True))[:_BELOW]:
        if upper[1] - lower[3] >= _GAP:
            return lower[3], upper[1], (lower[0] + lower[2]) / 2
    return None


def _lines(boxes: Iterable[Box]) -> list[Box]:
    """Return boxes that share a line as one, the lowest line first."""
    lines: list[Box] = []
    for box in sorted(boxes, key=lambda one: one[1]):
        last = lines[-1] if lines else None
        if last and box[1] < (last[1] + last[3]) / 2:
            lines[-1] = (min(last[0], box[0]), last[1], max(last[2], box[2]), max(last[3], box[3]))
        else:
            lines.append(box)
    return lines


def _boxed(centre: float, low: float, high: float, size: tuple[float, float]) -> Box:
    """Return a box of a stamp's proportions around `centre`, between two heights."""
    scale = min(1.0, (high - low) / size[1])
    width, height = size[0] * scale, size[1] * scale
    middle = (low + high) / 2
    return (centre - width / 2, middle - height / 2, centre + width / 2, middle + height / 2)


def _inside(sheet: Sheet, box: Box) -> Box:
    """Return a box moved, and if need be cut, so that it lies on its page."""
    left, bottom, right, top = sheet.bounds
    width, height = min(box[2] - box[0], right - left), min(box[3] - box[1], top - bottom)
    x = min(max(box[0], left), right - width)
    y = min(max(box[1], bottom), top - height)
    return (x, y, x + width, y + height)


def _last(pdf: bytes) -> Sheet:
    """Return the last page that has text above its foot, else the last page."""
    with _opened(pdf) as document:
        for number in reversed(range(len(document))):
            sheet = _read(document, number)
            if sheet.text:
                return sheet
        return _read(document, len(document) - 1)


def _sheet(pdf: bytes, number: int) -> Sheet:
    with _opened(pdf) as document:
        return _read(document, number)


@contextmanager
def _opened(pdf: bytes) -> Generator[pypdfium2.PdfDocument]:
    """Open a PDF for the length of a `with`. Raises ValueError for what PDFium cannot read."""
    try:
        document = pypdfium2.PdfDocument(pdf)
        try:
            yield document
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:  # a RuntimeError: no class of what bytes lead to
        raise ValueError(f"PDFium: {error}") from None


def _read(document: pypdfium2.PdfDocument, number: int) -> Sheet:
    page = document[number]
    bounds: Box = page.get_bbox()
    text = page.get_textpage()
    boxes: list[Box] = [text.get_rect(one) for one in range(min(text.count_rects(), _MOST))]
    foot = bounds[1] + _MARGIN
    return Sheet(number, bounds, [box for box in boxes if box[1] >= foot and box[3] > box[1]])
