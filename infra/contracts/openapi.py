"""`python -m infra.contracts.openapi`: one OpenAPI document for all that passes the gateway."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.contracts import examples
from infra.contracts.routes import INSIDE, document
from infra.contracts.tags import tag_of, tags
from shared.events.topics import SERVICES
from shared.faults import Json

MERGED = Path(__file__).parents[2] / "services" / "gateway" / "openapi.json"
_OVERVIEW = Path(__file__).with_name("overview.md")
_SCHEMA = "#/components/schemas/"
_POINTER = re.compile(r"#/components/([a-zA-Z]+)/([^\"]+)")
_NO_WORD = re.compile(r"\W")
_INFO: dict[str, Json] = {
    "title": "Liên thông",
    "version": "1",
    # Whoever runs the exchange writes its own desk here.
    "contact": {
        "name": "Bộ phận hỗ trợ kết nối",
        "url": "https://lienthong.example/ho-tro",
        "email": "ho-tro@lienthong.example",
    },
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}


def merged() -> str:
    """Return the text of the merged document as the services declare it now."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Json] = {}
    for service in SERVICES:
        declared = document(service)
        own: dict[str, Json] = declared["components"]["schemas"]
        # Two services may give one name to two shapes: then the later one carries its service.
        new = {
            name: f"{service.title()}{name}" if schemas.get(name, shape) != shape else name
            for name, shape in own.items()
        }
        schemas |= {new[name]: _renamed(shape, new) for name, shape in own.items()}
        for path, operations in declared["paths"].items():
            if not path.startswith(INSIDE):
                for method, operation in operations.items():
                    filed: Json = {**operation, "tags": [tag_of(path)], "x-service": service}
                    paths.setdefault(path, {})[method] = _renamed(filed, new)
    _shorten_ids(paths)
    shared = document("gateway")["components"]
    examples.put(paths, examples.recorded())
    ordered: Json = dict(sorted(paths.items()))
    whole: Json = {
        "openapi": "3.1.0",
        "info": {**_INFO, "description": _OVERVIEW.read_text(encoding="utf-8").strip()},
        "servers": [{"url": "/", "description": "Cổng. The gateway that serves this page"}],
        "tags": [{**tag} for tag in tags()],
        "paths": ordered,
        "components": {
            **_used(ordered, {**shared, "schemas": dict(sorted(schemas.items()))}),
            "securitySchemes": shared["securitySchemes"],
        },
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _shorten_ids(paths: Mapping[str, Mapping[str, Any]]) -> None:
    """Leave of FastAPI's ids the function's name, which clients take over; none may stand twice."""
    taken: set[str] = set()
    for path, operations in sorted(paths.items()):
        for method, operation in operations.items():
            name = operation["operationId"].removesuffix(f"{_NO_WORD.sub('_', path)}_{method}")
            if operation["x-service"] in path.split("/"):  # what each service has for itself
                name = f"{name}_{operation['x-service']}"
            if name in taken:
                raise ValueError(f"{method} {path}: another operation is called {name}")
            taken.add(name)
            operation["operationId"] = name


def _renamed(node: Json, new: Mapping[str, str]) -> Json:
    if isinstance(node, list):
        return [_renamed(item, new) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _renamed(value, new) for key, value in node.items()}
    target = node.get("$ref")
    if isinstance(target, str) and target.startswith(_SCHEMA):
        made["$ref"] = _SCHEMA + new[target.removeprefix(_SCHEMA)]
    return made


def _used(paths: Json, components: Mapping[str, Mapping[str, Json]]) -> dict[str, Json]:
    """Return the components that the paths lead to, however many references away."""
    reached: set[tuple[str, str]] = set()
    todo: list[Json] = [paths]
    while todo:
        for kind, name in _POINTER.findall(json.dumps(todo.pop())):
            if (kind, name) not in reached:
                reached.add((kind, name))
                todo.append(components[kind][name])
    return {
        kind: {name: part for name, part in named.items() if (kind, name) in reached}
        for kind, named in components.items()
        if any(kind == one for one, _name in reached)
    }


if __name__ == "__main__":
    MERGED.write_text(merged(), encoding="utf-8")
    print(f"{MERGED.name}: {MERGED.stat().st_size} bytes", file=sys.stderr)
