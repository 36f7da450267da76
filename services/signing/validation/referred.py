"""What a signed revision refers to stays what it was, by whatever name it is referred to.

pyHanko looks at uses by their names and passes over some; readers follow any. In a worker only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Collection, Iterator
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

_OF_THE_CATALOGUE = frozenset({"/AcroForm", "/DSS", "/Extensions", "/Metadata"})
"""What an update may bring in its place, where it is an object of its own."""
_OF_THE_TRAILER = frozenset({("/Root",), ("/Info",)})


@dataclass(frozen=True, slots=True)
class _Use:
    """One place where an object is referred to."""

    holder: int
    """The number of the object that it stands in; 0: the trailer."""
    path: tuple[str, ...]
    """The keys that lead to it there; arrays have none."""
    refers: Reference


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signed revision: what is known there by its number."""

    file: HistoricalResolver
    root: int
    form: int
    """Number of the form, 0 where it stands in the catalogue."""
    pages: Collection[int]
    fields: Collection[int]
    """Of signatures, with what shows them."""
    store: Collection[int]
    """All that the security store is made of."""


def check_referred(reader: PdfFileReader, revision: int) -> None:
    """Check what a signed revision refers to and later ones bring anew.

    A number that it refers to without an object stays without one (ISO 32000-2 7.3.10); an object
    that is brought again is used only as what may change there. Raises Updated.
    """
    xrefs = reader.xrefs
    later = range(revision + 1, xrefs.total_revisions)
    brought = {one.idnum for number in later for one in xrefs.explicit_refs_in_revision(number)}
    if not brought:
        return
    there, file = listed(reader, revision), reader.get_historical_resolver(revision)
    known = {(one.idnum, one.generation) for one in there}
    again: dict[Reference, list[_Use]] = {}
    for use in _uses(file, there):
        if use.refers.idnum not in brought:
            continue
        if (use.refers.idnum, use.refers.generation) not in known:
            raise Updated("something that was referred to before it was there")
        again.setdefault(use.refers, []).append(use)
    if again:
        signed = _signed(file)
        for one, uses in again.items():
            if not all(_may_change(signed, file.get_object(one), use) for use in uses):
                raise Updated("something that is used as what must not change")


def listed(reader: PdfFileReader, revision: int) -> set[Reference]:
    """Return the objects that a revision has."""
    each = (reader.xrefs.explicit_refs_in_revision(number) for number in range(revision + 1))
    return {
        one
        for some in each
        for one in some
        if reader.xrefs.get_historical_ref(one, revision) is not None
    }


def _uses(file: HistoricalResolver, there: Collection[Reference]) -> Iterator[_Use]:
    """Yield all references of all objects, reached or not, and of the trailer."""
    yield from _inside(0, file.trailer_view)
    for one in there:
        yield from _inside(one.idnum, file.get_object(one))


def _inside(holder: int, top: Any) -> Iterator[_Use]:  # noqa: ANN401
    waiting: list[tuple[tuple[str, ...], Any]] = [((), top)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, IndirectObject):
            yield _Use(holder, path, one.reference)
        elif isinstance(one, DictionaryObject):
            waiting += [((*path, str(key)), inner) for key, inner in dict.items(one)]
        elif isinstance(one, ArrayObject):
            waiting += [(path, inner) for inner in list.__iter__(one)]


def _signed(file: HistoricalResolver) -> _Signed:
    root: Any = file.trailer_view.raw_get("/Root")
    catalogue: Any = file.root
    form: Any = catalogue.raw_get("/AcroForm") if "/AcroForm" in catalogue else None
    fields = {place.idnum: place.get_object() for _, _, place in enumerate_sig_fields(file)}
    kids = [kid for field in fields.values() for kid in _kids(field)]
    return _Signed(
        file,
        root.idnum,
        form.idnum if isinstance(form, IndirectObject) else 0,
        {number for number, _ in pages(file)},
        {*fields, *kids},
        {*_reached(file, root.idnum, catalogue)},
    )


def _kids(field: Any) -> list[int]:  # noqa: ANN401
    every: Any = value(field, "/Kids", ())
    numbers = range(len(every))
    return [kid.idnum for n in numbers if isinstance((kid := every.raw_get(n)), IndirectObject)]


def _reached(file: HistoricalResolver, root: int, catalogue: Any) -> Iterator[int]:  # noqa: ANN401
    """Yield the numbers of all that hangs at the security store."""
    store = DictionaryObject({k: v for k, v in dict.items(catalogue) if k == "/DSS"})
    waiting, seen = [use.refers for use in _inside(root, store)], set[Reference]()
    while waiting:
        if (one := waiting.pop()) not in seen:
            seen.add(one)
            yield one.idnum
            waiting += [use.refers for use in _inside(one.idnum, file.get_object(one))]


def _may_change(signed: _Signed, said: Any, use: _Use) -> bool:  # noqa: ANN401
    """Say whether this use of an object lets it be brought again: pyHanko says how it may differ.

    A page and a signature's field differ in keys that nothing else is drawn by.
    """
    if use.holder == 0:
        return use.path in _OF_THE_TRAILER
    number, of_root = use.refers.idnum, use.holder == signed.root
    if isinstance(said, StreamObject):
        if of_root and use.path == ("/Metadata",):
            return True
        return use.holder in signed.fields and use.path[:1] == ("/AP",)
    if isinstance(said, ArrayObject):
        in_form = (use.holder == signed.form and use.path == ("/Fields",)) or (
            of_root and use.path == ("/AcroForm", "/Fields")
        )
        if in_form or (use.holder in signed.pages and use.path == ("/Annots",)):
            return True
    elif number in signed.pages or number in signed.fields:
        return True
    within = of_root and use.path[:1] == ("/DSS",)
    in_root = of_root and len(use.path) == 1 and use.path[0] in _OF_THE_CATALOGUE
    return in_root or within or use.holder in signed.store
