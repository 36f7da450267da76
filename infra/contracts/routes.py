"""`python -m infra.contracts.routes`: the gateway's route table, from the services' documents."""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.events.topics import SERVICES, Service

TABLE = Path(__file__).parents[2] / "services" / "gateway" / "routes.json"
_METHODS = frozenset({"get", "put", "post", "patch", "delete", "head", "options"})
INSIDE = "/internal"


def table() -> str:
    """Return the text of the route table as the services declare it now."""
    rows = [row for service in SERVICES for row in _rows(service, document(service))]
    rows.sort(key=lambda row: (row["path"], row["method"]))
    _refuse_twins(rows)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n"


def document(service: Service) -> Mapping[str, Any]:
    """Return a service's OpenAPI document; made without a database or any setting."""
    return importlib.import_module(f"services.{service}.api").create().openapi()


def _rows(service: Service, openapi: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, operations in openapi["paths"].items():
        if path == INSIDE or path.startswith(f"{INSIDE}/"):
            continue  # between services only
        for method, operation in operations.items():
            if method in _METHODS:
                yield {
                    "method": method.upper(),
                    "path": path,
                    "service": service,
                    "scopes": _scopes(operation),
                }


def _scopes(operation: Mapping[str, Any]) -> list[str] | None:
    if "security" not in operation:
        return None
    return sorted({scope for way in operation["security"] for scope in way["oauth"]})


def _refuse_twins(rows: list[dict[str, Any]]) -> None:
    owners: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row["method"], _shape(row["path"]))
        if key in owners:
            raise ValueError(f"{row['method']} {row['path']}: {owners[key]} and {row['service']}")
        owners[key] = row["service"]


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


if __name__ == "__main__":
    text = table()
    TABLE.write_text(text, encoding="utf-8")
    print(f"{TABLE.name}: {text.count('method')} routes", file=sys.stderr)
