"""Where signatures are shown: in the space that was left for them, else where no text stands."""
# pypdfium2 is typed in part only:
# pyright: reportUnknownMemberType=false

from datetime import UTC, datetime
from io import BytesIO

import pypdfium2
import pytest
import typst

from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from services.signing.gap import BadGap, check
from services.signing.pipe import Prepared
from services.signing.place import Box, Spot, for_annex, for_leader, for_seal, size_of
from services.signing.stamp import Words, draw

MM = 72 / 25.4
LEADER = draw(Words("leader", "Văn phòng Chính phủ", "Lê Minh An", "2026-11-26T07:31:02+07:00"))
DAY = datetime(2026, 11, 26, tzinfo=UTC).date()


def page(body: str) -> bytes:
    """Return a PDF with this text."""
    made = BytesIO()
    source = f'#set page(paper: "a4", margin: (left: 30mm, right: 17mm, y: 22mm))\n{body}'
    made.write(typst.compile(source.encode(), format="pdf"))
    return made.getvalue()


def texts(pdf: bytes, number: int) -> list[Box]:
    """Return the boxes of all text of a page."""
    text = pypdfium2.PdfDocument(pdf)[number].get_textpage()
    return [text.get_rect(one) for one in range(text.count_rects())]


def covers(spot: Spot, pdf: bytes) -> bool:
    """Say whether a place lies over text."""
    left, bottom, right, top = spot.box
    return any(
        box[0] < right and box[2] > left and box[1] < top and box[3] > bottom
        for box in texts(pdf, spot.page)
    )


@pytest.mark.parametrize("with_districts", [True, False])
def test_the_leaders_stands_between_position_and_name(*, with_districts: bool) -> None:
    letter = sample_letter(
        code="7816/VPCP-TTĐT",
        signer="Lê Minh An",
        promulgated_on=DAY,
        with_districts=with_districts,
    )
    paper = render_letter(letter)
    spot = for_leader(paper.pdf, size_of(LEADER))
    assert spot.page == paper.place.page - 1
    assert (spot.box[0] + spot.box[2]) / 2 / MM == pytest.approx(paper.place.x, abs=2)
    top = 297 - spot.box[3] / MM
    assert paper.place.y < top < paper.place.y + 10
    assert not covers(spot, paper.pdf)


@pytest.mark.parametrize("paragraphs", [1, 4, 8, 20])
def test_without_a_space_it_stands_below_the_text_in_the_right_half(paragraphs: int) -> None:
    pdf = page("\n\n".join(["#lorem(70)"] * paragraphs))
    spot = for_leader(pdf, size_of(LEADER))
    assert spot.page == len(pypdfium2.PdfDocument(pdf)) - 1
    assert not covers(spot, pdf)
    assert spot.box[0] > 210 / 2 * MM


@pytest.mark.parametrize("body", ["", "#pagebreak()", "#place(bottom)[chân trang]"])
def test_a_page_without_text_has_a_place_too(body: str) -> None:
    spot = for_leader(page(body), size_of(LEADER))
    assert 0 <= spot.box[0] < spot.box[2] <= 210 * MM + 1
    assert 0 <= spot.box[1] < spot.box[3] <= 297 * MM + 1


def test_a_seal_stands_over_the_left_third() -> None:
    pdf = page("văn bản")
    leader = Spot(0, (300.0, 200.0, 480.0, 260.0))
    spot = for_seal(pdf, (102.0, 102.0), leader)
    assert spot.box == pytest.approx((258.0, 179.0, 360.0, 281.0))


def test_nothing_leaves_the_page() -> None:
    tiny = typst.compile(b"#set page(width: 40mm, height: 30mm, margin: 2mm)\nA", format="pdf")
    for spot in (
        for_leader(tiny, size_of(LEADER)),
        for_seal(tiny, (102.0, 102.0), Spot(0, (0.0, 0.0, 10.0, 10.0))),
        for_annex(tiny, (300.0, 12.0)),
    ):
        left, bottom, right, top = spot.box
        assert 0 <= left < right <= 40 * MM + 0.1
        assert 0 <= bottom < top <= 30 * MM + 0.1


def test_an_annex_says_it_in_the_upper_right_corner() -> None:
    shown = draw(Words("annex", "", "7816/VPCP-TTĐT", "26/11/2026; 07:31:02; +07:00"))
    text = pypdfium2.PdfDocument(shown)[0].get_textpage().get_text_bounded()
    assert text == "7816/VPCP-TTĐT; 26/11/2026; 07:31:02; +07:00"
    spot = for_annex(page("phụ lục"), size_of(shown))
    assert spot.box[2] > 190 * MM
    assert spot.box[1] > 275 * MM


@pytest.mark.parametrize(
    "name", ["Văn phòng Chính phủ", "Ủy ban nhân dân thị trấn Trà Lĩnh, huyện Trùng Khánh"]
)
def test_a_stamp_says_who_and_when(name: str) -> None:
    for kind in ("leader", "seal"):
        shown = draw(Words(kind, name, "Nguyễn Văn An", "2026-11-26T07:31:02+07:00"))
        text = pypdfium2.PdfDocument(shown)[0].get_textpage().get_text_bounded()
        joined = " ".join(text.split()).lower()
        assert name.lower() in joined
        assert "2026-11-26t07:31:02+07:00" in joined
        assert ("nguyễn văn an" in joined) == (kind == "leader")


GAP = b"<" + b"0" * 8 + b">"


@pytest.mark.parametrize(
    ("tail", "start", "end"),
    [
        (b"abc" + GAP, 3, 13),  # in the source
        (b"abc" + GAP, 102, 112),
        (b"abc<00000001>def", 103, 113),
        (b"abc" + GAP, 103, 111),
        (b"", 103, 113),
        (GAP, -10, 113),
        (b"abc" + GAP, 103, 114),  # behind the end
        (b"abc" + GAP, 103, 1 << 70),
        (b"abc" + GAP + b"d", 103, 99),  # counted from the end
    ],
)
def test_a_worker_is_not_believed_what_its_tail_does_not_show(
    tail: bytes, start: int, end: int
) -> None:
    check(Prepared(b"abc" + GAP, 103, 113), source_size=100, digits=8)
    with pytest.raises(BadGap):
        check(Prepared(tail, start, end), source_size=100, digits=8)
