"""Lists of the gateway: an opaque cursor, the link to the next page, and CSV."""

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import Response

from services.gateway.limits import PAGE
from shared.errors import Fault, Problem

Limit = Annotated[int, Query(ge=1, le=PAGE, description="Items on a page.")]
Cursor = Annotated[
    str | None, Query(max_length=300, description="`next_cursor` of the page before.")
]

_BOM = "\ufeff"
"""Without it, common spreadsheets read Vietnamese as another encoding."""
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a cell for a formula."""
_OFFERED = ("application/json", "text/csv")
_WEIGHT = re.compile(r";\s*q=([0-9.]+)")


def position(cursor: str | None) -> str:
    """Return the key behind which a page begins. Raises Problem REQ-4003 for a foreign cursor."""
    try:
        padded = (cursor or "") + "=" * (-len(cursor or "") % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        if not (key.isprintable()):
            raise ValueError("not a key")  # noqa: TRY301 (one answer for every cause)
    except (binascii.Error, ValueError):
        fault = Fault(
            "/cursor",
            "Giá trị này không do hệ thống cấp.",
            "This value was not given out here.",
            "query",
        )
        raise Problem("REQ-4003", faults=[fault]) from None
    return key


def next_page(request: Request, last: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the cursor behind the key `last` and the header that names the next page."""
    if last is None:
        return None, {}
    cursor = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
    following = urlencode([*kept, ("cursor", cursor)])
    return cursor, {"Link": f'<{request.url.path}?{following}>; rel="next"'}


def wants_csv(request: Request) -> bool:
    """Say whether `Accept` prefers text/csv to JSON. Raises Problem REQ-4061 for neither."""
    accept = ",".join(request.headers.getlist("accept")) or "*/*"
    ranges = [_range(part) for part in accept.lower().split(",") if part.strip()]
    json, as_table = (_quality(kind, ranges) for kind in _OFFERED)
    if max(json, as_table) <= 0:
        raise Problem("REQ-4061", offered=list(_OFFERED))
    return as_table > json


def _range(part: str) -> tuple[str, float]:
    found = _WEIGHT.search(part)
    return part.partition(";")[0].strip(), _number(found[1]) if found else 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range that fits decides (RFC 9110 12.5.1)."""
    for wanted in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        for offered, quality in ranges:
            if offered == wanted:
                return quality
    return 0.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def as_csv(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a table (RFC 4180, UTF-8 with a byte order mark) that no spreadsheet will run."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
    return Response(
        (_BOM + text.getvalue()).encode(),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept"},
        media_type="text/csv; charset=utf-8; header=present",
    )


def _safe(cell: object) -> str:
    written = "" if cell is None else str(cell)
    return f"'{written}" if written.startswith(_RUNS) else written
