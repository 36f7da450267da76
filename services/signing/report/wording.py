"""How facts are written for people: nothing invisible, nothing endless, times of Vietnam."""

import re
import unicodedata
from datetime import datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "+07")
_LONGEST = 400
_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))


def shown(text: str) -> str:
    """Return text that a file or a person chose so that all of it is seen, in one line."""
    cut = text[:_LONGEST]
    seen = "".join(_visible(char) for char in cut)
    return seen if cut == text else f"{seen}… ({len(text)} ký tự)"


def _visible(char: str) -> str:
    if unicodedata.category(char) in _HIDDEN:
        return f"[U+{ord(char):04X}]"
    return char


def moment(text: str | None, *, without: str = "không có") -> str:
    """Return a moment (ISO 8601) as people in Vietnam write it, with the zone."""
    if text is None:
        return without
    try:
        at = datetime.fromisoformat(text)
        local = at.astimezone(VIETNAM) if at.tzinfo else None
    except (ValueError, OverflowError):
        local = None
    if local is None:
        return shown(text)  # a time without a zone is not one that could be told here
    return f"{local:%H:%M:%S} ngày {local:%d/%m/%Y}, giờ Việt Nam (UTC+7)"


def day(text: str) -> str:
    """Return a day (ISO 8601) as people in Vietnam write it."""
    return re.sub(r"^(\d{4})-(\d\d)-(\d\d)$", r"\3/\2/\1", text)


def size(count: int) -> str:
    """Return a number of bytes."""
    return f"{count:,} byte".replace(",", ".")
