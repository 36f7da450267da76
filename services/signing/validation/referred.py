"""What a signed revision refers to stays what it was, by whatever name it is referred to.

pyHanko looks at uses by their names and passes over some; readers follow any. In a worker only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    Reference,
    StreamObject,
)
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from services.signing.validation.objects import value
from services.signing.validation.pages import pages
from services.signing.validation.security_store import Updated
from services.signing.validation.syntax import HIGHEST, HIGHEST_GENERATION

_OF_THE_CATALOGUE = frozenset({"/AcroForm", "/DSS", "/Extensions", "/Metadata"})
"""What an update may bring in its place, where it is an object of its own."""
_IN_STORE, _IN_ONE = ("/Certs", "/CRLs", "/OCSPs"), ("/Cert", "/CRL", "/OCSP", "/TS")
_OF_THE_TRAILER = frozenset({("/Root",), ("/Info",)})
EACH = "*"
_AT_A_PAGE, _AT_A_FIELD = frozenset({EACH, "/P", "/Pg"}), frozenset({EACH, "/Parent", "/Obj"})
"""The last key where a page or a signature's field is referred to: never as a map, whose entries
are drawn by their names (ISO 32000-2 12.5.2, 12.7.4, 14.7.5)."""


@dataclass(frozen=True, slots=True)
class Use:
    """One place where an object is referred to."""

    holder: int
    """The number of the object that it stands in; 0: the trailer."""
    path: tuple[str, ...]
    """The keys that lead to it there, `EACH` where it is an element of an array."""
    refers: Reference

    @property
    def last(self) -> str:
        """Return the last of the keys; empty where an object is nothing but a reference."""
        return self.path[-1] if self.path else ""


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision: what is known there by its number."""

    root: int
    form: int
    """Number of the form, 0 where it stands in the catalogue."""
    pages: Collection[int]
    fields: Collection[int]
    """Of signatures, with what shows them."""
    within: Collection[int]
    """Fields that others stand in."""
    store: Collection[int]
    """All that the security store is made of."""


def check_referred(reader: PdfFileReader, revision: int) -> None:
    """Check what a signed revision refers to and later ones bring anew.

    A number that it refers to without an object stays without one (ISO 32000-2 7.3.10); an object
    that is brought again is used only as what may change there. Raises Updated.
    """
    brought = brought_after(reader, revision)
    if not brought:
        return
    there, file = listed(reader, revision), reader.get_historical_resolver(revision)
    known = {(one.idnum, one.generation) for one in there}
    again: dict[Reference, list[Use]] = {}
    for use in _uses(file, there):
        if use.refers.idnum not in brought:
            continue
        if (use.refers.idnum, use.refers.generation) not in known:
            raise Updated("something that was referred to before it was there")
        again.setdefault(use.refers, []).append(use)
    if again:
        signed = revision_of(file)
        for one, uses in again.items():
            if not all(_may_change(signed, file.get_object(one), use) for use in uses):
                raise Updated("something that is used as what must not change")


def brought_after(reader: PdfFileReader, revision: int) -> set[int]:
    """Return the numbers of all objects that later revisions bring."""
    xrefs = reader.xrefs
    later = range(revision + 1, xrefs.total_revisions)
    return {one.idnum for number in later for one in xrefs.explicit_refs_in_revision(number)}


def listed(reader: PdfFileReader, revision: int) -> set[Reference]:
    """Return the objects that a revision has."""
    each = (reader.xrefs.explicit_refs_in_revision(number) for number in range(revision + 1))
    return {
        one
        for some in each
        for one in some
        if reader.xrefs.get_historical_ref(one, revision) is not None
    }


def _uses(file: HistoricalResolver, there: Collection[Reference]) -> Iterator[Use]:
    """Yield all references of all objects, reached or not, and of the trailer. Raises Updated."""
    objects = [(one.idnum, file.get_object(one)) for one in there]
    every = [(0, file.trailer_view), *((_holder(*each), each[1]) for each in objects)]
    for use in (use for number, one in every for use in inside(number, one)):
        if not 0 < use.refers.idnum <= HIGHEST or use.refers.generation > HIGHEST_GENERATION:
            raise Updated("a number that no object can have")  # behind it some begin anew
        yield use


def _holder(number: int, one: Any) -> int:  # noqa: ANN401
    """Return the object's number; that of the trailer for cross-references (ISO 32000-2 7.5.8)."""
    is_trailer = isinstance(one, StreamObject) and value(one, "/Type") == "/XRef"
    return 0 if is_trailer else number


def inside(holder: int, top: Any) -> Iterator[Use]:  # noqa: ANN401
    """Yield all references in an object."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), top)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, IndirectObject):
            yield Use(holder, path, one.reference)
        elif isinstance(one, DictionaryObject):
            waiting += [((*path, str(key)), inner) for key, inner in dict.items(one)]
        elif isinstance(one, ArrayObject):
            waiting += [((*path, EACH), inner) for inner in list.__iter__(one)]


def revision_of(file: Any) -> Revision:  # noqa: ANN401
    """Look at a revision, or at the whole file. Raises Updated."""
    root: Any = file.trailer_view.raw_get("/Root")
    catalogue: Any = file.root
    form: Any = catalogue.raw_get("/AcroForm") if "/AcroForm" in catalogue else None
    fields = {place.idnum: place.get_object() for _, _, place in enumerate_sig_fields(file)}
    kids = [kid for field in fields.values() for kid in _kids(field)]
    return Revision(
        root.idnum,
        form.idnum if isinstance(form, IndirectObject) else 0,
        {number for number, _ in pages(file)},
        {*fields, *kids},
        {*_above(fields.values())},
        {*_of_the_store(catalogue)},
    )


def _kids(field: Any) -> list[int]:  # noqa: ANN401
    every: Any = value(field, "/Kids", ())
    numbers = range(len(every))
    return [kid.idnum for n in numbers if isinstance((kid := every.raw_get(n)), IndirectObject)]


def _above(fields: Iterable[Any]) -> Iterator[int]:
    """Yield the numbers of the fields in which fields stand. Raises Updated."""
    for field in fields:
        one, seen = field, set[int]()
        while "/Parent" in one:
            place: Any = one.raw_get("/Parent")
            if place.idnum in seen:
                raise Updated("a field that stands in itself")
            seen.add(place.idnum)
            one = place.get_object()
        yield from seen


def _of_the_store(catalogue: Any) -> Iterator[int]:  # noqa: ANN401
    """Yield the numbers of all that the security store is made of (ISO 32000-2 12.8.4.3)."""
    for store in _under(catalogue, ("/DSS",)):
        lists = [*_under(store, _IN_STORE)]
        entries = [*_under(store, ("/VRI",))]
        for each in [*entries]:
            of_one = [*_under(each, tuple(dict.keys(_resolved(each))))]
            entries += of_one
            lists += [one for entry in of_one for one in _under(entry, _IN_ONE)]
        pieces = [one for some in lists for one in _elements(some)]
        for one in (store, *entries, *lists, *pieces):
            if isinstance(one, IndirectObject):
                yield one.idnum


def _under(holder: Any, keys: Collection[str]) -> Iterator[Any]:  # noqa: ANN401
    """Yield what a dictionary, or one that is referred to, has under keys."""
    said: Any = _resolved(holder)
    if isinstance(said, DictionaryObject):
        yield from (said.raw_get(key) for key in keys if key in said)


def _elements(some: Any) -> Iterator[Any]:  # noqa: ANN401
    said: Any = _resolved(some)
    if isinstance(said, ArrayObject):
        yield from list.__iter__(said)


def _resolved(one: Any) -> Any:  # noqa: ANN401
    return one.get_object() if isinstance(one, IndirectObject) else one


def _may_change(signed: Revision, said: Any, use: Use) -> bool:  # noqa: ANN401
    """Say whether this use of an object lets it be brought again: pyHanko says how it may differ.

    A page and a signature's field differ in keys that nothing else is drawn by, where they are not
    used as a map.
    """
    if use.holder == 0:
        return use.path in _OF_THE_TRAILER
    number, of_root = use.refers.idnum, use.holder == signed.root
    if isinstance(said, StreamObject):
        return of_root and use.path == ("/Metadata",)
    if isinstance(said, ArrayObject):
        in_form = (use.holder == signed.form and use.path == ("/Fields",)) or (
            of_root and use.path == ("/AcroForm", "/Fields")
        )
        if in_form or (use.holder in signed.pages and use.path == ("/Annots",)):
            return True
    elif number in signed.pages or number in signed.fields:
        return use.last in (_AT_A_PAGE if number in signed.pages else _AT_A_FIELD)
    within = of_root and use.path[:1] == ("/DSS",)
    in_root = of_root and len(use.path) == 1 and use.path[0] in _OF_THE_CATALOGUE
    return in_root or within or use.holder in signed.store
