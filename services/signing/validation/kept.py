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
_OF_A_STORE, _OF_AN_ENTRY = (b"Certs", b"CRLs", b"OCSPs"), (b"Cert", b"CRL", b"OCSP", b"TU", b"TS")
_LARGEST = 2**31 - 1
"""Of a whole number: some readers count on from 0 behind it."""
_BOXES = (b"MediaBox", b"CropBox", b"BleedBox", b"TrimBox", b"ArtBox", b"BBox", b"Rect")
_OF_ANY_NUMBERS = dict.fromkeys(_BOXES, 4) | {b"Matrix": 6}
"""Keys of lists of so many numbers that no reader wants whole: writers bring 595.0 again as 595."""
_OF_ANY_NUMBER = (b"UserUnit", b"CA", b"ca")
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
        if number in then.objects and not _is_kept(then, number, now, apart):
            raise Odd(f"object {number} says something else than it did")


def _check_form(then: File, now: File) -> None:
    before, after = (one.at(one.of_the_root(b"AcroForm")) for one in (then, now))
    if before is None:
        return
    free = _OF_A_FORM | _new(before, _ADDED_TO_A_FORM)
    if not _are_alike(before, after, free) or not _follow(then, before, now, after, b"Fields"):
        raise Odd("a form that says something else than it did")


def _apart(then: File) -> Iterator[int]:
    """Yield the numbers of what other rules look at, where it is nothing else."""
    named = [then.of_the_root(key) for key in (b"AcroForm", b"Metadata", b"Extensions")]
    lists = [*_under(then, then.of_the_root(b"DSS"), _OF_A_STORE)]
    entries = [*_under(then, then.of_the_root(b"DSS"), (b"VRI",))]
    each = [one for entry in entries for one in _under(then, entry)]
    lists += [one for entry in each for one in _under(then, entry, _OF_AN_ENTRY)]
    pieces = [one for some in lists if isinstance(there := then.at(some), list) for one in there]
    every = (*named, then.info, then.of_the_root(b"DSS"), *entries, *each, *lists, *pieces)
    yield from (one.number for one in every if isinstance(one, Reference))


def _under(then: File, holder: Value, keys: Collection[bytes] | None = None) -> Iterator[Value]:
    """Yield what stands under keys, or under all."""
    said = then.at(holder)
    if isinstance(said, dict):
        yield from (one for key, one in said.items() if keys is None or key in keys)


def _is_kept(then: File, number: int, now: File, apart: Collection[int]) -> bool:
    before, after = then.objects[number], now.objects[number]
    said = before.said
    if number == then.root:
        return _are_alike(said, after.said, _OF_THE_ROOT)
    if isinstance(said, dict) and said.get(b"Type") == Name(b"Page"):
        annotated = _follow(then, said, now, after.said, b"Annots")
        return annotated and _are_alike(said, after.said, _OF_A_PAGE)
    if isinstance(said, dict) and _is_field(said):
        free = _OF_A_FIELD | _new(said, _ADDED_TO_A_FIELD) if _is_empty(then, said) else ()
        return _are_alike(said, after.said, free)
    if number in apart:
        return True
    if isinstance(said, list) and after.data is None:
        return _is_followed(said, after.said)
    return before.data == after.data and are_same(said, after.said)


def _is_field(said: Mapping[bytes, Value]) -> bool:
    """Say whether it is a signature field, or shows one."""
    return said.get(b"FT") == Name(b"Sig") or said.get(b"Subtype") == Name(b"Widget")


def _is_empty(then: File, field: Mapping[bytes, Value]) -> bool:
    """Say whether nobody has filled it."""
    holder = then.at(field.get(b"Parent"))
    return b"V" not in field and not (isinstance(holder, dict) and b"V" in holder)


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
            are_same(said, other[key], whole=not _is_measure(key, said))
            for key, said in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(are_same(*pair, whole=whole) for pair in pairs)
    if isinstance(one, bytes | Digits) and isinstance(other, bytes | Digits):
        return one == other or (_read(one) == _read(other) is not None)
    kinds = {type(one), type(other)}
    if len(kinds) > 1 and (whole or not kinds <= {int, float}):
        return False
    bounded = not isinstance(one, int | float) or int not in kinds or abs(one) <= _LARGEST
    return bounded and one == other


def _is_measure(key: bytes, said: Value) -> bool:
    """Say whether it is a number, or a box, of which whole numbers may be written as reals."""
    if isinstance(said, list):
        plain = all(type(one) in (int, float) for one in said)
        return plain and len(said) == _OF_ANY_NUMBERS.get(key)
    return key in _OF_ANY_NUMBER


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
