"""What the updates behind a signature bring: signed fields within bounds, and nothing shown after.

pyHanko's difference analysis says which objects may be new; this looks at what they are. Runs in a
worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    IndirectObject,
    Reference,
)
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.fields import enumerate_sig_fields

from services.signing.validation.appearances import appearances, check_appearances, is_blank
from services.signing.validation.objects import refers, value
from services.signing.validation.pages import (
    POINTS_PER_CM,
    Place,
    has_text_of_readers,
    largest_unit,
    pages,
    places,
    shown_cm2,
)
from services.signing.validation.policy import Changes
from services.signing.validation.security_store import Updated

_DRAWN_WITH = ("/DA", "/DR")
"""Entries of a form: text and resources that are the default of its fields."""
_Fields = Mapping[Place, tuple[Any, Any]]
"""Signature fields with their values, None where nobody has signed."""
_HANDED_ON = ("/Ff", "/DA", "/Q")
"""Of a field, beside its value: how text below it is drawn."""
_SIDES = 4
_NOT_AS_THE_PAGE = 8 | 16
"""NoZoom and NoRotate (ISO 32000-2 12.5.3)."""
_FIELD_KEYS = (
    "/Type /Subtype /FT /T /TU /TM /V /F /Ff /Rect /P /Parent /Kids /AP /AS /MK /BS /Border /DA /DR"
    " /Q /Lock /SV /NM /M /H /C /StructParent"
)
_OF_A_FIELD = frozenset(_FIELD_KEYS.split())
"""ISO 32000-2 12.5.6.19, 12.7.4, 12.7.5.5: no action (/A, /AA), nothing of other kinds."""
_OF_WHAT_SHOWS = ("/Subtype", "/Rect", "/AP")
"""Some readers draw a field that has them, whatever its kids show."""
_STAMP_KEYS = "/Type /Filter /SubFilter /Contents /ByteRange /M /Name /V /Prop_Build"
_OF_A_STAMP = frozenset(_STAMP_KEYS.split())


def check_fields(reader: PdfFileReader, first: int, last: int, allowed: Changes) -> None:
    """Check the signature fields that are new, or filled, after a first signed revision.

    One that was empty then shows nothing of what was signed, wherever it came from: what fills it
    covers the page as a new one does. What is filled after the `last` one may show nothing at all:
    only time stamps follow. Raises Updated.
    """
    covered: dict[Place, float] = {}
    limited = allowed.largest_appearance_cm2 is not None
    known = _fields(reader.get_historical_resolver(first))
    later = {
        revision: _fields(reader.get_historical_resolver(revision))
        for revision in range(first + 1, reader.xrefs.total_revisions)
    }
    _check_handed_on(known, later.values())
    until_last = _fields(reader.get_historical_resolver(last))
    whole, unit = _fields(reader), largest_unit(reader)
    for revision, fields in later.items():
        for place, (field, filled) in fields.items():
            new = place not in known
            if new and whole.get(place, _NOTHING)[1] is None:
                raise Updated("a signature field was added that nobody has signed")
            if revision > last and until_last.get(place, _NOTHING)[1] is None:
                _check_invisible(_widget(field), filled)
                continue
            if new:
                _widget(field)
            elif filled is None or known[place][1] is not None:
                continue
            else:
                _check_showed_nothing(known[place][0])
            areas = dict(_areas(field, place, unit))
            if limited:
                _check_size(areas, allowed.largest_appearance_cm2)
                covered |= {one: max(area, covered.get(one, 0)) for one, area in areas.items()}
    _check_covered(reader, covered, allowed)


def _check_showed_nothing(field: Any) -> None:  # noqa: ANN401
    """Check that a field that is filled showed nothing when the page was signed. Raises Updated.

    What it showed lay over the page, and what fills it takes that away.
    """
    kids: Any = value(field, "/Kids", ())
    for one in (field, *(kids[number] for number in range(len(kids)))):
        if not all(is_blank(look) for look in appearances(one)):
            raise Updated("a signature field was filled that showed something")


def _check_handed_on(known: _Fields, later: Iterable[_Fields]) -> None:
    """Check that what others inherit from signature fields is as it was signed. Raises Updated."""
    signed = {place: [*_handed_on(field)] for place, (field, _) in known.items()}
    for fields in later:
        now = {place: [*_handed_on(field)] for place, (field, _) in fields.items()}
        if any(now.get(place, before) != before for place, before in signed.items()):
            raise Updated("a field was changed in what others inherit from it")


def _handed_on(field: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield what fields below one inherit from it, and from what shows it (ISO 32000-2 12.7.4)."""
    kids: Any = value(field, "/Kids", ())
    for one in (field, *(kids[number] for number in range(len(kids)))):
        yield from (one.raw_get(key) if key in one else None for key in _HANDED_ON)


_NOTHING: tuple[Any, Any] = (None, None)


def _fields(file: PdfHandler) -> _Fields:
    """Return all signature fields."""
    found: dict[Place, tuple[Any, Any]] = {}
    every: Any = enumerate_sig_fields(file)
    for _, signature, place in every:
        filled = None if signature is None else signature.get_object()
        found[place.idnum, place.generation] = place.get_object(), filled
    return found


def _widget(field: Any) -> Any:  # noqa: ANN401
    """Return what a field shows: itself, or its only kid. Raises Updated."""
    kids: Any = value(field, "/Kids", ())
    if len(kids) > 1 or (kids and any(key in field for key in _OF_WHAT_SHOWS)):
        raise Updated("a signature field that is shown in several places")
    widget = kids[0].get_object() if kids else field
    if not {str(key) for one in (field, widget) for key in one} <= _OF_A_FIELD:
        raise Updated("a signature field that does more than show a signature")
    return widget


def _area(widget: Any) -> float:  # noqa: ANN401
    """Return the area that a field covers, in square centimetres of a page whose unit is a point.

    Readers draw what keeps its size or its place on the screen elsewhere. Raises Updated.
    """
    flags: Any = value(widget, "/F", 0)
    if not isinstance(flags, int) or flags & _NOT_AS_THE_PAGE:
        raise Updated("a signature field that is not drawn as its page is")
    if "/Rect" not in widget:
        return 0.0
    sides: Any = widget.raw_get("/Rect")
    if not isinstance(sides, ArrayObject) or len(sides) != _SIDES or refers(sides):
        raise Updated("a signature field whose place is not plain numbers")
    numbers: list[Any] = [sides[place] for place in range(_SIDES)]
    left, low, right, high = (float(number) / POINTS_PER_CM for number in numbers)
    return abs(right - left) * abs(high - low)


def _areas(field: Any, place: Place, unit: float) -> Iterator[tuple[Place, float]]:  # noqa: ANN401
    """Yield what a field covers: by itself, and each of its kids. Raises Updated."""
    yield place, _drawn(field) * unit * unit
    kids: Any = value(field, "/Kids", ())
    for number in range(len(kids)):
        kid: Any = kids.raw_get(number)
        if not isinstance(kid, IndirectObject):
            raise Updated("a signature field that is shown by an object without a number")
        yield (kid.idnum, kid.generation), _drawn(kid.get_object()) * unit * unit


def _drawn(widget: Any) -> float:  # noqa: ANN401
    area = _area(widget)
    check_appearances(widget, area)
    return area


def _check_size(areas: Mapping[Place, float], largest_cm2: float | None) -> None:
    if largest_cm2 is not None and not sum(areas.values()) <= largest_cm2:
        raise Updated("a signature that was added covers too much of the page")


def _check_covered(reader: PdfFileReader, covered: Mapping[Place, float], allowed: Changes) -> None:
    """Check what later signatures cover of one page together. Raises Updated.

    Those that stand on no page are one, too. Where they lie counts, not whether they overlap.
    """
    if not sum(covered.values()):
        return
    most = allowed.largest_on_a_page_cm2 or math.inf
    share = (allowed.largest_on_a_page_percent or math.inf) / 100
    nowhere = set(covered)
    for _, page in pages(reader):
        shown = covered.keys() & set(places(page))
        nowhere -= shown
        area = sum(covered[one] for one in shown)
        if area and not area <= min(most, share * shown_cm2(page)):
            raise Updated("signatures that were added cover too much of one page")
    if not sum(covered[one] for one in nowhere) <= most:
        raise Updated("signatures that were added cover too much, on no page")


def _check_invisible(widget: Any, filled: Any) -> None:  # noqa: ANN401
    if _drawn(widget) or not all(is_blank(one) for one in appearances(widget)):
        raise Updated("something that is shown was added after the last signature")
    if filled is None:
        return  # the next revision fills it
    if not {str(key) for key in filled} <= _OF_A_STAMP or refers(filled):
        raise Updated("a time stamp of the document that says more than it has to")


def check_forms(reader: PdfFileReader, base: int, last: int) -> None:
    """Check that what all fields are drawn with is as it was signed. Raises Updated.

    A program that adds a signature, the `last` one at the latest, may add it, where nothing but
    signatures is drawn with it.
    """
    form: Any = value(reader.get_historical_resolver(base).root, "/AcroForm", {})
    fields: Any = value(form, "/Fields", ())
    bare = all(value(fields[number], "/FT") == "/Sig" for number in range(len(fields)))
    bare = bare and not has_text_of_readers(reader.get_historical_resolver(base))
    for key in _DRAWN_WITH:
        signed, at_last = (_drawn_with(reader, one, key) for one in (base, last))
        kept = not isinstance(signed, IndirectObject) or (
            reader.xrefs.get_last_change(signed.reference) <= base
        )
        for revision in range(base + 1, reader.xrefs.total_revisions):
            later = _drawn_with(reader, revision, key)
            added = signed is None and bare and revision <= last
            if not kept or (later != (signed if revision <= last else at_last) and not added):
                raise Updated("what fields are drawn with was changed")


def _drawn_with(reader: PdfFileReader, revision: int, key: str) -> Any:  # noqa: ANN401
    form: Any = value(reader.get_historical_resolver(revision).root, "/AcroForm", {})
    return form.raw_get(key) if key in form else None


def reaches_behind(reader: "Reader", revision: int, end: int) -> bool:
    """Say whether an object of a signed revision or of one before lies behind its signed bytes."""
    xrefs = reader.xrefs
    for number in range(revision + 1):
        for place in xrefs.explicit_refs_in_revision(number):
            where = xrefs.get_historical_ref(place, number)
            if where is None:
                continue  # freed
            if not isinstance(where, int):  # in a stream of objects
                stream = Reference(where.obj_stream_id, 0, reader)
                where = xrefs.get_historical_ref(stream, revision)
                if not isinstance(where, int) or xrefs.get_last_change(stream) > revision:
                    return True
            if where >= end or reader.ends.get(where, 0) > end:
                return True
    return False


class Reader(PdfFileReader):
    """Reads strictly, and notes where each object that was read ends."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401
        """Open a file. Raises PdfError."""
        self.ends: dict[int, int] = {}
        super().__init__(stream, strict=True)

    def _read_object(self, ref: Any, marker: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        found: Any = super()._read_object(ref, marker, *args, **options)
        if isinstance(marker, int):
            self.ends[marker] = self.stream.tell()
        return found
