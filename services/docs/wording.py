"""How each moment of a document is told to people, in Vietnamese and English. No I/O."""

from dataclasses import dataclass

from shared.errors import problem_types

WITHDRAWN = (
    "Kết luận kiểm tra bị rút lại: không còn tin cậy được",
    "The verdict was withdrawn: it can no longer be trusted",
)
STATUS_TEXTS = {
    "01": ("Đã đến, chờ văn thư xử lý", "Arrived, waits for the clerk"),
    "02": ("Từ chối không tiếp nhận", "Refused"),
    "03": ("Tiếp nhận, vào sổ văn bản đến", "Taken in and entered in the register"),
    "04": ("Lãnh đạo phân công xử lý", "Assigned by the leadership"),
    "05": ("Đang xử lý", "Being handled"),
    "06": ("Hoàn thành xử lý", "Handled to the end"),
}
INDICATIONS = {
    "TOTAL-PASSED": ("Chữ ký số hợp lệ", "The signatures are valid"),
    "TOTAL-FAILED": ("Chữ ký số không hợp lệ", "The signatures are not valid"),
    "INDETERMINATE": (
        "Chưa kết luận được về chữ ký số",
        "It cannot be told yet whether the signatures are valid",
    ),
}
_TEXTS = {
    "document.accepted": ("Hệ thống đã nhận văn bản", "The document was accepted"),
    "signature.requested": ("Đã yêu cầu ký số từ xa", "A remote signature was asked for"),
    "signature.applied": ("Chữ ký số đã được gắn vào tệp", "The signature was put into the file"),
    "signature.failed": ("Không ký số được", "There is no signature"),
    "dispatch.accepted": ("Đã gửi tới {detail} nơi nhận", "Sent to {detail} recipients"),
    "dispatch.waiting": ("Chờ kết luận kiểm tra chữ ký", "Waits for its verdict"),
    "dispatch.held": (
        "Tạm giữ: văn bản sau đã có kết luận nên được đi trước",
        "Held: later documents that have their verdict go first",
    ),
    "dispatch.cleared": ("Đã phát hành tới mọi nơi nhận", "Cleared for all recipients"),
    "dispatch.refused": ("Bị từ chối, không phát hành", "Refused, sent to nobody"),
    "dispatch.withdrawn": WITHDRAWN,
    "delivery.failed": ("Không giao được cho nơi nhận này", "This recipient could not be reached"),
    "delivery.in_transit": ("Đang chuyển tới hộp thư nơi nhận", "On its way to the mailbox"),
    "delivery.available": ("Đã vào hộp thư nơi nhận", "Available in the mailbox"),
    "delivery.acknowledged": (
        "Nơi nhận đã xác nhận, có biên nhận ký số",
        "Acknowledged, with a signed receipt",
    ),
}


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages."""

    vi: str
    en: str


def told(what: str, *, code: str | None, detail: str | None) -> Text:
    """Return what happened as a sentence; a reason is added in words.

    `code` is the status of a report, else the reason; `detail` the number of recipients of a
    dispatch, or the indication of a judgement. Codes of a newer service stand as they are.
    """
    if what == "delivery.status":
        status = code or ""
        vi, en = STATUS_TEXTS.get(status, (status, status))
        return Text(f"{status}: {vi}", f"{status}: {en}")
    if what == "file.examined":
        vi, en = INDICATIONS.get(detail or "", (detail or "", detail or ""))
    else:
        vi, en = _TEXTS.get(what, (what, what))
    vi, en = vi.replace("{detail}", detail or "0"), en.replace("{detail}", detail or "0")
    row = None if code is None else problem_types().get(code)
    return Text(vi, en) if row is None else Text(f"{vi}: {row.title}", f"{en}: {row.title_en}")
