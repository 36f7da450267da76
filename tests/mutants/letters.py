"""Where things stand in a signed letter: gaps, signed ends, objects. By bytes, no parser."""

import re
from dataclasses import dataclass

_GAP = re.compile(rb"/Contents\s*<([0-9A-Fa-f]+)>\s*/ByteRange\s*\[([0-9 ]+)\]")
_OBJECT = re.compile(rb"(?<![0-9])(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Gap:
    """The hexadecimal digits of one signature, without their brackets."""

    start: int
    end: int
    covers: int
    """Where the bytes end that are signed."""


def gaps(pdf: bytes) -> list[Gap]:
    """Return the gaps of a letter, in the order of the file."""
    found: list[Gap] = []
    for match in _GAP.finditer(pdf):
        numbers = [int(one) for one in match[2].split()]
        found.append(Gap(match.start(1), match.end(1), numbers[2] + numbers[3]))
    return found


def signed_ends(pdf: bytes) -> list[int]:
    """Return where the revisions end that were signed, the first one first."""
    return sorted(gap.covers for gap in gaps(pdf))


def unhex(digits: bytes) -> bytes:
    """Return a gap's CMS without the zeros behind it. Raises ValueError."""
    content = bytes.fromhex(digits.decode("ascii"))
    first = content[1]
    size = 2 + first if first < 0x80 else 0
    if not size:
        width = first & 0x7F
        size = 2 + width + int.from_bytes(content[2 : 2 + width], "big")
    if any(content[size:]):
        raise ValueError("something behind the CMS")
    return content[:size]


def filled(pdf: bytes, gap: Gap, cms: bytes) -> bytes | None:
    """Return the letter with another CMS in a gap; None: it does not fit."""
    digits = cms.hex().upper().encode()
    room = gap.end - gap.start
    if len(digits) > room:
        return None
    return pdf[: gap.start] + digits.ljust(room, b"0") + pdf[gap.end :]


def objects(pdf: bytes) -> list[tuple[int, int, int]]:
    """Return number, begin and end of each object that stands in the file."""
    return [(int(one[1]), one.start(), one.end()) for one in _OBJECT.finditer(pdf)]


def newest(pdf: bytes) -> dict[int, bytes]:
    """Return what stands between `obj` and `endobj` of each object, as last written."""
    return {int(one[1]): one[2] for one in _OBJECT.finditer(pdf)}


def places(pdf: bytes) -> list[int]:
    """Return the ends of a letter's structural words: where a cut is most like a whole file."""
    words = rb"endobj|endstream|%%EOF|xref|startxref|trailer|>>|/Contents|/ByteRange"
    found: set[int] = set()
    for one in re.finditer(words, pdf):
        found.update((one.start(), one.end(), one.end() + 1))
    return sorted(place for place in found if 0 < place < len(pdf))
