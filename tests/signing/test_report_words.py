"""Why a verdict is as it is, in words: for every rule and code, and not against the problems."""

import re

import pytest

from services.signing import finding
from services.signing.report.words import reason, words
from shared.errors import problem_types
from tests.signing.reported import POLICY

RULES = tuple(POLICY.rules())
CODES = sorted(
    value
    for value in vars(finding).values()
    if isinstance(value, str) and re.fullmatch(r"SIG-\d{4}", value)
)
_VIETNAMESE = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_words_of_its_own(rule: str) -> None:
    own, said = words()[rule], reason(rule, None, None, "")
    assert own["found"]
    assert own["means"]
    for text in (said.found, said.means, said.advice):
        assert text.endswith(".")
        assert _VIETNAMESE.search(text)
        assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words_and_they_are_those_of_the_problem(code: str) -> None:
    said, row = reason(None, code, None, ""), problem_types()[code]
    assert said.found == f"{row.title}."
    assert said.advice == row.hint
    assert said.means == words()[code]["means"]


def test_there_are_no_words_for_what_is_not_there() -> None:
    assert len(CODES) == 16
    assert set(words()) == {*RULES, *CODES, "other"}
    told = {name for entry in words().values() for name in entry} - {"found", "means", "advice"}
    assert all(name in CODES or re.fullmatch(r"[A-Z_]+", name) for name in told)


@pytest.mark.parametrize(
    ("rule", "name", "detail", "found"),
    [
        (
            "revocation.revoked",
            "REVOKED",
            "keyCompromise since 2026-11-20T17:00:00Z",
            "đã bị thu hồi từ 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7).",
        ),
        (
            "time.validity",
            "EXPIRED",
            "valid 2024-01-01 to 2026-01-02",
            "sau khi chứng thư số hết hạn (có hạn từ 01/01/2024 đến 02/01/2026).",
        ),
        (
            "algorithms.rsa",
            "CRYPTO_CONSTRAINTS_FAILURE",
            "rsa 2048 since 2031-01-01",
            "đã hết thời gian được dùng (rsa 2048, không được dùng từ 01/01/2031).",
        ),
        (
            "revocation.fresh",
            "TRY_LATER",
            "the newest list of issuing is of 2026-11-20T17:00:00Z",
            "mới nhất, cấp lúc 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7), đã quá cũ",
        ),
        ("revocation.revoked", "REVOKED", "{since} since then", "người ký đã bị thu hồi."),
        ("revocation.revoked", "TRY_LATER", "", "đang bị tạm dừng."),
        ("binding.row", "SIG-4031", "", "được đăng ký cho cơ quan khác"),
        ("format.pdf", "SIG-4221", "no signature", "không có chữ ký số nào"),
        ("format.pdf", "SIG-5032", "", "trong kho lưu trữ"),
    ],
)
def test_words_say_the_particular(rule: str, name: str, detail: str, found: str) -> None:
    code, sub_indication = (name, None) if name.startswith("SIG-") else (None, name)
    assert found in reason(rule, code, sub_indication, detail).found


@pytest.mark.parametrize("name", [None, "found", "other", "SIG-9999", "REQ-4131", "revocation", ""])
def test_what_is_not_known_has_words_too(name: str | None) -> None:
    assert reason(name, name, name, "x" * 999).found
    assert reason("order.complete", name, name, "").means.startswith("Văn bản chính cần")
