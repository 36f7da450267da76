"""Changes of a letter's structure: objects, words, numbers, names, gaps, what stands behind."""

import random
import re
from collections.abc import Callable
from typing import TypeAlias

from tests.mutants.letters import filled, gaps, objects, places

Way: TypeAlias = Callable[[bytes, bytes, random.Random], bytes]
"""From a letter and another one to a changed letter."""
_NUMBERS = (b"0", b"1", b"-1", b"2147483648", b"99999999999999999999", b"0.5", b"4294967295")
_NAMES = tuple(
    b"/" + one
    for one in (
        *(b"Contents", b"ByteRange", b"SubFilter", b"V", b"Type", b"FT", b"Fields", b"AcroForm"),
        *(b"Root", b"Prev", b"Size", b"Info", b"Pages", b"Kids", b"Sig", b"Annots", b"Filter"),
        *(b"Length", b"P", b"Parent", b"Metadata", b"ETSI.CAdES.detached", b"XRefStm"),
    )
)
_TOKEN = re.compile(rb"/[A-Za-z0-9.]+|\b\d+\b|<<|>>|\[|\]|\bR\b|\bobj\b|\bendobj\b|\bstream\b")
_SPECIAL = re.compile(
    rb"/(?:ByteRange|Length|Size|Prev|Root|Count|N|First)\s*\[?[ 0-9]+|startxref\s+\d+"
)
_ROWS = re.compile(rb"\d{10} \d{5} [nf]")


def _objects(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Leave an object out, write it twice, or swap two."""
    found = objects(pdf)
    first, second = sorted(dice.sample(found, 2), key=lambda one: one[1])
    (_, a, b), (_, c, d) = first, second
    match dice.randrange(4):
        case 0:
            return pdf[:a] + pdf[b:]
        case 1:
            return pdf[:b] + b"\n" + pdf[a:b] + pdf[b:]
        case 2:
            return pdf[:a] + pdf[c:d] + pdf[b:c] + pdf[a:b] + pdf[d:]
        case _:  # the same length: no place moves
            return pdf[:a] + b" " * (b - a) + pdf[b:]


def _tokens(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Leave a word out, write it twice, or swap two."""
    found = list(_TOKEN.finditer(pdf))
    one, two = sorted(dice.sample(found, 2), key=re.Match[bytes].start)
    match dice.randrange(4):
        case 0:
            return pdf[: one.start()] + pdf[one.end() :]
        case 1:
            return pdf[: one.end()] + b" " + one[0] + pdf[one.end() :]
        case 2:
            return pdf[: one.start()] + b" " * len(one[0]) + pdf[one.end() :]
        case _:
            between = pdf[one.end() : two.start()]
            return pdf[: one.start()] + two[0] + between + one[0] + pdf[two.end() :]


def _numbers(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Change one number of a byte range, a length, a trailer, the place of a table."""
    one = dice.choice(list(_SPECIAL.finditer(pdf)))
    numbers = list(re.finditer(rb"\d+", one[0]))
    number = dice.choice(numbers)
    value = int(number[0])
    near = (value + dice.choice((-2, -1, 1, 2, 64)), value * 2, len(pdf), value // 2)
    new = dice.choice((*_NUMBERS, *(b"%d" % max(0, abs(other)) for other in near)))
    if dice.random() < 0.5:
        new = new.rjust(len(number[0]), b"0")[-len(number[0]) :]
    text = one[0][: number.start()] + new + one[0][number.end() :]
    return pdf[: one.start()] + text + pdf[one.end() :]


def _rows(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Change rows of a cross-reference table."""
    rows = list(_ROWS.finditer(pdf))
    one, two = dice.choice(rows), dice.choice(rows)
    place = dice.choice(objects(pdf))[1]
    new = dice.choice(
        (two[0], b"%010d 00000 n" % place, b"0000000000 65535 f", b"%010d 00001 n" % place)
    )
    return pdf[: one.start()] + new + pdf[one.end() :]


def _names(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Write one name for another, at one place or at all."""
    name, new = dice.choice(_NAMES), dice.choice((*_NAMES, b"/X", b"/#43ontents", b"/"))
    starts = [one.start() for one in re.finditer(re.escape(name) + rb"\b", pdf)]
    if not starts:
        return pdf
    if dice.random() < 0.3:
        return re.sub(re.escape(name) + rb"\b", lambda _: new, pdf)
    start = dice.choice(starts)
    return pdf[:start] + new + pdf[start + len(name) :]


def _insert(pdf: bytes, other: bytes, dice: random.Random) -> bytes:
    """Put something in at a structural place: objects, words, a piece of another letter."""
    place = dice.choice(places(pdf))
    _, a, b = dice.choice(objects(other))
    what = dice.choice(
        (
            other[a:b],
            b" ",
            b"%%EOF\n",
            b"\nstartxref\n0\n%%EOF\n",
            b"/Contents <00> ",
            b"/ByteRange [0 1 2 3] ",
            b"<<" * dice.choice((1, 500)),
            b"[" * dice.choice((1, 2_000)),
            b"% a note\n",
            dice.randbytes(20),
        )
    )
    return pdf[:place] + what + pdf[place:]


def _gap(pdf: bytes, other: bytes, dice: random.Random) -> bytes:
    """Change what is not signed: the digits, their case, what stands behind the CMS."""
    here, there = gaps(pdf), gaps(other)
    one, two = dice.choice(here), dice.choice(there)
    digits = pdf[one.start : one.end]
    used = digits.rstrip(b"0")
    back = dice.randrange(2, 40)
    new = dice.choice(
        (
            digits.lower(),
            digits[: len(used) // 2].lower() + digits[len(used) // 2 :],
            digits[:-back] + b"41" * (back // 2) + b"0" * (back % 2),
            used + b" " * (len(digits) - len(used)),
            b"0" * len(digits),
            b"00" + digits[:-2],
            used[: len(used) // 2].ljust(len(digits), b"0"),
            other[two.start : two.end].rstrip(b"0").ljust(len(digits), b"0")[: len(digits)],
            digits[:-20] + b">" + b" " * 19,
            digits[:-60] + b">/Contents<" + b"0" * 49,
            digits.replace(b"0", b"\n", 1),
        )
    )
    return pdf[: one.start] + new + pdf[one.end :]


def _contents(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Move `/Contents`, or write it twice."""
    one = dice.choice(gaps(pdf))
    start = pdf.rfind(b"/Contents", 0, one.start)
    entry = pdf[start : one.end + 1]
    place = pdf.find(b">>", one.end)
    match dice.randrange(4):
        case 0:
            return pdf[:start] + pdf[one.end + 1 : place] + entry + pdf[place:]
        case 1:
            return pdf[:place] + entry + pdf[place:]
        case 2:
            return pdf[:start] + b"/Contents <00>\n" + pdf[start:]
        case _:
            return pdf[:start] + b"/Contents 9 0 R" + b" " * (len(entry) - 15) + pdf[one.end + 1 :]


def _splice(pdf: bytes, other: bytes, dice: random.Random) -> bytes:
    """Put parts of two letters together."""
    here, there = gaps(pdf), gaps(other)
    one, two = dice.choice(here), dice.choice(there)
    match dice.randrange(4):
        case 0:
            digits = other[two.start : two.end].rstrip(b"0")
            digits += b"0" * (len(digits) % 2)
            return filled(pdf, one, bytes.fromhex(digits.decode())) or pdf
        case 1:
            return pdf[: one.covers] + other[two.covers :]
        case 2:
            return pdf[: one.covers] + other
        case _:
            cut, place = dice.choice(places(pdf)), dice.choice(places(other))
            return pdf[:cut] + other[place:]


def _behind(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Write something behind the end."""
    start = pdf.rfind(b"startxref")
    return pdf + dice.choice(
        (
            *(b"\n", b"\r", b" ", b"\0", b"%", b"\r\n\r\n", b"%%EOF\n", b"\n%%EOF"),
            pdf[start:],
            dice.randbytes(dice.choice((1, 16, 900))),
            b"9 0 obj\n<</Type/Page>>\nendobj\n",
            b"0" * 2_000,
            pdf,
        )
    )


def _before(pdf: bytes, _other: bytes, dice: random.Random) -> bytes:
    """Write something before the beginning."""
    return (
        dice.choice((b"\n", b" ", b"%PDF-1.4\n", b"MZ", dice.randbytes(9), b"\xef\xbb\xbf")) + pdf
    )


WAYS: tuple[Way, ...] = (
    *(_objects, _tokens, _numbers, _rows, _names, _insert, _gap, _contents, _splice, _behind),
    _before,
)


def changed(pdf: bytes, other: bytes, dice: random.Random) -> tuple[str, bytes]:
    """Return a changed letter, and the name of the way."""
    way = dice.choice(WAYS)
    return f"pdf{way.__name__}", way(pdf, other, dice)
