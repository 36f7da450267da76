"""Why a verdict is as it is, in words: for every rule and code, and not against the problems."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.signing import finding
from services.signing.finding import UNKNOWN_AGENCY
from services.signing.report.words import reason, words
from services.signing.validation.algorithms import Scheme, Term, key_term, terms
from services.signing.validation.indication import Objection, Refused
from services.signing.validation.material import Listed, Material
from services.signing.validation.moment import Moment, check_terms
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust
from shared.errors import problem_types
from tests.fixtures.papers import Papers
from tests.signing.elsewhere import crl
from tests.signing.reported import POLICY
from tests.signing.test_evidence import known

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
            "REVOKED_NO_POE",
            "keyCompromise since 2026-11-20T17:00:00Z",
            "đã bị thu hồi từ 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7).",
        ),
        (
            "time.validity",
            "NOT_YET_VALID",
            "valid 2024-01-01 to 2026-01-02",
            "trước khi chứng thư số có hiệu lực (có hạn từ 01/01/2024 đến 02/01/2026).",
        ),
        (
            "revocation.fresh",
            "TRY_LATER",
            "the newest list of issuing is of 2026-11-20T17:00:00Z",
            "mới nhất, cấp lúc 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7), đã quá cũ",
        ),
        ("revocation.revoked", "REVOKED_NO_POE", "{since} since then", "người ký đã bị thu hồi."),
        ("revocation.revoked", "TRY_LATER", "", "đang bị tạm dừng."),
        ("binding.row", "SIG-4031", "", "được đăng ký cho cơ quan khác"),
        ("binding.row", "SIG-4032", "not registered", "chưa có trong sổ đăng ký"),
        (
            "binding.row",
            "SIG-4032",
            UNKNOWN_AGENCY,
            "đăng ký cho một cơ quan chưa có trong danh mục",
        ),
        (
            "binding.row",
            "SIG-4032",
            f"{UNKNOWN_AGENCY}, for 1 day",
            "một cơ quan chưa có trong danh mục",
        ),
        ("format.pdf", "SIG-4221", "no signature", "không có chữ ký số nào"),
        ("format.pdf", "SIG-5032", "", "trong kho lưu trữ"),
    ],
)
def test_words_say_the_particular(rule: str, name: str, detail: str, found: str) -> None:
    code, sub_indication = (name, None) if name.startswith("SIG-") else (None, name)
    assert found in reason(rule, code, sub_indication, detail).found


def test_what_is_out_of_use_is_said_as_the_engine_writes_it() -> None:
    keys = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    used = [key_term(POLICY, key.public_key()) for key in keys]
    used += terms(POLICY, Scheme("rsassa_pss", "sha256"))
    said = [
        reason(why.rule, why.code, why.sub_indication, why.detail).found
        for why in (objection([term]) for term in used)
    ]
    assert [re.findall(r"\(.*\)", one) for one in said] == [
        ["(rsa 2048, không được dùng từ 01/01/2031)"],
        ["(ec secp256r1, không được dùng từ 01/01/2041)"],
        ["(digest sha256, không được dùng từ 01/01/2041)"],
        ["(algorithm rsassa_pss, không được dùng từ 01/01/2041)"],
    ]


def objection(used: Sequence[Term]) -> Objection:
    """Return what the engine says of algorithms that are out of use."""
    with pytest.raises(Refused) as refused:
        check_terms(used, Moment(datetime(2050, 1, 1, tzinfo=UTC), None))
    return refused.value.objection


def revoked(papers: Papers) -> Material:
    """Return the material of a day on which the issuing authority is revoked."""
    given, office = known(papers), papers.office
    newer = crl(office.root, office.issuing.certificate.serial_number, number=9)
    return replace(given, lists=(*given.lists, Listed("root", newer)))


@pytest.mark.parametrize(
    ("given", "later", "rule", "said"),
    [
        (revoked, timedelta(seconds=1), "revocation.revoked", r"thu hồi từ \d\d:\d\d:\d\d ngày"),
        (known, timedelta(days=9), "revocation.fresh", r"mới nhất, cấp lúc \d\d:\d\d:\d\d ngày"),
        (known, timedelta(days=-400), "time.validity", r"\(có hạn từ [\d/]{10} đến [\d/]{10}\)"),
        (known, timedelta(days=1600), "algorithms.rsa", r"\(rsa 2048, không được dùng từ 01/01/20"),
    ],
)
def test_words_say_the_particular_of_real_verdicts(
    papers: Papers, given: Callable[[Papers], Material], later: timedelta, rule: str, said: str
) -> None:
    found = validate_pdf(papers.good_main.content, Trust(given(papers)), datetime.now(UTC) + later)
    assert found.rule == rule
    assert re.search(
        said, reason(found.rule, found.reason, found.sub_indication, found.detail).found
    )


def test_words_say_the_particular_of_what_was_given_up() -> None:
    given_up_at = "the newest list of issuing is of 2026-11-20T17:00:00Z, for 1 day, 0:00:07"
    assert "cấp lúc 00:00:00" in reason("revocation.fresh", None, "TRY_LATER", given_up_at).found


@pytest.mark.parametrize("name", [None, "found", "other", "SIG-9999", "REQ-4131", "revocation", ""])
def test_what_is_not_known_has_words_too(name: str | None) -> None:
    assert reason(name, name, name, "x" * 999).found
    assert reason("order.complete", name, name, "").means.startswith("Văn bản chính cần")
