"""Every bad paper is refused with its own reason, every good one passes."""

import asyncio
from collections.abc import Callable

import pytest

from infra.pki.authority import Use
from infra.pki.sign import sign
from services.signing import finding as reasons
from tests.fixtures import tampering
from tests.fixtures.papers import OTHER, Papers, Sheet, days
from tests.signing.desk import Desk

Make = Callable[[Papers], bytes]

BAD_MAIN: dict[str, tuple[str, Make]] = {
    "unsigned": (reasons.UNSIGNED, lambda p: p.letter.pdf),
    "not a PDF": (reasons.UNREADABLE, lambda _: b"%PDF-1.7\nkhong phai PDF"),
    "empty": (reasons.UNREADABLE, lambda _: b""),
    "cut in the middle": (reasons.UNREADABLE, lambda p: p.good_main.content[:40_000]),
    "encrypted": (reasons.UNREADABLE, lambda p: tampering.encrypted(p.letter.pdf)),
    "one byte changed": (
        reasons.ALTERED,
        lambda p: tampering.changed_byte(p.good_main.content),
    ),
    "bytes after the end": (reasons.ALTERED, lambda p: p.good_main.content + b"% them\n"),
    "note after the seal": (reasons.ALTERED, lambda p: tampering.note_added(p.good_main.content)),
    "page replaced after the seal": (
        reasons.ALTERED,
        lambda p: tampering.page_replaced(p.good_main.content),
    ),
    "field after the seal": (
        reasons.ALTERED,
        lambda p: tampering.field_added(p.good_main.content),
    ),
    "note between leader and seal": (
        reasons.ALTERED,
        lambda p: sealed(p, tampering.note_added(p.signed(p.leader()))),
    ),
    "page replaced between leader and seal": (
        reasons.ALTERED,
        lambda p: sealed(p, tampering.page_replaced(p.signed(p.leader()))),
    ),
    "range that leaves out more": (
        reasons.ALTERED,
        lambda p: tampering.gap_widened(p.good_main.content, p.seal()),
    ),
    "range that leaves out another place": (
        reasons.ALTERED,
        lambda p: tampering.gap_moved(p.good_main.content, p.seal()),
    ),
    "a digit behind the signature": (
        reasons.ALTERED,
        lambda p: tampering.padding_used(p.good_main.content),
    ),
    "a digit of the signature in another case": (
        reasons.ALTERED,
        lambda p: tampering.digit_in_another_case(p.good_main.content),
    ),
    "seal only": (reasons.LEADER_MISSING, lambda p: p.signed(p.seal())),
    "leader only": (reasons.SEAL_MISSING, lambda p: p.signed(p.leader())),
    "seal before leader": (reasons.WRONG_ORDER, lambda p: p.signed(p.seal(), p.leader())),
    "leader again after the seal": (
        reasons.WRONG_ORDER,
        lambda p: p.signed(p.leader(), p.seal(), p.leader()),
    ),
    "other agency's leader": (
        reasons.OTHER_AGENCY,
        lambda p: p.signed(p.leader(OTHER), p.seal()),
    ),
    "other agency's seal": (reasons.OTHER_AGENCY, lambda p: p.signed(p.leader(), p.seal(OTHER))),
    "other agency's good paper": (
        reasons.OTHER_AGENCY,
        lambda p: p.signed(p.leader(OTHER), p.seal(OTHER)),
    ),
    "certificate nobody registered": (
        reasons.UNREGISTERED,
        lambda p: p.signed(p.issued(Use.LEADER, registered=False), p.seal()),
    ),
    "same names, other root": (
        reasons.UNTRUSTED,
        lambda p: p.signed(p.issued(Use.LEADER, office=p.foreign_office()), p.seal()),
    ),
    "expired": (
        reasons.EXPIRED,
        lambda p: p.signed(p.issued(Use.LEADER, period=days(-30, -1)), p.seal()),
    ),
    "not valid yet": (
        reasons.EXPIRED,
        lambda p: p.signed(p.leader(), p.issued(Use.SEAL, period=days(1, 30))),
    ),
    "protocol key as a seal": (
        reasons.WRONG_USE,
        lambda p: p.signed(p.leader(), p.issued(Use.PROTOCOL)),
    ),
    "SHA-1": (reasons.WEAK, lambda p: p.signed(p.leader(), p.seal(), digest="sha1")),
    "RSA of 1024 bits": (
        reasons.WEAK,
        lambda p: p.signed(p.issued(Use.LEADER, rsa_bits=1024), p.seal()),
    ),
}


def sealed(papers: Papers, pdf: bytes) -> bytes:
    """Put the seal on a file."""
    return sign(pdf, papers.seal(), field="DauCoQuan")


@pytest.mark.parametrize("kind", BAD_MAIN)
async def test_a_bad_paper_is_refused_with_its_own_reason(desk: Desk, kind: str) -> None:
    reason, make = BAD_MAIN[kind]
    content = await asyncio.to_thread(make, desk.papers)
    await desk.register.tend()
    (seen,) = await desk.examine(Sheet(content))
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reason)


async def test_a_good_letter_with_its_annex_passes(desk: Desk) -> None:
    seen = await desk.examine(desk.papers.good_main, desk.papers.good_annex)
    assert [(one.indication, one.reason) for one in seen] == [("TOTAL-PASSED", None)] * 2


async def test_a_letter_signed_by_two_leaders_and_sealed_passes(desk: Desk) -> None:
    papers = desk.papers
    second = await asyncio.to_thread(papers.issued, Use.LEADER)
    await desk.register.tend()
    content = await asyncio.to_thread(papers.signed, papers.leader(), second, papers.seal())
    (seen,) = await desk.examine(Sheet(content))
    assert seen.indication == "TOTAL-PASSED"


async def test_an_annex_needs_the_seal(desk: Desk) -> None:
    content = await asyncio.to_thread(desk.papers.signed, desk.papers.leader())
    (seen,) = await desk.examine(Sheet(content, "ANNEX"))
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.SEAL_MISSING)


async def test_a_good_paper_of_one_agency_is_refused_from_another(desk: Desk) -> None:
    (seen,) = await desk.examine(desk.papers.good_main, sender=OTHER)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.OTHER_AGENCY)
