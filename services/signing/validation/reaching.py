"""What updates refer to of a signed part: its pages and fields where these are expected, no more.

A signed object that no reader had to look at may lead to nothing, or be odd, and a reader that
stumbles over it looks for objects by itself. In a worker only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyhanko.pdf_utils.generic import IndirectObject, StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler

from services.signing.validation.objects import value
from services.signing.validation.pages import pages, places
from services.signing.validation.referred import (
    EACH,
    Revision,
    Use,
    brought_after,
    inside,
    listed,
    revision_of,
)
from services.signing.validation.security_store import Updated

_ON_A_PAGE = "/Annots"
_LISTS = frozenset({_ON_A_PAGE, "/Fields", "/Kids"})
_SHOWN = ("/AP", "/AS", "/F")
_OF_THE_FILE = frozenset({"/XRef", "/ObjStm"})
_FORM = -1
"""Of references in the form, as who holds them: it is an object of its own, or not."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What was signed, and what the file is now."""

    signed: Collection[int]
    """The numbers of all objects then."""
    then: Revision
    now: Revision
    lists: Mapping[int, Collection[str]]
    """Arrays with numbers of their own, now: what they list, by the keys that they stand under."""
    annotations: Collection[int]
    """What stood on pages then."""
    structure: Collection[int]
    """Streams that were brought and hold objects or cross-references."""

    def listing(self, use: Use) -> Collection[str]:
        """Return the keys of the lists, by numbers or not, that a reference is an element of."""
        now = self.now
        holders = (_FORM, *now.pages, *now.fields, *now.within)
        if use.path == (EACH,):
            return self.lists.get(use.holder, ())
        right = use.path[1:] == (EACH,) and use.path[0] in _LISTS and use.holder in holders
        return use.path[:1] if right else ()

    def may_list(self, use: Use) -> bool:
        """Say whether it is an element there that is new, or was one then: else nobody saw it."""
        keys, number = self.listing(use), use.refers.idnum
        fields = {*self.then.fields, *self.then.within}
        were = {key: self.annotations if key == _ON_A_PAGE else fields for key in _LISTS}
        return bool(keys) and (
            number not in self.signed or all(number in were[key] for key in keys)
        )


def check_reached(reader: PdfFileReader, revision: int) -> None:
    """Check what later revisions refer to that a signed one did not refer to there. Raises Updated.

    Fields, pages and lists of them are used as such alone, the later ones too: as a map of
    resources each of their entries would be drawn.
    """
    brought = brought_after(reader, revision)
    if not brought:
        return
    file, there = reader.get_historical_resolver(revision), listed(reader, revision)
    now, at_last = revision_of(reader), listed(reader, reader.xrefs.total_revisions - 1)
    brought_now = {one.idnum: reader.get_object(one) for one in at_last if one.idnum in brought}
    brought_then = {one.idnum: file.get_object(one) for one in there if one.idnum in brought}
    structure = {number for number, one in brought_now.items() if _is_structure(one)}
    then, numbers = revision_of(file), {one.idnum for one in there}
    lists, annotations = _lists(reader, now), {*_annotations(file)}
    ground = _Ground(numbers, then, now, lists, annotations, structure)
    kept = {*map(_told, _uses(file, then, brought_then))}
    for use in _uses(reader, now, brought_now):
        if _told(use) not in kept and not _is_in_place(ground, use):
            raise Updated("an update that uses something signed for something else")
        if use.path[:1] == _SHOWN[:1] and use.refers.idnum in numbers:
            _check_shown(brought_then.get(use.holder), brought_now.get(use.holder))


def _check_shown(then: Any, now: Any) -> None:  # noqa: ANN401
    """Check that a field shows what it showed, if any of that is left: the rest nobody saw."""
    if not isinstance(then, dict) or not isinstance(now, dict):
        return
    if any(dict.get(then, key) != dict.get(now, key) for key in _SHOWN):
        raise Updated("a signature field that shows what it did not show before")


def _told(use: Use) -> tuple[int, tuple[str, ...], int, int]:
    return use.holder, use.path, use.refers.idnum, use.refers.generation


def _is_structure(one: Any) -> bool:  # noqa: ANN401
    return isinstance(one, StreamObject) and value(one, "/Type") in _OF_THE_FILE


def _uses(file: PdfHandler, known: Revision, there: Mapping[int, Any]) -> Iterator[Use]:
    """Yield all references in the trailer and in objects; a form is one wherever it stands."""
    yield from inside(0, file.trailer_view)
    for number, one in there.items():
        if _is_structure(one):
            continue  # what it says is looked at by `appended`
        for use in inside(number, one):
            if number == known.root and use.path[:1] == ("/AcroForm",) and use.path[1:]:
                yield Use(_FORM, use.path[1:], use.refers)
            else:
                yield Use(_FORM if number == known.form else number, use.path, use.refers)


def _is_in_place(ground: _Ground, use: Use) -> bool:
    path, holder, now = use.path, use.holder, ground.now
    above = path == ("/Parent",) and (holder in now.fields or holder in now.within)
    places = (
        (ground.structure, False),
        (ground.lists, bool(ground.listing(replace(use, path=(*path, EACH)))) and len(path) == 1),
        (now.fields, ground.may_list(use) or above),
        (now.within, ground.may_list(use) or above),
        (now.pages, path == ("/P",) and holder in now.fields),
        (now.store, holder in now.store or (holder == now.root and path[:1] == ("/DSS",))),
        ({now.root}, path == ("/Reference", EACH, "/Data")),
        ({now.form}, holder == now.root and path == ("/AcroForm",)),
    )
    number = use.refers.idnum
    for known, is_right in places:
        if number in known:
            return is_right
    return number not in ground.signed or ground.may_list(use)


def _lists(file: PdfFileReader, now: Revision) -> dict[int, set[str]]:
    """Return the lists that are objects of their own, with the keys that they stand under."""
    form: Any = value(file.root, "/AcroForm", {})
    each: list[tuple[Any, str]] = [(page, _ON_A_PAGE) for _, page in pages(file)]
    each.append((form, "/Fields"))
    each += [
        (file.get_object(one), "/Kids")
        for one in listed(file, file.xrefs.total_revisions - 1)
        if one.idnum in now.fields or one.idnum in now.within
    ]
    found: dict[int, set[str]] = {}
    for holder, key in each:
        if key in holder and isinstance(place := holder.raw_get(key), IndirectObject):
            found.setdefault(place.idnum, set()).add(key)
    return found


def _annotations(file: PdfHandler) -> Iterator[int]:
    """Yield the numbers of what stands on pages."""
    return (number for _, page in pages(file) for number, _ in places(page))
