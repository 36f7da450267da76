"""What FastAPI cannot know for a service's OpenAPI document: languages, scopes, problems."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict, cast

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared import openapi_parts as parts
from shared.faults import PROBLEM_JSON
from shared.identity import Scoped

Operation = dict[str, Any]

_REFUSES = "x-refuses"
_KEYED = "x-keyed"
_VIETNAMESE = "x-summary-vi"
_DONE = "x-described"

_ALWAYS = (400, 429, 431, 503)
_WITH_TOKEN = (401, 403)
_WITH_BODY = (408, 413, 415, 422)
_WITH_KEY = (409, 422)
_STALE = 412
_FOR_NO_AGENCY = frozenset({"operator", "registrar", "directory"})
"""Scopes of clients that act for no agency, so `On-Behalf-Of` means nothing to them."""


class Told(TypedDict):
    """What a route's decorator takes besides its path: `@router.get("/v1/…", **told(…))`."""

    summary: str
    openapi_extra: dict[str, Any]
    responses: NotRequired[dict[int | str, dict[str, Any]]]


def told(
    en: str,
    vi: str,
    *,
    refuses: Sequence[int] = (),
    keyed: bool | None = None,
    answers: Mapping[int, type] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Told:
    """Say in both languages what an operation does, and which statuses of problems are its own.

    Those that follow from what it takes need not be named: a token (401, 403), a body (408, 413,
    415, 422), parameters in the path (404), an `Idempotency-Key` (409), and anything (400, 429,
    431, 503). 412 says that it takes `If-Match`. `keyed`: whether it takes an `Idempotency-Key`; a
    POST that answers 201 or 202 does. `answers`: the model of each answer that FastAPI does not
    see because the route makes it itself. `extra`: further members of the operation.
    """
    operation: dict[str, Any] = {**(extra or {}), _VIETNAMESE: vi, _REFUSES: list(refuses)}
    if keyed is not None:
        operation[_KEYED] = keyed
    made: Told = {"summary": en, "openapi_extra": operation}
    if answers:
        made["responses"] = {status: {"model": model} for status, model in answers.items()}
    return made


def describe(document: dict[str, Any], routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Write into each operation what `Scoped` demands and how it refuses; twice changes nothing."""
    if document.get(_DONE):
        return document
    document[_DONE] = True
    _name_scopes(document, routers)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(operation, method, path)
    _add_versions(document["paths"])
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = parts.PROBLEM
    components["securitySchemes"] = parts.SECURITY
    components["headers"] = parts.HEADERS
    components["parameters"] = parts.PARAMETERS
    components["responses"] = parts.responses()
    _drop_unreadable(document)
    return document


def _drop_unreadable(document: dict[str, Any]) -> None:
    """Take out patterns with Unicode classes: without its flag, ECMA 262 reads others in them."""
    todo: list[Any] = [document]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            members = cast("dict[str, Any]", node)
            pattern = members.get("pattern")
            if isinstance(pattern, str) and r"\p{" in pattern:
                del members["pattern"]
            todo.extend(members.values())
        elif isinstance(node, list):
            todo.extend(cast("list[Any]", node))


def _name_scopes(document: Mapping[str, Any], routers: Sequence[APIRouter]) -> None:
    for route in _routes(routers):
        demanded = [item for item in _dependencies(route.dependant) if isinstance(item, Scoped)]
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and demanded:
                # Any one of its scopes is enough.
                ways = [{"oauth": [scope]} for scope in demanded[0].scopes]
                operation["security"] = ways or [{"oauth": []}]


def _describe(operation: Operation, method: str, path: str) -> None:
    vietnamese = operation.get(_VIETNAMESE)
    if vietnamese is not None:  # the page of the document shows descriptions only
        told_more = operation.get("description", "")
        operation["description"] = f"**{vietnamese}**\n\n{told_more}".strip()
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)  # FastAPI's own shape, which nobody gets
    succeeds = {int(status) for status in answers if status.startswith("2")}
    keyed = operation.pop(_KEYED, method == "post" and bool(succeeds & {201, 202}))
    own: list[int] = operation.pop(_REFUSES, [])
    _add_parameters(operation, path, keyed=keyed, versioned=_STALE in own)
    _add_headers(operation, answers, keyed=keyed)
    for status in sorted({*own, *_refuses(operation, path, keyed=keyed)}):
        problem = {"$ref": f"#/components/responses/{parts.name_of(status)}"}
        answer = answers.setdefault(str(status), problem)
        if "content" in answer:  # a route may refuse in a form of its own, behind ours
            answer["content"].setdefault(PROBLEM_JSON, parts.CONTENT)


def _refuses(operation: Operation, path: str, *, keyed: bool) -> Iterator[int]:
    """Yield the statuses of problems that follow from what an operation takes."""
    yield from _ALWAYS
    if "security" in operation:
        yield from _WITH_TOKEN
    if "requestBody" in operation:
        yield from _WITH_BODY
    if "{" in path:
        yield 404
    if keyed:
        yield from _WITH_KEY


def _add_parameters(operation: Operation, path: str, *, keyed: bool, versioned: bool) -> None:
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    for parameter in parameters:
        name: str = parameter["name"]
        before = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
        said = parts.DESCRIBED.get(f"{before}/{name}") or parts.DESCRIBED.get(name)
        if said is not None:
            parameter.setdefault("description", said)
    named = {parameter["name"].lower() for parameter in parameters}
    scopes = {scope for way in operation.get("security", ()) for scope in way["oauth"]}
    acts = "security" in operation and (not scopes or bool(scopes - _FOR_NO_AGENCY))
    wanted = {"On-Behalf-Of": acts, "Idempotency-Key": keyed, "If-Match": versioned}
    for name, is_taken in wanted.items():
        if is_taken and name.lower() not in named:
            parameters.append({"$ref": f"#/components/parameters/{name}"})
    if not parameters:
        del operation["parameters"]


def _add_headers(operation: Operation, answers: Mapping[str, Any], *, keyed: bool) -> None:
    paged = any(parameter.get("name") == "cursor" for parameter in operation.get("parameters", ()))
    for status, answer in answers.items():
        names = ["Trace-Id"]
        if keyed and status in {"201", "202"}:
            names.append("Location")
        if paged and status == "200":
            names.append("Link")
        _put_headers(answer, names)
        # FastAPI says "string", which is the whole of a stream, not what a reader sees of it.
        answer.get("content", {}).get("text/event-stream", {}).pop("schema", None)
        if answer["description"] == "Successful Response":
            answer["description"] = HTTPStatus(int(status)).phrase


def _add_versions(paths: Mapping[str, Mapping[str, Operation]]) -> None:
    """Name the ETag where a version is shown that `If-Match` can be about."""
    versioned = {
        path for path, operations in paths.items() for op in operations.values() if _has_version(op)
    }
    for path, operations in paths.items():
        makes = any(
            one.startswith(path + "/{") and one.count("/") == path.count("/") + 1
            for one in versioned
        )
        for method, operation in operations.items():
            if path in versioned or (makes and method == "post"):
                for status in {"200", "201"} & operation["responses"].keys():
                    _put_headers(operation["responses"][status], ["ETag"])


def _has_version(operation: Operation) -> bool:
    return str(_STALE) in operation["responses"]


def _put_headers(answer: dict[str, Any], names: Sequence[str]) -> None:
    headers = answer.setdefault("headers", {})
    for name in names:
        headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route


def _dependencies(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _dependencies(inner)
