"""Reads the page of expectations."""

from pathlib import Path
from typing import get_args

from tests.conformance.case import Decision, Expected

PAGE = Path(__file__).parent / "expected.md"
_COLUMNS = 6
_NONE = "–"


def expected() -> dict[str, Expected]:
    """Return what is expected of each case, by its name. Raises ValueError."""
    found: dict[str, Expected] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("case", "---"):
            continue
        if len(cells) != _COLUMNS or cells[0] in found:
            raise ValueError(f"not one row of {_COLUMNS} columns: {line}")
        found[cells[0]] = _row(cells)
    return found


def _row(cells: list[str]) -> Expected:
    _, decision, indication, sub_indication, rule, clause = cells
    return Expected(
        _decision(decision),
        indication,
        None if sub_indication == _NONE else sub_indication,
        None if rule == _NONE else rule,
        clause,
    )


def _decision(word: str) -> Decision:
    for one in get_args(Decision):
        if one == word:
            return one
    raise ValueError(f"no decision: {word}")
