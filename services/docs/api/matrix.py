"""Where each recipient's copy stands, as JSON items and as CSV that a spreadsheet cannot run."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response

from services.docs.store.progress import Standing
from shared.errors import Problem, problem_types

_COLUMNS = (
    "recipient_code",
    "recipient_name",
    "level",
    "transport",
    "lane",
    "sequence",
    "hash",
    "cleared_at",
    "acknowledged_at",
    "acknowledged_by",
    "reason",
    "reason_title",
    "successors",
)
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a cell for a formula."""
_BOM = "\ufeff"
"""Without it, common spreadsheets read Vietnamese as another encoding."""


def as_item(row: Standing) -> dict[str, Any]:
    """Return one copy in the shape of the API."""
    return {
        "id": row.id,
        "recipient": {
            "id": row.recipient_id,
            "code": row.recipient_code,
            "name": row.recipient_name,
            "level": row.level,
        },
        "transport": row.transport,
        "lane": row.lane,
        "sequence": row.sequence,
        "hash": None if row.hash is None else row.hash.hex(),
        "cleared_at": row.cleared_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "reason": reason(row.reason),
        "successors": row.successors,
    }


def as_csv(rows: Sequence[Standing], *, name: str) -> Response:
    """Return all copies as CSV (RFC 4180, UTF-8 with a byte order mark)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_safe(cell) for cell in _cells(row)])
    return Response(
        (_BOM + text.getvalue()).encode(),
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        media_type="text/csv; charset=utf-8; header=present",
    )


def _cells(row: Standing) -> Sequence[object]:
    why = reason(row.reason)
    return (
        row.recipient_code,
        row.recipient_name,
        row.level,
        row.transport,
        row.lane,
        row.sequence,
        None if row.hash is None else row.hash.hex(),
        None if row.cleared_at is None else row.cleared_at.isoformat(),
        None if row.acknowledged_at is None else row.acknowledged_at.isoformat(),
        row.acknowledged_by,
        row.reason,
        None if why is None else why["title"],
        " ".join(row.successors),
    )


def _safe(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_RUNS):
        return "'" + cell
    return cell


def reason(code: str | None) -> dict[str, str] | None:
    """Return a reason in both languages; a code of a newer service than this stands alone."""
    if code is None:
        return None
    row = problem_types().get(code)
    if row is None:
        return {"code": code, "title": code, "title_en": code}
    return {"code": code, "title": row.title, "title_en": row.title_en}


def preferred(request: Request, offered: Sequence[str]) -> str:
    """Return the offered media type that `Accept` ranks highest; the first where it is silent.

    Raises Problem REQ-4061 when none is acceptable (RFC 9110 12.5.1).
    """
    accept = ",".join(request.headers.getlist("accept")) or "*/*"
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best = max(offered, key=lambda kind: _quality(kind, ranges))  # the first of equals
    if _quality(best, ranges) <= 0:
        raise Problem("REQ-4061", offered=list(offered))
    return best


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range that fits decides."""
    main = kind.partition("/")[0]
    for wanted in (kind, f"{main}/*", "*/*"):
        for offered, quality in ranges:
            if offered == wanted:
                return quality
    return 0.0


def wants_csv(request: Request) -> bool:
    """Say whether CSV is preferred to JSON. Raises Problem REQ-4061 when neither is acceptable."""
    return preferred(request, ("application/json", "text/csv")) == "text/csv"
