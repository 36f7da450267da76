"""What an update brings again says what it said before, but for what may change there.

pyHanko compares values as Python does: a name and a text, 1 and 1.0, names in two encodings are
one to it and two to readers. Runs in a worker process only.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.signing.validation.syntax import Digits, Name, Odd, Reference, Value

_OF_THE_ROOT = frozenset((b"AcroForm", b"DSS", b"Extensions", b"Metadata", b"Version"))
_OF_A_FORM, _OF_AN_INFO = frozenset((b"Fields", b"SigFlags")), frozenset((b"ModDate", b"Producer"))
_OF_A_PAGE, _OF_A_FIELD = frozenset((b"Annots",)), frozenset((b"AP", b"AS", b"F"))
_ADDED_TO_A_FORM, _ADDED_TO_A_FIELD = frozenset((b"DA", b"DR")), frozenset((b"V", b"Type"))
"""What other rules look at; of the last two as far as it was not there before."""
_BOXES = (b"MediaBox", b"CropBox", b"BleedBox", b"TrimBox", b"ArtBox", b"BBox", b"Rect")
_OF_ANY_NUMBER = frozenset((*_BOXES, b"Matrix", b"UserUnit", b"CA", b"ca"))
"""Numbers that no reader wants whole: writers bring 595.0 again as 595."""
_ESCAPED = re.compile(rb"\\(?:([nrtbf()\\])|([0-3][0-7]{2}))")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_WHITE_TABLE = b"\0\t\n\f\r "
Text: TypeAlias = "bytes | Digits"


@dataclass(frozen=True, slots=True)
class Written:
    """An object as it is written."""

    said: Value
    data: bytes | memoryview | None = None
    """Of a stream, packed."""


Objects: TypeAlias = Mapping[int, Written]


@dataclass(frozen=True, slots=True)
class File:
    """The objects of a file by their numbers, as our own parser reads them."""

    objects: Objects
    root: int
    info: Value
    """As the trailer has it."""

    def at(self, one: Value) -> Value:
        """Return what stands there, or where it is referred to."""
        if not isinstance(one, Reference):
            return one
        found = self.objects.get(one.number)
        return None if found is None else found.said

    def of_the_root(self, key: bytes) -> Value:
        """Return what the catalogue has under a key, as it stands there."""
        catalogue = self.at(Reference(self.root, 0))
        return catalogue.get(key) if isinstance(catalogue, dict) else None

    def with_update(self, objects: Objects, info: Value) -> "File":
        """Return it behind an update."""
        return File({**self.objects, **objects}, self.root, info)


def check_kept(then: File, brought: Collection[int], now: File) -> None:
    """Check the objects that an update brings. Raises Odd."""
    _check_form(then, now)
    info, later = then.at(then.info), now.at(now.info)
    if isinstance(info, dict) and not _are_alike(info, later, _OF_AN_INFO):
        raise Odd("an /Info that says something else than it did")
    apart = {*_apart(then)}
    for number in brought:
        before = then.objects.get(number)
        if before is None or number in apart:
            continue
        if not _is_kept(then, number, now):
            raise Odd(f"object {number} says something else than it did")


def _check_form(then: File, now: File) -> None:
    before, after = (one.at(one.of_the_root(b"AcroForm")) for one in (then, now))
    if before is None:
        return
    free = _OF_A_FORM | _new(before, _ADDED_TO_A_FORM)
    if not _are_alike(before, after, free) or not _follow(then, before, now, after, b"Fields"):
        raise Odd("a form that says something else than it did")


def _apart(then: File) -> Iterator[int]:
    """Yield the numbers of what is looked at elsewhere, whatever its number."""
    named = [then.of_the_root(key) for key in (b"AcroForm", b"Metadata", b"Extensions")]
    yield from (one.number for one in (*named, then.info) if isinstance(one, Reference))
    waiting, seen = [then.of_the_root(b"DSS")], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Reference) and one.number not in seen:
            seen.add(one.number)
            waiting.append(then.at(one))
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    yield from seen


def _is_kept(then: File, number: int, now: File) -> bool:
    before, after = then.objects[number], now.objects[number]
    said = before.said
    if before.data is not None or after.data is not None:
        return before.data == after.data and are_same(said, after.said)
    if isinstance(said, list):
        return _is_followed(said, after.said)
    if number == then.root:
        return _are_alike(said, after.said, _OF_THE_ROOT)
    if not isinstance(said, dict):
        return are_same(said, after.said)
    if said.get(b"Type") == Name(b"Page"):
        annotated = _follow(then, said, now, after.said, b"Annots")
        return annotated and _are_alike(said, after.said, _OF_A_PAGE)
    is_empty = _is_empty_field(then, said)
    free = _OF_A_FIELD | _new(said, _ADDED_TO_A_FIELD) if is_empty else frozenset[bytes]()
    return _are_alike(said, after.said, free)


def _is_empty_field(then: File, said: Mapping[bytes, Value]) -> bool:
    """Say whether it is a signature field, or shows one, that nobody has filled."""
    holder = then.at(said.get(b"Parent"))
    of_both = [said, holder if isinstance(holder, dict) else {}]
    is_field = said.get(b"FT") == Name(b"Sig") or said.get(b"Subtype") == Name(b"Widget")
    return is_field and not any(b"V" in one for one in of_both)


def _new(said: Value, keys: frozenset[bytes]) -> frozenset[bytes]:
    return keys - said.keys() if isinstance(said, dict) else keys


def _follow(then: File, before: Value, now: File, after: Value, key: bytes) -> bool:
    """Say whether a list under a key begins as it did, and goes on with objects alone."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    return key not in before or _is_followed(then.at(before[key]), now.at(after.get(key)))


def _is_followed(before: Value, after: Value) -> bool:
    """Say whether all that was listed is listed, in that order, and beside it only objects."""
    if not isinstance(before, list) or not isinstance(after, list):
        return False
    left = iter(after)
    for one in before:
        for other in left:
            if are_same(one, other):
                break
            if not isinstance(other, Reference):
                return False
        else:
            return False
    return all(isinstance(one, Reference) for one in left)


def _are_alike(before: Value, after: Value, free: Collection[bytes]) -> bool:
    """Say whether dictionaries are the same but for these keys."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    kept = [{key: one for key, one in said.items() if key not in free} for said in (before, after)]
    return are_same(kept[0], kept[1])


def are_same(one: Value, other: Value, *, whole: bool = True) -> bool:
    """Say whether every reader takes two values for the same.

    `whole`: whether a whole number is another one than a real of its value.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            are_same(said, other[key], whole=key not in _OF_ANY_NUMBER) for key, said in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(are_same(*pair, whole=whole) for pair in pairs)
    if isinstance(one, bytes | Digits) and isinstance(other, bytes | Digits):
        return one == other or (_read(one) == _read(other) is not None)
    if not whole and type(one) in (int, float) and type(other) in (int, float):
        return one == other
    return type(one) is type(other) and one == other


def _read(text: Text) -> bytes | None:
    """Return what a string holds; None where readers may differ in that (ISO 32000-2 7.3.4)."""
    if isinstance(text, Digits):
        digits = text.value.translate(None, _WHITE_TABLE)
        return bytes.fromhex(digits.decode()) if len(digits) % 2 == 0 else None
    plain = _ESCAPED.sub(_unescaped, text)
    return plain if b"\r" not in text and b"\\" not in _ESCAPED.sub(b"", text) else None


def _unescaped(found: "re.Match[bytes]") -> bytes:
    letter, octal = found[1], found[2]
    return bytes((int(octal, 8),)) if octal else _LETTERS.get(letter, letter)
