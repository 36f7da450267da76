"""What FastAPI cannot know for a service's OpenAPI document: scopes, and problems as errors."""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.faults import PROBLEM_JSON
from shared.identity import Scoped

_TEXT = {"type": "string"}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457, in Vietnamese and English; `code` is listed at /v1/problems.",
    "required": ["type", "code", "status", "title", "detail", "hint", "instance", "trace_id"],
    "properties": {
        **dict.fromkeys(("type", "code", "instance", "trace_id"), _TEXT),
        **dict.fromkeys(("title", "title_en", "detail", "detail_en", "hint", "hint_en"), _TEXT),
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict.fromkeys(("pointer", "in", "detail", "detail_en"), _TEXT),
            },
        },
    },
}
_REFUSAL = {
    "description": "A problem (RFC 9457)",
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_FLOW: dict[str, Any] = {"tokenUrl": "/oauth/token", "scopes": {}}
_OAUTH = {"type": "oauth2", "flows": {"clientCredentials": _FLOW}}


_REFUSES = "x-refuses"


class Told(TypedDict):
    """What a route's decorator takes besides its path: `@router.get("/v1/…", **told(…))`."""

    summary: str
    openapi_extra: dict[str, Any]


def told(en: str, vi: str, *, refuses: Sequence[int] = ()) -> Told:
    """Say in both languages what an operation does, and which statuses of problems are its own.

    Those that any operation may give (400, 401, 403, 429, 503) need not be named.
    """
    return {"summary": en, "openapi_extra": {"x-summary-vi": vi, _REFUSES: list(refuses)}}


def describe(document: dict[str, Any], routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Write into each operation what `Scoped` demands and how it refuses; twice changes nothing."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # FastAPI's own shape, which nobody gets
            for status in operation.pop(_REFUSES, ()):
                operation["responses"].setdefault(str(status), _REFUSAL)
            operation["responses"]["default"] = _REFUSAL
    for route in _routes(routers):
        demanded = [item for item in _dependencies(route.dependant) if isinstance(item, Scoped)]
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and demanded:
                # Any one of its scopes is enough.
                ways = [{"oauth": [scope]} for scope in demanded[0].scopes]
                operation["security"] = ways or [{"oauth": []}]
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {})["oauth"] = _OAUTH
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    return document


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route


def _dependencies(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _dependencies(inner)
