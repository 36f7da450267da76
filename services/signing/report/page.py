"""The report as one HTML page: nothing is fetched, nothing runs, all from outside is text."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from services.signing.report.content import Content, content
from services.signing.report.parts import Fact, Objection, Part
from services.signing.validation.policy import Policy

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(
    evidence: Mapping[str, Any], policy: Policy, *, sha256: str, withdrawn: str | None
) -> bytes:
    """Return the report as HTML in UTF-8; `withdrawn`: why, by problem code. Raises Incomplete."""
    said = content(evidence, policy, sha256=sha256, withdrawn=withdrawn)
    body = "\n".join(
        (
            f"<h1>{escape(said.title)}</h1>",
            _conclusion(said),
            _section("van-ban", "Tệp được kiểm tra", _facts(said.subject)),
            _section("cach-xet", "Cách xét", _facts(said.judgement)),
            *(_signature(number, part) for number, part in enumerate(said.signatures, 1)),
            _materials(said),
            _again(said),
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="vi">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(f'{said.title}: {said.headline.lower()}')}</title>\n"
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    ).encode()


def _section(name: str, heading: str, body: str) -> str:
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(heading)}</h2>\n'
        f"{body}\n</section>"
    )


def _conclusion(said: Content) -> str:
    withdrawn = f"<p><strong>{escape(said.withdrawn)}</strong></p>\n" if said.withdrawn else ""
    objection = _objection(said.objection, level=3) if said.objection else ""
    return _section(
        "ket-luan",
        "Kết luận chung",
        f'<div class="verdict {said.outcome}">\n<p class="headline">{escape(said.headline)}</p>\n'
        f"{withdrawn}<p>{escape(said.consequence)}</p>\n</div>\n{objection}",
    )


def _objection(one: Objection, *, level: int) -> str:
    whole = "<p>Từng chữ ký được nêu riêng ở dưới; lý do này là của cả tệp.</p>\n"
    source = f"<p>{escape(one.says)} <em>Căn cứ: {escape(one.source)}.</em></p>" if one.says else ""
    technical = ", ".join(filter(None, (one.rule, one.code)))
    return (
        f'<div class="objection">\n<h{level}>Vì sao</h{level}>\n'
        f"<p><strong>{escape(one.found)}</strong></p>\n<p>{escape(one.means)}</p>\n"
        f"<p><strong>Nên làm:</strong> {escape(one.advice)}</p>\n{whole if one.whole else ''}"
        f"<h{level}>Quy tắc không đạt: <code>{escape(technical)}</code></h{level}>\n{source}\n"
        f'<p class="detail">Chi tiết kỹ thuật: <span lang="en">{escape(one.detail) or "—"}</span>'
        "</p>\n</div>"
    )


def _facts(facts: Iterable[Fact]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(one.label)}</th><td>{_value(one)}</td></tr>' for one in facts
    )
    return f'<table class="facts">\n<tbody>\n{rows}\n</tbody>\n</table>'


def _value(one: Fact) -> str:
    return f"<code>{escape(one.value)}</code>" if one.code else escape(one.value)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already, the first of a row is its heading."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{one}</td>" for one in others)}</tr>'
        for first, *others in rows
    )
    return (
        f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _signature(number: int, part: Part) -> str:
    times = _table(
        "Thời gian",
        ("Loại", "Thời điểm", "Giá trị chứng minh"),
        (
            (
                escape(one.label),
                escape(one.value),
                f'<span class="{"proved" if one.proved else "claimed"}">{escape(one.worth)}</span>',
            )
            for one in part.times
        ),
    )
    state = "sound" if part.sound else "unsound"
    body = [
        f'<p class="status {state}">{escape(part.status)}</p>',
        _objection(part.objection, level=3) if part.objection else "",
        _facts(part.facts),
        times,
        _revocation(part),
    ]
    return _section(f"chu-ky-{number}", part.title, "\n".join(filter(None, body)))


def _revocation(part: Part) -> str:
    if not part.evidence:
        return "<p>Không có thông tin thu hồi nào được dùng để chấp nhận chữ ký này.</p>"
    return _table(
        "Thông tin thu hồi đã xét",
        ("Chứng thư số của", "Nguồn", "Cấp lúc", "Kỳ cấp tiếp theo", "SHA-256"),
        (
            (
                escape(one.certificate),
                escape(one.source),
                escape(one.issued),
                escape(one.ends),
                f"<code>{escape(one.sha256)}</code>",
            )
            for one in part.evidence
        ),
    )


def _materials(said: Content) -> str:
    if not said.materials:
        return _section("tai-lieu", "Tài liệu làm căn cứ", "<p>Không có: tệp chưa được xét.</p>")
    table = _table(
        "Mỗi tài liệu được lưu theo giá trị băm",
        ("Loại", "Ghi chú", "SHA-256"),
        (
            (escape(one.kind), escape(one.note), f"<code>{escape(one.sha256)}</code>")
            for one in said.materials
        ),
    )
    return _section("tai-lieu", "Tài liệu làm căn cứ", table)


def _again(said: Content) -> str:
    software = f"<p>Phần mềm đã dùng: {escape(said.software)}.</p>\n" if said.software else ""
    return _section(
        "kiem-tra-lai",
        "Cách tự kiểm tra lại",
        f"<p>{escape(said.before_command)}</p>\n"
        f"<pre><code>{escape(said.command)}</code></pre>\n"
        "<p>Lệnh này xét lại tệp tại đúng thời điểm nêu trên, chỉ bằng các tài liệu nêu trên, và "
        f"phải cho cùng một kết luận.</p>\n{software}"
        "<p>Báo cáo không nêu tên người ký; ai là chủ chứng thư số, xem sổ đăng ký.</p>",
    )
