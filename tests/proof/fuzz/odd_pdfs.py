"""A signed letter, changed in every way: bytes, structure, what stands behind its end, bombs."""

import random
import re
import zlib
from collections.abc import Callable, Iterator

_END = b"\n%%EOF\n"


def _cut(pdf: bytes, dice: random.Random) -> bytes:
    return pdf[: dice.randrange(8, len(pdf))]


def _flip(pdf: bytes, dice: random.Random) -> bytes:
    changed = bytearray(pdf)
    for _ in range(dice.choice((1, 1, 1, 10, 1000))):
        changed[dice.randrange(8, len(pdf))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _leave_out(pdf: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(8, len(pdf))
    return pdf[:at] + pdf[at + dice.choice((1, 100, 10_000)) :]


def _insert(pdf: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(8, len(pdf))
    return pdf[:at] + dice.choice((b"\x00", b"\n", dice.randbytes(500), pdf[:5_000])) + pdf[at:]


def _swap(pdf: bytes, dice: random.Random) -> bytes:
    words = (
        b"/ByteRange",
        b"/Contents",
        b"startxref",
        b"/Prev",
        b"/Root",
        b"/Size",
        b"endobj",
        b"stream",
    )
    word = dice.choice(words)
    other = dice.choice((*words, b"/" + b"A" * 300, b"", b"<<" * 5_000, b"[" * 5_000))
    return pdf.replace(word, other, dice.choice((1, -1)))


def _numbers(pdf: bytes, dice: random.Random) -> bytes:
    """Put another number in the place of some."""
    values = (b"0", b"-1", b"99999999999999999999", b"2147483648", b"1e9", b"4294967295", b"0.5")
    share = dice.choice((0.001, 0.02))
    return re.sub(
        rb"(?<= )[0-9]{1,10}(?= )",
        lambda found: dice.choice(values) if dice.random() < share else found[0],
        pdf,
    )


def _behind(pdf: bytes, dice: random.Random) -> bytes:
    """Add what a later revision would add, badly or well."""
    loop = b"\n9999 0 obj<</Type/Pages/Kids[9999 0 R 9999 0 R]/Count 2147483647"
    loop += b"/Parent 9999 0 R>>endobj\n"
    xref = b"xref\n0 0\ntrailer<</Size 10000/Root 9999 0 R/Prev %d>>\nstartxref\n%d" % (
        len(pdf),
        len(pdf) + 1,
    )
    return pdf + dice.choice(
        (
            b" ",
            b"\n%x\n",
            dice.randbytes(100),
            pdf,
            loop + xref + _END,
            xref + _END,
            b"\x00" * 5_000,
        )
    )


def _bomb(pdf: bytes, dice: random.Random) -> bytes:
    size = dice.choice((1, 50, 200)) * 1_000_000
    packed = zlib.compress(zlib.compress(bytes(size), 9), 9)
    filters = dice.choice(
        (b"/FlateDecode", b"[/FlateDecode/FlateDecode]", b"[" + b"/FlateDecode" * 500 + b"]")
    )
    stream = b"\n9998 0 obj<</Type/ObjStm/N 100000/First 10/Length %d/Filter %s>>stream\n" % (
        len(packed),
        filters,
    )
    at = dice.choice((len(pdf), pdf.rfind(b"startxref"), 9))
    return pdf[:at] + stream + packed + b"\nendstream\nendobj\n" + pdf[at:]


def _made(pdf: bytes, dice: random.Random) -> bytes:
    """Return what is hardly a PDF at all."""
    del pdf
    return dice.choice(
        (
            b"%PDF-1.7",
            b"%PDF-1.7\n%%EOF",
            b"%PDF-1.7\nstartxref\n9\n%%EOF",
            b"%PDF-1.7\n" + b"1 0 obj" * 50_000,
            b"%PDF-1.7\n1 0 obj " + b"<</A " * 100_000,
            b"%PDF-1.7\n1 0 obj " + b"[" * 500_000,
            b"%PDF-1.7\n" + b"(" * 500_000,
            b"%PDF-1.7\n<" + b"41" * 500_000,
            b"%PDF-1.7\nxref\n0 1000000\n" + b"0000000000 65535 f \n" * 1_000,
            b"%PDF-1.7\n1 0 obj<</Root 1 0 R>>endobj\ntrailer<</Prev 9/Root 1 0 R>>startxref\n9\n",
            b"%PDF-2.0\n" + dice.randbytes(50_000),
        )
    )


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _flip, _leave_out, _insert, _swap, _numbers, _behind, _bomb, _made),
)


def mutated(pdf: bytes, dice: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` changed letters, each with the name of its way; every way in turn."""
    for number in range(count):
        way = WAYS[number % len(WAYS)]
        changed = way(pdf, dice)
        if changed != pdf:
            yield way.__name__.removeprefix("_"), changed
