"""Files that never change while we run: their gzip form is made once, not for each request."""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, Response

from services.gateway.compress import asked_for


async def fixed(
    request: Request, file: Path, *, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return a file of ours, by gzip where that is asked for; a part of it as it is."""
    wanted = asked_for(request.headers.get("accept-encoding", ""))
    if not wanted or "range" in request.headers or media_type.startswith("image/"):
        return FileResponse(file, media_type=media_type, headers=headers)
    body, tag = await asyncio.to_thread(_squeezed, file)
    own = {"Content-Encoding": "gzip", "ETag": tag, "Vary": "Accept-Encoding"}
    return Response(body, headers={**headers, **own}, media_type=media_type)


@cache
def _squeezed(file: Path) -> tuple[bytes, str]:
    content = file.read_bytes()
    return gzip.compress(content, mtime=0), f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
