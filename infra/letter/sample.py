"""The letter of the demo: the Government Office urges a province's agencies to go electronic."""

import datetime as dt

from infra.letter.render import Annex, Letter

AGENCY = "Văn phòng Chính phủ"
_CENTRE = "Trung tâm Tin học"
_TEXT = """
Thực hiện Nghị định số 30/2020/NĐ-CP ngày 05 tháng 3 năm 2020 của Chính phủ về công tác văn thư và
Quyết định số 28/2018/QĐ-TTg ngày 12 tháng 7 năm 2018 của Thủ tướng Chính phủ về việc gửi, nhận văn
bản điện tử giữa các cơ quan trong hệ thống hành chính nhà nước; trước diễn biến phức tạp của mưa
lũ tại các tỉnh miền núi phía Bắc, để bảo đảm văn bản chỉ đạo đến được từng xã trong thời gian ngắn
nhất, Văn phòng Chính phủ đề nghị các cơ quan thực hiện ngay một số nội dung sau:

1. Bố trí người trực tiếp nhận văn bản điện tử 24/24 giờ; mở, kiểm tra chữ ký số và xác nhận đã
nhận đối với văn bản khẩn không quá 30 phút kể từ khi văn bản đến hệ thống của cơ quan.

2. Chỉ tiếp nhận văn bản có chữ ký số hợp lệ của người có thẩm quyền và của cơ quan ban hành; văn
bản không hợp lệ phải trả lại và nêu rõ lý do trên hệ thống, không xử lý bản chụp thay cho văn bản
điện tử.

3. Ủy ban nhân dân tỉnh Cao Bằng theo dõi trạng thái nhận của từng cơ quan trên địa bàn; khi có nơi
mất kết nối quá 60 phút thì cử cán bộ chuyển văn bản trực tiếp và báo cáo Văn phòng Chính phủ.

4. Các chỉ tiêu cụ thể nêu tại Phụ lục kèm theo.

Đề nghị Ủy ban nhân dân tỉnh Cao Bằng và các cơ quan liên quan khẩn trương thực hiện. Trong quá
trình thực hiện, nếu có vướng mắc, đề nghị phản ánh về Văn phòng Chính phủ để được hướng dẫn, giải
quyết./.
"""
_PARAGRAPHS = tuple(" ".join(part.split()) for part in _TEXT.strip().split("\n\n"))

_ROWS = (
    (
        "1",
        "Tiếp nhận văn bản khẩn đến và xác nhận đã nhận trên hệ thống",
        "Ủy ban nhân dân các cấp",
        "Không quá 30 phút kể từ khi văn bản đến",
    ),
    (
        "2",
        "Kiểm tra chữ ký số của người có thẩm quyền và của cơ quan trước khi tiếp nhận",
        "Văn thư cơ quan",
        "100% văn bản đến",
    ),
    (
        "3",
        "Cập nhật trạng thái xử lý văn bản đến",
        "Cơ quan, đơn vị được giao xử lý",
        "Trong ngày làm việc",
    ),
    (
        "4",
        "Phân công người trực tiếp nhận văn bản khẩn ngoài giờ hành chính",
        "Văn phòng Ủy ban nhân dân tỉnh; Ủy ban nhân dân các cấp",
        "Gửi danh sách trước ngày 05 hằng tháng",
    ),
    (
        "5",
        "Báo cáo sự cố mất kết nối và phương án nhận văn bản thay thế",
        "Ủy ban nhân dân tỉnh",
        "Ngay khi sự cố kéo dài quá 60 phút",
    ),
)


def sample_letter(
    *, code: str, signer: str, promulgated_on: dt.date, with_districts: bool = True
) -> Letter:
    """Return an urgent letter to a province and what is below it."""
    addressees = ["Ủy ban nhân dân tỉnh Cao Bằng"]
    if with_districts:
        addressees.append("Ủy ban nhân dân các huyện, thành phố thuộc tỉnh Cao Bằng")
        addressees.append("Ủy ban nhân dân các xã, phường, thị trấn thuộc tỉnh Cao Bằng")
    else:
        addressees.append("Ủy ban nhân dân các xã, phường thuộc tỉnh Cao Bằng")
    return Letter(
        agency=AGENCY,
        code=code,
        subject="bảo đảm gửi, nhận văn bản điện tử thông suốt trong mùa mưa lũ",
        mark="KHẨN",
        town="Hà Nội",
        promulgated_on=promulgated_on,
        addressees=addressees,
        paragraphs=_PARAGRAPHS,
        copies=[
            "Như trên",
            "Thủ tướng Chính phủ (để b/c)",
            "Các Phó Thủ tướng Chính phủ (để b/c)",
            f"VPCP: BTCN, các PCN, {_CENTRE}",
            "Lưu: VT, TTĐT",
        ],
        position=["KT. Bộ trưởng, Chủ nhiệm", "Phó Chủ nhiệm"],
        signer=signer,
    )


def sample_annex(*, code: str, promulgated_on: dt.date) -> Annex:
    """Return the annex of the sample letter."""
    return Annex(
        agency=AGENCY,
        code=code,
        title="Chỉ tiêu gửi, nhận văn bản điện tử",
        promulgated_on=promulgated_on,
        columns=["TT", "Nội dung", "Cơ quan thực hiện", "Chỉ tiêu"],
        rows=_ROWS,
    )
