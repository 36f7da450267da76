"""The report as a page: what an official needs to know, and nothing that a file could put there."""

from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import orjson
import pytest

from services.signing.finding import STORE_TROUBLE, Signature
from services.signing.report.page import render
from services.signing.verdict import unread as no_answer
from tests.fixtures.papers import Papers
from tests.signing.reported import (
    DIGEST,
    HELD,
    LEADER,
    POLICY,
    REVOKED,
    SEALED,
    SOUND,
    STAMPED,
    evidence,
    unread,
)
from tests.signing.test_evidence import FILES, judged, known

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style></title><!-- ",
    "&lt;b&gt; {since} {0} %s",
    "a\x00b\x1b[31m\u202egnp.exe\u2028\ue000",
    "dài" * 30_000,
)
WHY_REVOKED = (
    "Chứng thư số của người ký đã bị thu hồi từ 00:00:00 ngày 21/11/2026, giờ Việt Nam (UTC+7). "
    "Không có dấu thời gian chứng minh văn bản được ký trước khi thu hồi, nên chữ ký không được "
    "chấp nhận. Nên làm: Đề nghị ký lại bằng chứng thư số còn hiệu lực rồi gửi."
)


class Page(HTMLParser):
    """A page as a reader without a browser sees it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """Return all text, in one line."""
        return " ".join(" ".join(self.words).split())


def page(stored: dict[str, Any], withdrawn: str | None = None) -> Page:
    """Return the page on a verdict."""
    return Page(render(stored, POLICY, sha256=DIGEST, withdrawn=withdrawn))


def test_what_passed_says_so_with_all_that_it_rests_on() -> None:
    stored = evidence(STAMPED, SEALED)
    text = page(stored).text
    assert "ĐẠT Các chữ ký số cần có của tệp này đều hợp lệ" in text
    assert "KHÔNG ĐẠT" not in text
    # An annex may have failed: then this file passes and its document is refused.
    assert "Văn bản được chuyển" not in text
    assert "chỉ được chuyển khi mọi tệp của văn bản đều đạt." in text
    assert "07:31:02 ngày 26/11/2026, giờ Việt Nam (UTC+7)" in text
    assert "Chữ ký 1: chữ ký của người có thẩm quyền" in text
    assert "Chữ ký 2: chữ ký của cơ quan" in text
    assert f"lienthong verify FILE --evidence DIR --root ROOT --sha256 {DIGEST}" in text
    assert f"Giá trị băm của bằng chứng (SHA-256) {DIGEST}" in text
    digests = {stored["subject"]["sha256"], SOUND.certificate, SEALED.certificate, POLICY.sha256}
    material = stored["material"]
    digests |= {one["sha256"] for one in (*material["authorities"], *material["lists"])}
    assert all(sha256 in text for sha256 in digests | set(material["answers"]))


def test_the_software_that_judged_is_named_with_its_versions() -> None:
    stored = evidence(SOUND, SEALED)
    old = "Phần mềm đã dùng: lienthong (không ghi phiên bản), pyHanko 0.38.0."
    assert old in page(stored).text
    stored["finding"]["libraries"] = {"Python": "3.11.9", "lienthong": "0.0.7"}
    assert "Phần mềm đã dùng: lienthong 0.0.7, Python 3.11.9." in page(stored).text


def test_a_proved_time_is_told_from_one_that_is_only_said() -> None:
    text = page(evidence(STAMPED, SEALED)).text
    proved = "03:15:00 ngày 26/11/2026, giờ Việt Nam (UTC+7) Đã được chứng minh bằng dấu thời gian"
    assert proved in text
    assert "02:00:00 ngày 26/11/2026, giờ Việt Nam (UTC+7) Tự khai, không được chứng minh" in text
    assert "Không chứng minh điều gì: có điều không đạt mà báo cáo này chưa có lời giải" in text
    assert "(chi tiết kỹ thuật: it is old)" in text


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (replace(STAMPED, sub_indication="HASH_FAILURE"), "Chữ ký sai, nên"),
        (replace(STAMPED, sub_indication="SIG_CRYPTO_FAILURE"), "Chữ ký sai, nên"),
        (replace(SOUND, certificate="", key="", rule="format.cms"), "Chưa xác minh được chữ ký"),
        (replace(SOUND, certificate="", key=""), "Chưa xác minh được chữ ký"),
        (replace(STAMPED, key="", rule="algorithms.digests"), "Chưa xác minh được chữ ký"),
    ],
)
def test_no_time_is_proved_of_what_was_not_verified(one: Signature, worth: str) -> None:
    bad = replace(one, indication="TOTAL-FAILED", problem="SIG-4222")
    found = page(evidence(bad, SEALED))
    assert f"Chắc chắn đã được ký trước không tính {worth}" in found.text
    changed = replace(bad, certificate=LEADER, key="", rule="format.changes", sub_indication=None)
    assert "Chắc chắn đã được ký trước không tính" not in page(evidence(changed, SEALED)).text


@pytest.mark.parametrize(
    ("stored", "headline", "reason"),
    [
        (
            evidence(REVOKED, SEALED),
            "KHÔNG ĐẠT Văn bản không được chuyển.",
            WHY_REVOKED,
        ),
        (
            evidence(HELD, SEALED),
            "CHƯA KẾT LUẬN ĐƯỢC Khi chưa kết luận được về tệp này, văn bản chưa được chuyển.",
            "Thông tin thu hồi mới nhất, cấp lúc 00:00:00 ngày 21/11/2026",
        ),
        (evidence(SOUND), "KHÔNG ĐẠT", "Thiếu chữ ký số của cơ quan."),
        (
            unread(no_answer(STORE_TROUBLE, "", final=False)),
            "CHƯA KẾT LUẬN ĐƯỢC",
            "Đây là sự cố của hệ thống, không phải lỗi của văn bản",
        ),
    ],
)
def test_what_did_not_pass_says_why_and_what_to_do(
    stored: dict[str, Any], headline: str, reason: str
) -> None:
    text = page(stored).text
    assert headline in text
    assert reason in text
    rule = POLICY.rules()[stored["verdict"]["rule"]]
    assert f"{rule.says} Căn cứ: {rule.source}" in text


def test_a_verdict_that_no_longer_holds_says_so_first() -> None:
    text = page(evidence(SOUND, SEALED), withdrawn="SIG-4225").text
    first = text.index("ĐÃ RÚT KẾT LUẬN")
    assert "Lý do: Chứng thư số đã bị thu hồi hoặc tạm dừng (SIG-4225)." in text
    assert "Không dùng báo cáo này làm căn cứ" in text
    assert first < text.index("Tệp được kiểm tra")
    assert "được chuyển" not in text


@pytest.mark.parametrize("bad", HOSTILE)
@pytest.mark.parametrize("place", ["field", "detail", "key", "coverage", "code", "withdrawn"])
def test_what_a_file_says_is_shown_as_text(bad: str, place: str) -> None:
    plain = page(evidence(REVOKED, SEALED), withdrawn="x" if place == "withdrawn" else None)
    one = replace(REVOKED, **{place: bad}) if hasattr(REVOKED, place) else REVOKED
    stored = evidence(one, SEALED, code=bad if place == "code" else "7816/VPCP-TTĐT")
    content = render(stored, POLICY, sha256=DIGEST, withdrawn=bad if place == "withdrawn" else None)
    found = Page(content)
    assert found.tags == plain.tags
    assert len(content) < 40_000
    assert not any(ord(char) < 32 and char != "\n" for char in content.decode())
    assert not set(content.decode()) & set("\u202e\u2028\ue000")
    if bad.startswith("<script>"):
        assert bad in found.text


def test_nothing_runs_and_nothing_is_fetched() -> None:
    found = page(evidence(REVOKED, SEALED))
    assert not {"script", "img", "link", "iframe", "a", "form", "object"} & {
        tag for tag, _ in found.tags
    }
    names = {name for _, attributes in found.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "href", "style"}
    style = (
        render(evidence(SOUND), POLICY, sha256=DIGEST, withdrawn=None).decode().split("</style>")[0]
    )
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_can_be_read_out() -> None:
    found = page(evidence(REVOKED, SEALED))
    assert ("html", {"lang": "vi"}) in found.tags
    levels = [int(tag[1]) for tag, _ in found.tags if tag in {"h1", "h2", "h3"}]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    labels = [attributes["aria-labelledby"] for tag, attributes in found.tags if tag == "section"]
    assert sorted(ids, key=str) == sorted(labels, key=str)


@pytest.mark.parametrize("file", FILES)
def test_a_real_verdict_is_reported_on_without_names(papers: Papers, file: str) -> None:
    stored = orjson.loads(judged(FILES[file](papers), known(papers)))
    text = page(stored).text
    assert stored["subject"]["sha256"] in text
    assert "Lê Minh An" not in text
