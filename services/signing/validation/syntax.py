"""PDF objects as every reader reads them alike (ISO 32000-2 7.2, 7.3): what is odd is refused.

pyHanko, as other readers, forgives much, and each of them something else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

_DEEPEST = 32
"""Arrays and dictionaries in each other."""
WHITE = rb"[\0\t\n\f\r ]"
END = rb"(?![^\0\t\n\f\r ()<>\[\]{}/%])"
"""Behind a word or a number: white space or a delimiter."""
OBJECT = re.compile(rb"(\d{1,10})%(W)b+(\d{1,5})%(W)b+obj%(E)b" % {b"W": WHITE, b"E": END})
"""What an indirect object begins with: its number and generation."""
_TOKEN = re.compile(
    rb"(?P<reference>(\d{1,10})%(W)b+(\d{1,5})%(W)b+R%(E)b)"
    rb"|(?P<integer>-?\d{1,20}%(E)b)"
    rb"|(?P<real>-?(?:\d{1,20}\.\d{0,20}|\.\d{1,20})%(E)b)"
    rb"|/(?P<name>(?:[^\0\t\n\f\r ()<>\[\]{}/%%#]++|\#(?!00)[0-9A-Fa-f]{2})*+)%(E)b"
    rb"|<(?P<digits>[0-9A-Fa-f\0\t\n\f\r ]*+)>"
    rb"|(?P<dictionary><<)|(?P<array>\[)|(?P<text>\()"
    rb"|(?P<word>true|false|null)%(E)b" % {b"W": WHITE, b"E": END}
)
HIGHEST = 8_388_607
"""Of an object's number (ISO 32000-1 C.2): readers count beyond it in different ways."""
HIGHEST_GENERATION = 65_535
_LONGEST_NAME = 127
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_IN_TEXT = re.compile(rb"[()]|\\.", re.DOTALL)
_SPACE, _LITTLE_SPACE = re.compile(WHITE + rb"*"), re.compile(WHITE + rb"{0,256}")
_WORDS = {b"true": True, b"false": False, b"null": None}


class Odd(Exception):  # noqa: N818 (what the bytes are)
    """Bytes that readers may read in several ways; the text says where."""


class Reference(NamedTuple):
    """A reference to an indirect object."""

    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name, its escapes undone."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Digits:
    """A string that is written in hexadecimal digits; others are bytes, their escapes left in."""

    value: bytes


_Plain: TypeAlias = "bool | int | float | bytes | Digits | Name | Reference | None"
Value: TypeAlias = "_Plain | list[Value] | dict[bytes, Value]"


def reference(number: int, generation: int) -> Reference:
    """Return a reference to an object that there may be. Raises Odd."""
    if not 0 < number <= HIGHEST or generation > HIGHEST_GENERATION:
        raise Odd(f"object {number} {generation} cannot be")
    return Reference(number, generation)


def space(content: bytes, at: int) -> int:
    """Return where the white space that begins here ends."""
    found = _SPACE.match(content, at)
    return found.end() if found else at


def near(content: bytes, at: int) -> int:
    """Return the same for a place that tables name, of which many may lie in one white space."""
    found = _LITTLE_SPACE.match(content, at)
    return found.end() if found else at


def parse(content: bytes, at: int, depth: int = 0) -> tuple[Value, int]:
    """Return the object that begins behind white space, and where it ends. Raises Odd."""
    token = _TOKEN.match(content, space(content, at))
    if token is None or depth > _DEEPEST:
        raise Odd(f"no plain object at byte {at}")
    kind, end = str(token.lastgroup), token.end()
    match kind:
        case "dictionary":
            return _dictionary(content, end, depth)
        case "array":
            return _array(content, end, depth)
        case "text":
            return _text(content, end)
        case _:
            return _single(kind, token), end


def references(values: Iterable[Value]) -> Iterator[Reference]:
    """Yield all references in values, however deep."""
    waiting = [*values]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Reference):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _single(kind: str, token: "re.Match[bytes]") -> Value:
    said = token[kind]
    match kind:
        case "reference":
            return reference(int(token[2]), int(token[3]))
        case "integer":
            return int(said)
        case "real":
            return float(said)
        case "name":
            return _name(said)
        case "digits":
            return Digits(said)
        case _:
            return _WORDS[said]


def _name(said: bytes) -> Name:
    """Return a name, of which readers cut a long one before its escapes are undone (C.1)."""
    name = _ESCAPED.sub(lambda one: bytes.fromhex(one[1].decode()), said)
    if name != said and len(said) > _LONGEST_NAME:
        raise Odd("a name that is too long")
    return Name(name)


def _array(content: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    found: list[Value] = []
    while content[(at := space(content, at)) : at + 1] != b"]":
        one, at = parse(content, at, depth + 1)
        found.append(one)
    return found, at + 1


def _dictionary(content: bytes, at: int, depth: int) -> tuple[dict[bytes, Value], int]:
    found: dict[bytes, Value] = {}
    while content[(at := space(content, at)) : at + 2] != b">>":
        key, at = parse(content, at, depth + 1)
        if not isinstance(key, Name) or key.value in found:
            raise Odd(f"a key that is no name, or twice there, before byte {at}")
        found[key.value], at = parse(content, at, depth + 1)
    return found, at + 2


def _text(content: bytes, at: int) -> tuple[bytes, int]:
    """Return a literal string as it is written, its brackets in pairs."""
    begin, inside = at, 1
    for found in _IN_TEXT.finditer(content, at):
        inside += {b"(": 1, b")": -1}.get(found[0], 0)
        if not inside:
            return content[begin : found.start()], found.end()
    raise Odd(f"a text without an end at byte {begin}")
