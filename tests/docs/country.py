"""A small country: two ministries, a province, a district and its communes."""

from services.docs.agency import seeded_id
from services.docs.seed import COLUMNS
from shared.identity import ActingAgency

COMMUNES = 5
_ROW = "{code},,{old},{name},{level},{parent},active,2020-01-01,,,false"
SENDER, OTHER_SENDER = "G22", "G14"
PROVINCE, DISTRICT = "H14", "H14.03"


def seed(*, communes: int = COMMUNES) -> str:
    """Return two ministries, a province, a district and its communes."""
    rows = [
        ("G22", "", "Văn phòng Chính phủ", "central", ""),
        ("G14", "", "Bộ Nội vụ", "central", ""),
        (PROVINCE, "000.00.00.H14", "Ủy ban nhân dân tỉnh Cao Bằng", "province", ""),
        (DISTRICT, "", "Ủy ban nhân dân huyện Thạch An", "district", PROVINCE),
        *(
            (f"{DISTRICT}.{n:03}", "", f"Ủy ban nhân dân xã số {n}", "commune", DISTRICT)
            for n in range(1, communes + 1)
        ),
    ]
    header = ",".join(COLUMNS)
    lines = [
        _ROW.format(code=code, old=old, name=name, level=level, parent=parent)
        for code, old, name, level, parent in rows
    ]
    return "\n".join([header, *lines]) + "\n"


def commune(number: int) -> str:
    """Return a commune's code."""
    return f"{DISTRICT}.{number:03}"


def acting(code: str) -> ActingAgency:
    """Return a seeded agency as the one that acts."""
    level = "central" if code.startswith("G") else "commune"
    return ActingAgency(seeded_id(code), code, level)
