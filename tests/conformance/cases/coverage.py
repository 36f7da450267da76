"""What a signature covers: EN 319 142-1 5.3, ISO 32000-2 12.8.1; in the detached form, all."""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import pdf
from tests.conformance.case import Case
from tests.conformance.cms import PLAIN, signature
from tests.conformance.pdf import Place, Range
from tests.conformance.trial import DETACHED, PDF, Trial, cases, paper
from tests.conformance.world import CONTENT, World, blank, row, rows, sealed

_OTHER = pdf.stream(b"BT /F1 12 Tf 72 720 Td (khac) Tj ET")


def coverage(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("coverage", _ranges(world))
    yield from cases("coverage", _digits(world))
    yield from _appended(world)
    yield from _copied(world)
    yield from _altered(world)
    yield from cases("coverage", _detached(world))


_RANGES: dict[str, Range] = {
    "honest": pdf.honest,
    "more-behind": lambda start, end, size: (0, start, end + 30, size - end - 30),
    "more-before": lambda start, end, size: (0, start - 30, end, size - end),
    "moved": lambda start, end, size: (0, start - 64, end - 64, size - end + 64),
    "six": lambda start, end, size: (0, 100, 120, start - 120, end, size - end),
    "two": lambda start, _end, _size: (0, start),
    "begins-late": lambda start, end, size: (10, start - 10, end, size - end),
    "ends-early": lambda start, end, size: (0, start, end, size - end - 20),
    "too-long": lambda start, end, size: (0, start, end, size - end + 1000),
    "inside-brackets": lambda start, end, size: (0, start + 1, end - 1, size - end + 1),
    "overlapping": lambda start, end, size: (0, start, 0, size - end),
    "the-first-half": lambda _start, end, size: (0, 500, end, size - end),
    "whole-twice": lambda start, end, size: (0, start, end, size - end, 0, start),
    "negative": lambda start, end, size: (0, start, end, end - size),
    "empty": lambda _start, _end, _size: (),
    "of-zeros": lambda _start, _end, _size: (0, 0, 0, 0),
}


def _ranges(world: World) -> Iterator[Trial]:
    for name, ranges in _RANGES.items():
        place = Place(ranges=ranges)
        yield Trial(
            name=f"range-{name}", by=world.seal, setting=world.setting(), place=place, forms=PDF
        )


def _one_upper(digits: bytes) -> bytes:
    at = next(place for place, one in enumerate(digits) if chr(one).isalpha())
    return digits[:at] + digits[at : at + 1].swapcase() + digits[at + 1 :]


def _digits(world: World) -> Iterator[Trial]:
    for name, place in (
        ("digits-upper-case", Place(upper=True)),
        ("much-room", Place(room=16_384)),
        ("digits-mixed-case", Place(digits=_one_upper)),
        ("digits-mixed-case-mostly-upper", Place(upper=True, digits=_one_upper)),
        ("padding-last-digit", Place(digits=lambda digits: digits[:-1] + b"1")),
        ("padding-of-text", Place(digits=lambda digits: digits[:-8] + b"6b686163")),
        ("padding-of-ff", Place(digits=lambda digits: digits[:-2000] + b"ff" * 1000)),
        ("padding-of-blanks", Place(digits=lambda digits: digits[:-20] + b" " * 20)),
    ):
        yield Trial(name=name, by=world.seal, setting=world.setting(), place=place, forms=PDF)
    # A gap that the CMS fills to its last digit.
    exact = len(signature(CONTENT, world.rsa_seal))
    place = Place(room=exact)
    yield Trial(
        name="no-padding", by=world.rsa_seal, setting=world.setting(), place=place, forms=PDF
    )


def _appended(world: World) -> Iterator[Case]:
    file = sealed(blank(), world.seal).content
    registered = rows(row(world.seal, "seal"))
    for name, behind in (
        ("garbage-appended", b"khong ai ky dong nay\n"),
        ("newline-appended", b"\n"),
        ("comment-appended", b"% ghi chu\n"),
        ("end-appended-again", b"%%EOF\n"),
        ("nul-appended", b"\x00"),
        ("object-appended", b"%d 0 obj\n%s\nendobj\n" % (pdf.TEXT, _OTHER)),
        ("old-file-appended", blank().content),
    ):
        yield paper("coverage", name, file + behind, registered, world.setting(), role="ANNEX")
    two = sealed(
        sealed(blank(), world.leader, place=Place(field="NguoiKy")),
        world.seal,
        place=Place(field="CoQuan"),
    )
    both = rows(row(world.leader, "leader"), row(world.seal, "seal"))
    yield paper("coverage", "two-signatures", two, both, world.setting())
    yield paper("coverage", "two-and-garbage", two.content + b"\n\n\n", both, world.setting())


def _copied(world: World) -> Iterator[Case]:
    """Write the signature's dictionary again: its range leaves out the old place, not its own."""
    file = sealed(blank(), world.seal)
    value = file.fields[0] - 1
    begin = file.content.index(b"\n%d 0 obj\n" % value)
    old = file.content[file.content.index(b"<<", begin) : file.content.index(b"\nendobj", begin)]
    for name, more in (
        ("signature-copied", {}),
        ("signature-copied-and-text-changed", {pdf.TEXT: _OTHER}),
    ):
        copied = pdf.update(file, {value: old, **more})
        registered = rows(row(world.seal, "seal"))
        yield paper("coverage", name, copied, registered, world.setting(), role="ANNEX")


def _altered(world: World) -> Iterator[Case]:
    two = sealed(
        sealed(blank(), world.leader, place=Place(field="NguoiKy")),
        world.seal,
        place=Place(field="CoQuan"),
    ).content
    both = rows(row(world.leader, "leader"), row(world.seal, "seal"))
    for name, old, new in (
        ("text-altered", b"7816/VPCP", b"7817/VPCP"),
        ("font-altered", b"Helvetica", b"Helvetico"),
        ("field-name-altered", b"/T(CoQuan)", b"/T(CoQuam)"),
        ("claimed-time-altered", b"D:20261201", b"D:20261130"),
        ("header-altered", b"%PDF-1.7", b"%PDF-1.6"),
    ):
        if old not in two:
            raise ValueError(old)
        file = two.replace(old, new)
        yield paper("coverage", name, file, both, world.setting())
    # Only the revision of the seal is altered: the leader's signature is still right.
    at = two.rindex(b"/M(D:20261201") + 5
    file = two[:at] + b"2025" + two[at + 4 :]
    yield paper("coverage", "only-the-seal-altered", file, both, world.setting())


def _detached(world: World) -> Iterator[Trial]:
    good = Trial(name="", by=world.seal, setting=world.setting(), forms=DETACHED)
    for name, content in (
        ("of-one-byte", b"a"),
        ("of-nothing", b""),
        ("of-a-megabyte", bytes(range(256)) * 4096),
        ("of-an-archive", b"PK\x03\x04" + bytes(200)),
        ("of-lines-without-return", CONTENT.replace(b"\r\n", b"\n")),
    ):
        yield replace(good, name=name, content=content)
    for name, shown in (
        ("one-bit-altered", bytes([CONTENT[0] ^ 1]) + CONTENT[1:]),
        ("cut-short", CONTENT[:-1]),
        ("longer-by-a-line", CONTENT + b"\r\n"),
        ("line-ends-changed", CONTENT.replace(b"\r\n", b"\n")),
        ("nothing-shown", b""),
        ("another-shown", b"Phu luc khac"),
        ("twice-shown", CONTENT * 2),
    ):
        yield replace(good, name=name, shown=shown, recipe=PLAIN)
