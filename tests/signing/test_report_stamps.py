"""Why a time stamp proves nothing is said in words, whatever the engine found."""

import logging
import re

import pytest

from services.signing.report.words import cause
from tests.conformance.cases.stamps import stamps
from tests.conformance.judging import examined, material
from tests.conformance.world import World

_LEFT = re.compile(r"báo cáo này chưa có lời giải thích riêng")
_ENGLISH = re.compile(r"\b(the|it|is|not|no|of|list|since|trusted)\b")


def test_what_the_engine_finds_of_time_stamps_has_words() -> None:
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    found = {
        stamp.detail
        for case in stamps(World())
        for one in examined(case, material(case))[0].signatures
        for stamp in one.stamps
        if stamp.made_at is None
    }
    assert len(found) > 15
    said = {detail: cause(detail) for detail in found}
    assert [detail for detail, text in said.items() if _LEFT.search(text)] == []
    assert [text for text in said.values() if _ENGLISH.search(text)] == []


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ("no list of issuing", "chưa có thông tin thu hồi (CRL hoặc OCSP)"),
        (
            "the newest list of stamping is of 2026-11-20T17:00:00Z",
            "mới nhất, cấp lúc 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7), đã quá cũ",
        ),
        ("keyCompromise since 2026-11-20T17:00:00Z", "bị thu hồi từ 00:00:00 ngày 21/11/2026"),
        ("certificateHold since 2026-11-20T17:00:00Z", "tạm dừng từ 00:00:00 ngày 21/11/2026"),
        ("valid 2024-01-01 to 2026-01-02", "(có hạn từ 01/01/2024 đến 02/01/2026)"),
        ("digest sha256 only until 2041-01-01", "(digest sha256, không được dùng từ 01/01/2041)"),
        ("what is known is from after the certificate's end", "sau khi chứng thư số hết hạn"),
        ("the certificate cannot be read", "không đọc được chứng thư số"),
        ("PathValidationError", "(RFC 5280)"),
        ("critical extension 1.2.3", "(RFC 5280)"),
        ("it is of a time to come", "muộn hơn thời điểm kiểm tra"),
        ("a key that cannot be read", "không được chính sách cho phép"),
        ("time stamp: it is on something else", "không thuộc về chữ ký"),
        ("", "chưa có lời giải thích riêng"),
        ("<b>\u202e", "(chi tiết kỹ thuật: <b>[U+202E])"),
    ],
)
def test_a_cause_is_told_with_its_particulars(detail: str, text: str) -> None:
    assert text in cause(detail)
