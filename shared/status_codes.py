"""The status codes that agencies report to each other, with their texts (QCVN 102)."""

STATUS_CODES = (
    (
        "01",
        "Đã đến: phần mềm quản lý văn bản đã nhận nhưng văn thư chưa xử lý",
        "Arrived: the software has it, the clerk has not handled it yet",
    ),
    ("02", "Từ chối không tiếp nhận", "Refused"),
    ("03", "Tiếp nhận, vào sổ văn bản đến", "Taken in and entered in the register"),
    ("04", "Lãnh đạo phân công xử lý", "Assigned by the leadership"),
    ("05", "Đang xử lý", "Being handled"),
    ("06", "Hoàn thành xử lý", "Handled to the end"),
    ("13", "Yêu cầu lấy lại kèm lý do", "Recall requested, with the reason"),
    ("15", "Đồng ý yêu cầu cập nhật, lấy lại", "Update or recall accepted"),
    ("16", "Từ chối yêu cầu cập nhật, lấy lại", "Update or recall refused"),
)

TEXTS = {code: (vi, en) for code, vi, en in STATUS_CODES}
"""By code: in Vietnamese, in English."""
