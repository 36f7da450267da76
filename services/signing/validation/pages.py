"""The pages of a file as its revisions have them, and what stands on them.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils.generic import ArrayObject, IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler

from services.signing.validation.objects import value
from services.signing.validation.security_store import Updated

Place = tuple[int, int]
"""Number and generation of an object."""
POINTS_PER_CM = 72 / 2.54
_SIDES, _DEEPEST = 4, 32
_DRAWN_BY_READERS = frozenset({"/FreeText", "/Widget"})


def pages(file: PdfHandler) -> Iterator[tuple[int, Any]]:
    """Yield the number of each page and the page, as it is checked. Raises Updated.

    It hangs where its parent says, as it inherits from there, and once.
    """
    seen: set[Place] = set()
    top: Any = file.root.raw_get("/Pages")
    if "/Parent" in top.get_object():
        raise Updated("pages that hang at something else")
    waiting: list[Any] = [top]
    while waiting:
        node: Any = waiting.pop()
        if (node.idnum, node.generation) in seen:
            raise Updated("a page that stands in several places")
        seen.add((node.idnum, node.generation))
        within: Any = node.get_object()
        if within["/Type"] != "/Pages":
            yield node.idnum, within
            continue
        kids: Any = value(within, "/Kids", ())
        for number in range(len(kids)):
            kid: Any = kids.raw_get(number)
            parent: Any = kid.get_object().raw_get("/Parent")
            if (parent.idnum, parent.generation) != (node.idnum, node.generation):
                raise Updated("a page whose parent is another one")
            waiting.append(kid)


def check_pages(reader: PdfFileReader, base: int) -> None:
    """Check that what stands on the pages of a signed revision lies there in the same order.

    It is drawn in that order; what is added stands there once. Raises Updated.
    """
    before = _annotated(reader.get_historical_resolver(base))
    for revision in range(base + 1, reader.xrefs.total_revisions):
        now = _annotated(reader.get_historical_resolver(revision))
        for number, each in before.items():
            signed, shown = {*each}, now.get(number, [])
            added = [one for one in shown if one not in signed]
            if [one for one in shown if one in signed] != each or len({*added}) != len(added):
                raise Updated("what stands on a page lies there in another order")
        before = now


def _annotated(file: PdfHandler) -> dict[int, list[Place | str]]:
    return {number: [*map(_place, _annotations(page))] for number, page in pages(file)}


def _place(annotation: Any) -> Place | str:  # noqa: ANN401
    """Return what tells an annotation from others: its number, or all of it."""
    if isinstance(annotation, IndirectObject):
        return annotation.idnum, annotation.generation
    return repr(annotation)


def _annotations(page: Any) -> Iterator[Any]:  # noqa: ANN401
    every: Any = value(page, "/Annots", ())
    for number in range(len(every)):
        yield every.raw_get(number)


def places(page: Any) -> Iterator[Place]:  # noqa: ANN401
    """Yield what stands on a page, as far as it has numbers."""
    for one in _annotations(page):
        if isinstance(one, IndirectObject):
            yield one.idnum, one.generation


def shown_cm2(page: Any) -> float:  # noqa: ANN401
    """Return how much of a page is shown (ISO 32000-2 14.11.2). Raises Updated."""
    boxes = [_sides(page, key) for key in ("/MediaBox", "/CropBox")]
    every = [one for one in boxes if one]
    if not every:
        raise Updated("a page without a size")
    left, low, right, high = zip(*every, strict=True)
    width, height = min(right) - max(left), min(high) - max(low)
    unit = float(value(page, "/UserUnit", 1)) / POINTS_PER_CM
    return max(width, 0) * max(height, 0) * unit * unit


def _sides(page: Any, key: str) -> tuple[float, ...] | None:  # noqa: ANN401
    """Return a box's left, lower, right and upper side, also when the page inherits it."""
    holder, steps = page, 0
    while key not in holder:
        if "/Parent" not in holder or steps > _DEEPEST:
            return None
        holder, steps = holder["/Parent"], steps + 1
    box: Any = holder[key]
    if not isinstance(box, ArrayObject) or len(box) != _SIDES:
        raise Updated("a page whose size is not plain numbers")
    sides: list[Any] = [box[place] for place in range(_SIDES)]
    x, y, other_x, other_y = map(float, sides)
    return min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y)


def largest_unit(file: PdfHandler) -> float:
    """Return the largest unit of a page in points, 1 at least (ISO 32000-2 14.11.2.3)."""
    return max((float(value(page, "/UserUnit", 1)) for _, page in pages(file)), default=1.0)


def has_text_of_readers(file: PdfHandler) -> bool:
    """Say whether something but signatures is on a page that readers may draw by themselves."""
    return any(
        _is_drawn_by_readers(one.get_object() if isinstance(one, IndirectObject) else one)
        for _, page in pages(file)
        for one in _annotations(page)
    )


def _is_drawn_by_readers(one: Any) -> bool:  # noqa: ANN401
    parent: Any = value(one, "/Parent", {})
    kind = value(one, "/FT", value(parent, "/FT") if "/Parent" in one else None)
    return value(one, "/Subtype") in _DRAWN_BY_READERS and kind != "/Sig"
