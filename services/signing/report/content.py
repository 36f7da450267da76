"""What a report says, in order: the same for the page and for paper (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.signing.finding import OWN
from services.signing.report import signatures
from services.signing.report.parts import Fact, Material, Objection, Part
from services.signing.report.stored import Stored, is_of_the_whole, read
from services.signing.report.wording import day, moment, shown, size
from services.signing.report.words import reason
from services.signing.validation.policy import Policy
from shared.errors import problem_types

Outcome = Literal["passed", "failed", "held", "withdrawn"]

_PASSES = (
    "Các chữ ký số cần có của tệp này đều hợp lệ tại thời điểm được xét. "
    "Văn bản chỉ được chuyển khi mọi tệp của văn bản đều đạt."
)
_OUTCOMES: dict[str, tuple[Outcome, str, str]] = {
    "TOTAL-PASSED": (
        "passed",
        "ĐẠT",
        _PASSES,
    ),
    "TOTAL-FAILED": ("failed", "KHÔNG ĐẠT", "Văn bản không được chuyển."),
    "INDETERMINATE": (
        "held",
        "CHƯA KẾT LUẬN ĐƯỢC",
        "Khi chưa kết luận được về tệp này, văn bản chưa được chuyển. Hệ thống tự kiểm tra lại.",
    ),
}
"""What is said of a file. Of its document, too, only what follows from this file alone: another may
have failed, and then all of it was refused."""
_BEFORE_COMMAND = (
    "Với tệp, bằng chứng đã tải về (DIR) và chứng thư số CA gốc lấy từ nguồn khác (ROOT), không cần"
    " kết nối mạng, chạy:"
)
_ROLES = {"MAIN": "Văn bản chính", "ANNEX": "Phụ lục ở tệp riêng"}


@dataclass(frozen=True, slots=True)
class Content:
    """All that stands in a report."""

    title: str
    outcome: Outcome
    headline: str
    consequence: str
    withdrawn: str
    """Why a verdict no longer holds; empty: it was not withdrawn."""
    objection: Objection | None
    subject: tuple[Fact, ...]
    judgement: tuple[Fact, ...]
    signatures: tuple[Part, ...]
    materials: tuple[Material, ...]
    software: str
    before_command: str
    command: str


def content(
    evidence: Mapping[str, Any], policy: Policy, *, sha256: str, withdrawn: str | None
) -> Content:
    """Return what is to be said of a stored verdict; `sha256` is its evidence's. Raises Incomplete.

    On paper that digest alone leads back to what was judged.
    """
    stored = read(evidence, policy)
    outcome, headline, consequence = _OUTCOMES[stored.verdict.indication]
    if withdrawn is not None:
        outcome, headline = "withdrawn", "ĐÃ RÚT KẾT LUẬN"
        consequence = "Không dùng báo cáo này làm căn cứ rằng các chữ ký số có giá trị."
    return Content(
        title="Báo cáo kiểm tra chữ ký số",
        outcome=outcome,
        headline=headline,
        consequence=consequence,
        withdrawn=_withdrawal(stored, withdrawn),
        objection=_objection(stored, policy),
        subject=_subject(stored),
        judgement=_judgement(stored, policy, sha256),
        signatures=tuple(
            signatures.part(stored, place, policy) for place in range(len(stored.signatures))
        ),
        materials=_materials(stored, policy),
        software=_software(stored),
        before_command=_BEFORE_COMMAND,
        command=f"lienthong verify FILE --evidence DIR --root ROOT --sha256 {sha256}",
    )


def _withdrawal(stored: Stored, code: str | None) -> str:
    if code is None:
        return ""
    row = problem_types().get(code)
    why = f"{row.title} ({code})" if row else shown(code)
    before = _OUTCOMES[stored.verdict.indication][1].lower()
    return f"Kết luận “{before}” ghi dưới đây đã bị rút lại. Lý do: {why}."


def _objection(stored: Stored, policy: Policy) -> Objection | None:
    one = stored.verdict
    if one.reason is None and one.rule is None:
        return None
    return Objection.of(
        reason(one.rule, one.reason, one.sub_indication, one.detail),
        policy,
        rule=one.rule,
        code=one.reason,
        detail=one.detail,
        whole=is_of_the_whole(stored),
    )


def _subject(stored: Stored) -> tuple[Fact, ...]:
    subject, finding = stored.subject, stored.finding
    return (
        Fact("Số, ký hiệu văn bản", shown(subject.document_code)),
        Fact("Vai trò của tệp", _ROLES.get(subject.role, shown(subject.role))),
        Fact("Giá trị băm của tệp (SHA-256)", shown(subject.sha256), code=True),
        Fact("Kích thước tệp", size(finding.size) if finding else "không ghi"),
        Fact("Mã văn bản", str(subject.document_id), code=True),
        Fact("Mã lượt gửi", str(subject.dispatch_id), code=True),
        Fact("Mã cơ quan gửi", str(subject.sender_id), code=True),
    )


def _judgement(stored: Stored, policy: Policy, sha256: str) -> tuple[Fact, ...]:
    verdict, finding = stored.verdict, stored.finding
    indication = " / ".join(filter(None, (verdict.validation, verdict.sub_indication)))
    judged = "không có: tệp chưa được kiểm tra đến cùng"
    return (
        Fact("Thời điểm được xét", moment(finding.checked_at if finding else None, without=judged)),
        Fact("Kết luận theo ETSI EN 319 102-1", indication, code=True),
        Fact("Số chữ ký số trong tệp", str(len(stored.signatures)) if finding else "chưa biết"),
        Fact(
            "Chính sách kiểm tra",
            f"{policy.page.title} ({policy.id}), áp dụng từ "
            f"{day(policy.page.in_force.isoformat())}",
        ),
        Fact("Giá trị băm của chính sách (SHA-256)", policy.sha256, code=True),
        Fact("Giá trị băm của bằng chứng (SHA-256)", sha256, code=True),
    )


def _materials(stored: Stored, policy: Policy) -> tuple[Material, ...]:
    if stored.material is None:
        return ()
    given = stored.material
    numbers = {one.sha256: one for one in (stored.finding.lists if stored.finding else ())}
    found = [Material("Chính sách kiểm tra", policy.id, shown(given.policy))]
    for one in given.authorities:
        note = f"{shown(one.name)}, tin cậy từ {moment(one.trusted_from.isoformat())}"
        until = f" đến {moment(one.trusted_until.isoformat())}" if one.trusted_until else ""
        kind = "Chứng thư số CA gốc" if one.anchor else "Chứng thư số CA"
        found.append(Material(kind, note + until, shown(one.sha256)))
    for one in given.lists:
        known = numbers.get(one.sha256)
        note = shown(one.authority)
        if known:
            note += f", số {known.number}, cấp lúc {moment(known.this_update)}"
        found.append(Material("Danh sách thu hồi (CRL)", note, shown(one.sha256)))
    found.extend(Material("Trả lời OCSP", "", shown(one)) for one in given.answers)
    if given.signature:
        found.append(Material("Chữ ký rời (CMS)", "", shown(given.signature)))
    return tuple(found)


def _software(stored: Stored) -> str:
    if stored.finding is None:
        return ""
    software = {OWN: "(không ghi phiên bản)", **stored.finding.libraries}
    return ", ".join(f"{shown(name)} {shown(version)}" for name, version in software.items())
