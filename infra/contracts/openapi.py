"""`python -m infra.contracts.openapi`: one OpenAPI document for all that passes the gateway."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.contracts.routes import INSIDE, document
from shared.events.topics import SERVICES
from shared.faults import Json

MERGED = Path(__file__).parents[2] / "services" / "gateway" / "openapi.json"
_REFERENCE = "#/components/schemas/"


def merged() -> str:
    """Return the text of the merged document as the services declare it now."""
    paths: dict[str, dict[str, Json]] = {}
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
                    tagged: Json = {"tags": [service], **operation}
                    paths.setdefault(path, {})[method] = _renamed(tagged, new)
    whole: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Liên thông", "version": "1"},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": document("gateway")["components"]["securitySchemes"],
        },
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _renamed(node: Json, new: Mapping[str, str]) -> Json:
    if isinstance(node, list):
        return [_renamed(item, new) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _renamed(value, new) for key, value in node.items()}
    target = node.get("$ref")
    if isinstance(target, str) and target.startswith(_REFERENCE):
        made["$ref"] = _REFERENCE + new[target.removeprefix(_REFERENCE)]
    return made


if __name__ == "__main__":
    MERGED.write_text(merged(), encoding="utf-8")
    print(f"{MERGED.name}: {MERGED.stat().st_size} bytes", file=sys.stderr)
