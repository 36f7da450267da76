"""`/docs`: the OpenAPI document as a page, from files of our own, for browsers without internet."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.api.fixed import fixed
from shared.errors import Problem

_FOLDER = Path(__file__).parents[1] / "static"
_ASSETS = {
    "docs.css": ("docs.css", "text/css"),
    "docs.js": ("docs.js", "text/javascript"),
    "favicon-32x32.png": ("swagger-ui/favicon-32x32.png", "image/png"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
}
_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs(request: Request) -> Response:
    """Return the page; it reads `/openapi.json`, and nothing from anywhere else."""
    return await fixed(request, _FOLDER / "docs.html", media_type="text/html", headers=_HEADERS)


@router.get("/docs/{name}")
async def get_asset(request: Request, name: str) -> Response:
    """Return a file of the page; there are no others than the named ones."""
    if name not in _ASSETS:
        raise Problem("REQ-4041")
    path, media_type = _ASSETS[name]
    return await fixed(request, _FOLDER / path, media_type=media_type, headers=_HEADERS)
