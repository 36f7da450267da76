"""The agencies of a seed file, and the synthetic person who leads each of them."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

_SURNAMES = "Nguyễn Trần Lê Phạm Hoàng Phan Vũ Đặng Bùi Đỗ Hồ Ngô Dương Lý Nông Triệu Lương Bế Đàm"
_MIDDLES = "Văn Thị Đức Minh Quang Thanh Hữu Ngọc Xuân Công Đình Thu Hải Trọng Kim Bảo"
_GIVENS = (
    "An Bình Cường Dũng Giang Hà Hải Hạnh Hiếu Hòa Hùng Hương Khánh Lan Linh Long Mai Nam Nga "
    "Phong Phúc Quân Sơn Tâm Thảo Thắng Thủy Trang Trung Tuấn Vân Vinh"
)


@dataclass(frozen=True, slots=True)
class SeedAgency:
    """One active agency of the seed."""

    code: str
    name: str
    level: str

    @property
    def leader(self) -> str:
        """The invented name of its leader: the same at every set-up, nobody's in particular."""
        digest = hashlib.sha256(self.code.encode()).digest()
        return " ".join(
            _pick(names.split(), digest[place : place + 4])
            for place, names in ((0, _SURNAMES), (4, _MIDDLES), (8, _GIVENS))
        )


def read(path: Path) -> list[SeedAgency]:
    """Return the agencies of a seed that are not closed: only they sign and connect."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            SeedAgency(code=row["code"], name=row["name"], level=row["level"])
            for row in csv.DictReader(file)
            if row["state"] != "closed"
        ]


def _pick(names: list[str], digest: bytes) -> str:
    return names[int.from_bytes(digest, "big") % len(names)]
