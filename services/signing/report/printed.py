"""The report on paper: drawn by typst, the same bytes for the same evidence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson
import typst
from fontTools.ttLib import TTFont

from services.signing.report.content import content
from services.signing.validation.policy import Policy

_HERE = Path(__file__).parent
_FONTS = _HERE.parent / "stamps" / "fonts"
_WHOLE = r"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LONG = re.compile(rf"(?<!\S)(?!(?:{_WHOLE})[.,;:)]?(?!\S))\S{{33,}}")
"""Words that may not fit into a line; a digest does, and a UUID: who copies one gets what it is."""
_PART = re.compile(r"(\S{12})(?=\S)")


def render(
    evidence: Mapping[str, Any], policy: Policy, *, sha256: str, withdrawn: str | None
) -> bytes:
    """Return the report as PDF; `withdrawn` is why, by problem code. Raises Incomplete.

    It is PDF/UA-1, and PDF/A-2a where a moment was judged: that wants a date. Takes some 50 ms.
    """
    said = asdict(content(evidence, policy, sha256=sha256, withdrawn=withdrawn))
    said["printed"] = printed = _printed(evidence)
    said["file"] = evidence["subject"]["sha256"]
    return typst.compile(
        str(_HERE / "print.typ"),
        format="pdf",
        font_paths=[str(_FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"report": orjson.dumps(_drawable(said)).decode()},
        pdf_standards=["a-2a", "ua-1"] if printed else ["ua-1"],
    )


@cache
def _drawn() -> frozenset[int]:
    """Return the characters of the font: PDF/A and PDF/UA allow no others."""
    regular, bold = (_characters(path) for path in sorted(_FONTS.glob("*.ttf")))
    return regular & bold


def _characters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap() or ())


def _printed(evidence: Mapping[str, Any]) -> list[int] | None:
    """Return the moment that was judged as the date of the paper: it does not tell when printed."""
    if evidence["finding"] is None:
        return None
    at = datetime.fromisoformat(evidence["finding"]["checked_at"]).astimezone(UTC)
    return [at.year, at.month, at.day, at.hour, at.minute, at.second]


def _drawable(value: Any) -> Any:  # noqa: ANN401 (any part of a JSON document)
    """Name characters that the font has not, and let words longer than a line be broken."""
    if isinstance(value, str):
        drawn = "".join(char if ord(char) in _drawn() else f"[U+{ord(char):04X}]" for char in value)
        return _LONG.sub(lambda word: _PART.sub("\\1\u200b", word[0]), drawn)
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {name: _drawable(one) for name, one in parts.items()}
    if isinstance(value, list | tuple):
        return [_drawable(one) for one in cast("Sequence[Any]", value)]
    return value
