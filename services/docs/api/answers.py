"""How docs answers: JSON, ETags, cursors of pages; and how it reads what is sent back."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, BinaryIO
from urllib.parse import urlencode

import orjson
from fastapi import Query, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.blobs import BLOCK
from shared.errors import Fault, Problem, problem_types
from shared.idempotency import digest_of

MOST_ON_A_PAGE = 500
Limit = Annotated[
    int | None,
    Query(ge=1, le=MOST_ON_A_PAGE, description="Items on a page; 50 where nothing is said."),
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=500, description="`next_cursor` of the page before; other values are refused."
    ),
]

_VERSION_TAG = re.compile(r'(?:W/)?"(\d{1,18})"')


def answer(
    body: Mapping[str, Any], status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON answer; ids, dates and enums in `body` are written as text."""
    return Response(
        orjson.dumps(body, default=str), status, dict(headers or {}), media_type="application/json"
    )


class Lent(StreamingResponse):
    """A file that was opened for this answer alone: it is closed with it, whoever ends that."""

    def __init__(self, file: BinaryIO, *, media_type: str, headers: Mapping[str, str]) -> None:
        """Send the whole file, block by block."""
        size = str(os.fstat(file.fileno()).st_size)
        blocks = iter(partial(file.read, BLOCK), b"")
        super().__init__(blocks, headers={**headers, "Content-Length": size}, media_type=media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close it."""
        with self._file:
            await super().__call__(scope, receive, send)


def tag(version: int) -> dict[str, str]:
    """Return the ETag of something that counts its changes."""
    return {"ETag": f'"{version}"'}


def expected_versions(request: Request) -> frozenset[int] | None:
    """Return the versions of which `If-Match` demands one; None when any will do.

    A tag that no version has is left out: where nothing is left, none will do (412).
    """
    wanted = ",".join(request.headers.getlist("if-match"))
    if wanted.strip() in ("", "*"):
        return None
    tags = (_VERSION_TAG.fullmatch(one.strip()) for one in wanted.split(","))
    return frozenset(int(found[1]) for found in tags if found is not None)


def link(request: Request, last: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the cursor behind the key `last`, and the header that names the next page."""
    if last is None:
        return None, {}
    cursor = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    # A parameter may come several times: all of them go on.
    query = [one for one in request.query_params.multi_items() if one[0] != "cursor"]
    following = urlencode([*query, ("cursor", cursor)])
    return cursor, {"Link": f'<{request.url.path}?{following}>; rel="next"'}


def position(cursor: str | None) -> str | None:
    """Return the key that a cursor stands for. Raises Problem REQ-4003 for one not made here."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        if "\0" in key:
            raise ValueError("NUL")  # noqa: TRY301 (one answer for every cause)
        return key  # noqa: TRY300
    except (binascii.Error, ValueError):
        raise bad_parameter("cursor") from None


def bad_parameter(name: str) -> Problem:
    """Return the problem of a query parameter whose value was not made here."""
    vi, en = "Giá trị này không do hệ thống cấp.", "This value was not given out here."
    return Problem("REQ-4003", faults=[Fault(f"/{name}", vi, en, "query")])


def warning(code: str) -> dict[str, str]:
    """Return a remark on something that was accepted nevertheless."""
    row = problem_types()[code]
    return {"code": code, "title": row.title, "title_en": row.title_en}


async def digest_of_json(request: Request) -> bytes:
    """Return the SHA-256 of the parsed JSON of a body that FastAPI has already accepted."""
    return digest_of(orjson.loads(await request.body() or b"null"))
