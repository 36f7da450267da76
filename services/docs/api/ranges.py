"""`Range` (RFC 9110 14): one range of bytes; several, or another unit, are answered in whole."""

import re

from fastapi import Request

from shared.errors import Problem

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


def wanted_range(request: Request, *, size: int, etag: str) -> tuple[int, int] | None:
    """Return the range asked for, as first byte and byte behind the last; None: all of it.

    Raises Problem REQ-4161 for a range outside the representation.
    """
    header = request.headers.get("range")
    if header is None or request.headers.get("if-range", etag) != etag:
        return None
    found = _RANGE.fullmatch(header)
    if found is None or found[1] == found[2] == "":
        return None
    first, last = found[1], found[2]
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < int(first):
            return None  # not a range at all (RFC 9110 14.1.1)
    if start >= size or start >= end:
        raise Problem("REQ-4161", size=size, content_range=f"bytes */{size}")
    return start, end
