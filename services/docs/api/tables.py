"""Tables as callers ask for them: pages of JSON, or CSV that a spreadsheet cannot run."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from fastapi import Request, Response

from services.docs.api.answers import answer, link
from shared.errors import Problem
from shared.http import speak

CSV_ROWS = 5_000
"""Rows of one CSV answer where `limit` says nothing; `Link` says where to go on."""
JSON_ROWS = 50

Columns = Mapping[str, str]
"""Names of columns, and where their cells stand in an item: `sender.code`."""

AS_CSV: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "One page as JSON, or CSV (RFC 4180, UTF-8 with a byte order mark)",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    }
}
"""`extra` of a route that answers with a table."""

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula."""
_BOM = "\ufeff"
"""Without it, common spreadsheets read Vietnamese as another encoding."""


def rows_wanted(request: Request, limit: int | None) -> int:
    """Return how many rows the answer may hold. Raises Problem REQ-4061."""
    return limit or (CSV_ROWS if wants_csv(request) else JSON_ROWS)


async def table(
    request: Request,
    items: Sequence[Mapping[str, Any]],
    *,
    columns: Columns,
    name: str,
    last: str | None = None,
    spoken: bool = False,
) -> Response:
    """Return items in the form that `Accept` prefers; `last` is the key to go on behind.

    `spoken`: texts of the JSON are in the language of `Accept-Language`; CSV has both, each in its
    column.
    Raises Problem REQ-4061 when neither JSON nor CSV is acceptable.
    """
    cursor, headers = link(request, last)
    if not wants_csv(request):
        body = {"items": items, "next_cursor": cursor}
        return speak(request, body, headers=headers) if spoken else answer(body, headers=headers)
    content = await asyncio.to_thread(_written, items, columns)
    return Response(
        content,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', **headers},
        media_type="text/csv; charset=utf-8; header=present",
    )


def _written(items: Sequence[Mapping[str, Any]], columns: Columns) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for item in items:
        writer.writerow([_safe(_cell(item, path)) for path in columns.values()])
    return (_BOM + text.getvalue()).encode()


def _cell(item: Mapping[str, Any], path: str) -> object:
    value: Any = item
    for part in path.split("."):
        value = None if value is None else value[part]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # fmt: skip
    return value


def _safe(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip().startswith(_RUNS):
        return "'" + cell
    return cell


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
