"""What signatures that follow a first one may cover of a page: each, and all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from services.signing.finding import Finding
from services.signing.validation.material import Material
from services.signing.validation.pades import validate_pdf
from services.signing.validation.policy import NEWEST
from services.signing.validation.trust import Trust
from tests.conformance import pdf
from tests.conformance.pdf import PAGE, PAGES, Pdf, Place
from tests.conformance.world import NOW, World, blank, sealed

WORLD = World()
USUAL = WORLD.setting()
TRUST = Trust(Material(NEWEST.read_bytes(), USUAL.authorities, USUAL.lists))
LARGE = b"[50 50 333 220]"
"""59.9 of 60 square centimetres."""
ORDINARY = b"[50 50 191 163]"
WHOLE = b"[0 0 595 842]"
OPAQUE = b"1 1 1 rg 0 0 595 842 re f"
LEADER = Place(field="NguoiKy")
SECOND = 8
"""The number of the second page; fields follow."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of two pages with empty fields, and how to fill them."""

    file: Pdf
    leader: Place
    others: Sequence[Place]


def draft(
    *, first: Sequence[Place] = (), second: Sequence[Place] = (), no: Sequence[Place] = ()
) -> Draft:
    """Return a draft with empty fields on its pages, and on none."""
    every = (LEADER, *first, *second, *no)
    numbers = range(SECOND + 1, SECOND + 1 + len(every))
    turned = 1 + len(first)
    objects = {
        PAGES: b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 2>>" % (PAGE, SECOND),
        PAGE: pdf.page(numbers[:turned]),
        SECOND: pdf.page(numbers[turned : turned + len(second)], text_field=False),
        pdf.FORM: pdf.form(numbers),
        **{number: empty(place) for number, place in zip(numbers, every, strict=True)},
    }
    file = replace(pdf.update(blank(), objects), fields=tuple(numbers))
    fills = [replace(place, fills=number) for number, place in zip(numbers, every, strict=True)]
    return Draft(file, fills[0], fills[1:])


def empty(place: Place) -> bytes:
    """Return a field that nobody has signed."""
    return b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/Rect%s/P %d 0 R/F 132>>" % (
        place.field.encode(),
        place.rect,
        PAGE,
    )


def places(many: int, rect: bytes, name: str = "O") -> list[Place]:
    """Return so many places with an opaque look."""
    return [Place(field=f"{name}{one}", rect=rect, look=OPAQUE) for one in range(many)]


def signed(file: Pdf, leader: Place, *seals: Place) -> Finding:
    """Have a file judged that a leader signs, and then seals in these places."""
    file = sealed(file, WORLD.leader, place=leader)
    for place in seals:
        file = sealed(file, WORLD.seal, place=place)
    return validate_pdf(file.content, TRUST, NOW)


def refused(found: Finding) -> str:
    """Return why the leader's signature does not hold."""
    leader = found.signatures[0]
    assert (leader.field, leader.rule) == ("NguoiKy", "format.changes")
    return leader.detail


def test_an_empty_field_of_the_size_of_a_page_is_not_filled_later() -> None:
    made = draft(first=places(1, WHOLE))
    between = places(1, ORDINARY, "M")
    for seals in (made.others, [*between, *made.others], [*made.others, *between]):
        assert "covers too much of the page" in refused(signed(made.file, made.leader, *seals))


def test_an_empty_field_of_the_size_of_a_seal_is_filled_later() -> None:
    made = draft(first=places(1, LARGE))
    assert signed(made.file, made.leader, *made.others).indication == "TOTAL-PASSED"


def test_a_large_field_that_stays_empty_or_is_signed_first_covers_nothing_signed() -> None:
    made = draft(first=places(1, WHOLE))
    assert signed(made.file, made.leader).indication == "TOTAL-PASSED"
    (over,) = made.others
    assert signed(made.file, over, *places(1, LARGE, "M")).indication == "TOTAL-PASSED"


@pytest.mark.parametrize(("many", "rect"), [(4, LARGE), (12, ORDINARY)])
def test_several_seals_on_a_page_are_ordinary(many: int, rect: bytes) -> None:
    assert signed(blank(), LEADER, *places(many, rect)).indication == "TOTAL-PASSED"


def test_many_seals_do_not_cover_a_page_together() -> None:
    assert "too much of one page" in refused(signed(blank(), LEADER, *places(5, LARGE)))
    made = draft(first=places(3, LARGE))
    seals = (*made.others, *places(2, LARGE, "M"))
    assert "too much of one page" in refused(signed(made.file, made.leader, *seals))


def test_what_stands_on_another_page_covers_nothing_of_this_one() -> None:
    made = draft(first=places(4, LARGE), second=places(4, LARGE, "H"))
    assert signed(made.file, made.leader, *made.others).indication == "TOTAL-PASSED"
    more = draft(first=places(4, LARGE), second=places(5, LARGE, "H"))
    assert "too much of one page" in refused(signed(more.file, more.leader, *more.others))


def test_what_stands_on_no_page_is_bounded_too() -> None:
    made = draft(no=places(5, LARGE))
    assert "on no page" in refused(signed(made.file, made.leader, *made.others))
