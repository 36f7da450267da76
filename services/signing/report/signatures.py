"""What a report says of one signature (pure)."""

from services.signing.finding import Signature
from services.signing.report.parts import Evidence, Fact, Objection, Part, Time
from services.signing.report.stored import Stored, is_of_the_whole
from services.signing.report.wording import moment, shown
from services.signing.report.words import cause, reason
from services.signing.validation.policy import Policy

_KINDS = {
    "leader": "chữ ký của người có thẩm quyền",
    "seal": "chữ ký của cơ quan",
    "protocol": "chứng thư số của hệ thống, không phải để ký văn bản",
    "authority": "chứng thư số của CA, không phải để ký văn bản",
    "timestamp": "chứng thư số của đơn vị cấp dấu thời gian, không phải để ký văn bản",
}
_STATUSES = {
    "TOTAL-PASSED": "Hợp lệ",
    "TOTAL-FAILED": "Không hợp lệ",
    "INDETERMINATE": "Chưa đủ căn cứ để chấp nhận",
}
_STATES = {"good": "còn hiệu lực", "suspended": "đang tạm dừng", "revoked": "đã bị thu hồi"}
_COVERAGES = {
    "ENTIRE_FILE": "toàn bộ tệp",
    "ENTIRE_REVISION": "toàn bộ tệp như khi ký; phần thêm sau đó không thuộc chữ ký này",
    "CONTIGUOUS_BLOCK_FROM_START": "chỉ một phần của tệp",
    "UNCLEAR": "không xác định được",
}
_CHANGES = {
    "NONE": "không có",
    "LTA_UPDATES": "chỉ thêm chữ ký, dấu thời gian hoặc dữ liệu lưu trữ",
    "FORM_FILLING": "có điền biểu mẫu hoặc thêm chữ ký",
    "ANNOTATIONS": "có thêm chú thích",
    "OTHER": "có thay đổi khác",
    "UNKNOWN": "không xác định được",
}
_SOURCES = {"crl": "CRL", "ocsp": "OCSP"}
_WORTHLESS = frozenset({"HASH_FAILURE", "SIG_CRYPTO_FAILURE"})
"""Of a signature that is not that of its certificate's holder on this file."""
_CHANGED = "format.changes"
"""What breaks this rule was done after a signature whose value is right."""


def part(stored: Stored, place: int, policy: Policy) -> Part:
    """Return what is said of the signature at this place."""
    one = stored.signatures[place]
    return Part(
        title=f"Chữ ký {place + 1}: {_kind(stored, one)}",
        sound=one.indication == "TOTAL-PASSED",
        status=_status(stored, one),
        facts=_facts(stored, one),
        times=_times(stored, one),
        objection=_objection(one, policy),
        evidence=_evidence(stored, one),
    )


def _status(stored: Stored, one: Signature) -> str:
    status = _STATUSES[one.indication]
    alone = one.indication == "TOTAL-PASSED" and is_of_the_whole(stored)
    return f"{status}, xét riêng chữ ký này" if alone else status


def _kind(stored: Stored, one: Signature) -> str:
    row = stored.row(one.certificate)
    return _KINDS[row.kind] if row else "người ký chưa có trong sổ đăng ký"


def _facts(stored: Stored, one: Signature) -> tuple[Fact, ...]:
    row = stored.row(one.certificate)
    names = stored.authorities()
    way = [names.get(sha256, "người ký") for sha256 in one.chain]
    indication = " / ".join(filter(None, (one.indication, one.sub_indication)))
    return (
        Fact("Kết luận theo ETSI EN 319 102-1", indication, code=True),
        Fact("Trường chữ ký trong tệp", shown(one.field) or "không có (chữ ký rời)"),
        Fact("Chứng thư số (SHA-256)", shown(one.certificate) or "không đọc được", code=True),
        Fact("Trong sổ đăng ký", _STATES[row.state] if row else "không có"),
        Fact("Đường dẫn chứng thư số", shown(" → ".join(way)) or "không có"),
        Fact("Thuật toán", _algorithm(one), code=True),
        Fact("Phạm vi được ký", _COVERAGES.get(one.coverage, shown(one.coverage))),
        Fact("Thay đổi sau khi ký", _changes(one)),
    )


def _changes(one: Signature) -> str:
    if one.indication == "TOTAL-PASSED" and one.changed_after in _CHANGES:
        return _CHANGES["NONE" if one.changed_after == "NONE" else "LTA_UPDATES"]
    return _CHANGES.get(one.changed_after, shown(one.changed_after))


def _algorithm(one: Signature) -> str:
    return shown(", ".join(filter(None, (one.algorithm, one.digest, one.key)))) or "không đọc được"


def _times(stored: Stored, one: Signature) -> tuple[Time, ...]:
    judged = stored.finding.checked_at if stored.finding else None
    best = one.proved_at
    worth = (
        "Đã được chứng minh bằng dấu thời gian"
        if best
        else "Thời điểm kiểm tra (không có dấu thời gian dùng được)"
    )
    false = one.sub_indication in _WORTHLESS
    if false:
        worth = "Chữ ký sai, nên không chứng minh được ai đã ký"
    elif not _verified(one):
        worth = "Chưa xác minh được chữ ký, nên không chứng minh được điều gì"
    proved = not false and _verified(one)
    found = [
        Time(
            "Chắc chắn đã được ký trước",
            moment(best or judged) if proved else "không tính",
            worth,
            proved=proved,
        ),
        Time(
            "Giờ ký do người ký ghi",
            moment(one.claimed_at, without="không ghi, hoặc ghi không đúng dạng"),
            "Tự khai, không được chứng minh; không quyết định điều gì",
            proved=False,
        ),
    ]
    for number, stamp in enumerate(one.stamps, 1):
        worth = "Dùng được" if stamp.made_at else f"Không chứng minh điều gì: {cause(stamp.detail)}"
        value = moment(stamp.made_at, without="không tính")
        found.append(Time(f"Dấu thời gian {number}", value, worth, proved=bool(stamp.made_at)))
    return tuple(found)


def _verified(one: Signature) -> bool:
    """Say whether its value was found to be right, by algorithms that the policy knows.

    The engine names the key only then: a signature that cannot be read has no certificate either.
    """
    return bool(one.certificate) and (bool(one.key) or one.rule == _CHANGED)


def _objection(one: Signature, policy: Policy) -> Objection | None:
    if one.rule is None and one.problem is None:
        return None
    said = reason(one.rule, one.problem, one.sub_indication, one.detail)
    return Objection.of(said, policy, rule=one.rule, code=one.problem, detail=one.detail)


def _evidence(stored: Stored, one: Signature) -> tuple[Evidence, ...]:
    names = stored.authorities()
    return tuple(
        Evidence(
            certificate=shown(names.get(checked.certificate, "người ký")),
            source=_SOURCES[checked.source],
            issued=moment(checked.this_update),
            ends=moment(checked.next_update, without="không ghi"),
            sha256=shown(checked.material),
        )
        for checked in one.checked
    )
