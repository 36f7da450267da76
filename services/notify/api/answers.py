"""How notify reads what must not happen twice or must be of one version, and how it answers."""

import re

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from shared.errors import Problem

_VERSION_TAG = re.compile(r'(?:W/)?"(\d{1,18})"')


def answer(body: BaseModel, status: int = 200, **headers: str) -> Response:
    """Return a JSON answer; header names are written with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body.model_dump_json(), status, named, media_type="application/json")


def expected_version(request: Request) -> int | None:
    """Return the version that `If-Match` demands; None when any will do.

    Raises Problem REQ-4121 for a tag that no version has.
    """
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    found = _VERSION_TAG.fullmatch(wanted.strip())
    if found is None:
        raise Problem("REQ-4121")
    return int(found[1])
