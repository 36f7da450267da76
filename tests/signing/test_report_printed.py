"""The report on paper: it opens, says the same as the page, and is the same every time."""
# pypdfium2 is typed in part only:
# pyright: reportUnknownMemberType=false

import unicodedata
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest

from services.signing.finding import UNREADABLE
from services.signing.report.printed import render
from services.signing.verdict import unread as no_answer
from tests.signing.reported import (
    DIGEST,
    HELD,
    POLICY,
    REVOKED,
    SEALED,
    SOUND,
    STAMPED,
    evidence,
    unread,
)

HOSTILE = (
    '#eval("1+1") #panic() $x$ *a* _b_ `c` \\ // @ref <label> [x]',
    '"); #read("/etc/passwd") //',
    "<script>alert(1)</script>",
    "a\x00b\u202ec",
    "W" * 100_000,
    "漢字 😀",
)


def text(pdf: bytes) -> str:
    """Return all text of a PDF, in one line."""
    document = pypdfium2.PdfDocument(pdf)
    pages = (page.get_textpage().get_text_bounded() for page in document)
    return unicodedata.normalize("NFC", " ".join(" ".join(pages).split()))


@pytest.mark.parametrize(
    ("stored", "headline", "reason"),
    [
        (
            evidence(STAMPED, SEALED),
            "ĐẠT",
            "Các chữ ký số cần có của tệp này đều hợp lệ tại thời điểm được xét",
        ),
        (evidence(REVOKED, SEALED), "KHÔNG ĐẠT", "Chứng thư số của người ký đã bị thu hồi"),
        (evidence(HELD, SEALED), "CHƯA KẾT LUẬN ĐƯỢC", "Thông tin thu hồi mới nhất"),
        (evidence(SOUND), "KHÔNG ĐẠT", "Thiếu chữ ký số của cơ quan."),
        (
            unread(no_answer(UNREADABLE, "", final=True)),
            "KHÔNG ĐẠT",
            "Không đọc được trọn vẹn tệp PDF",
        ),
    ],
)
def test_paper_says_the_verdict_and_the_reason(
    stored: dict[str, Any], headline: str, reason: str
) -> None:
    said = text(render(stored, POLICY, sha256=DIGEST, withdrawn=None))
    assert f"Kết luận chung {headline}" in said
    assert reason in said
    assert stored["subject"]["sha256"] in said
    assert f"lienthong verify FILE --evidence DIR --root ROOT --sha256 {DIGEST}" in said
    assert f"Giá trị băm của bằng chứng (SHA-256) {DIGEST}" in said


def test_paper_tells_all_signatures_and_their_times() -> None:
    said = text(render(evidence(STAMPED, SEALED), POLICY, sha256=DIGEST, withdrawn=None))
    assert "Chữ ký 1: chữ ký của người có thẩm quyền" in said
    assert "Chữ ký 2: chữ ký của cơ quan" in said
    assert "Đã được chứng minh bằng dấu thời gian" in said
    assert "Tự khai, không được chứng minh" in said


def test_ids_and_digests_can_be_copied_from_paper() -> None:
    stored = evidence(STAMPED, SEALED)
    pdf = render(stored, POLICY, sha256=DIGEST, withdrawn=None)
    said = text(pdf)
    assert "\u200b" not in said
    for name in ("document_id", "dispatch_id", "sender_id", "sha256"):
        assert stored["subject"][name] in said


def test_a_verdict_that_no_longer_holds_says_so() -> None:
    said = text(render(evidence(SOUND, SEALED), POLICY, sha256=DIGEST, withdrawn="SIG-4225"))
    assert "Kết luận chung ĐÃ RÚT KẾT LUẬN" in said
    assert "Chứng thư số đã bị thu hồi hoặc tạm dừng (SIG-4225)" in said


def test_the_same_evidence_makes_the_same_bytes() -> None:
    stored = evidence(REVOKED, SEALED)
    first = render(stored, POLICY, sha256=DIGEST, withdrawn=None)
    assert first == render(stored, POLICY, sha256=DIGEST, withdrawn=None)
    facts = pypdfium2.PdfDocument(first).get_metadata_dict()
    assert facts["CreationDate"].startswith("D:20261126003102")
    assert facts["Title"] == "Báo cáo kiểm tra chữ ký số: KHÔNG ĐẠT"


@pytest.mark.parametrize("bad", HOSTILE)
@pytest.mark.parametrize("place", ["field", "detail"])
def test_what_a_file_says_is_shown_as_text(bad: str, place: str) -> None:
    stored = evidence(replace(REVOKED, **{place: bad}), SEALED, code=bad)
    pdf = render(stored, POLICY, sha256=DIGEST, withdrawn=bad)
    assert len(pypdfium2.PdfDocument(pdf)) < 8
    said = "".join(text(pdf).replace("\u200b", "").split())
    if bad.isascii() and bad.isprintable() and len(bad) < 100:
        assert "".join(bad.split()) in said
    elif len(bad) < 100:
        assert "a[U+0000]b[U+202E]c" in said or "[U+6F22][U+5B57][U+1F600]" in said


def test_nothing_runs_over_the_edge_of_the_paper() -> None:
    wide = "W" * 300
    document = pypdfium2.PdfDocument(
        render(
            evidence(replace(REVOKED, field=wide, detail=wide), code=wide),
            POLICY,
            sha256=DIGEST,
            withdrawn=wide,
        )
    )
    for page in document:
        words = page.get_textpage()
        right = max(words.get_rect(one)[2] for one in range(words.count_rects()))
        assert right < page.get_width() - 45
