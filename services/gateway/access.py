"""Which route exists, who owns it, and which scope it takes: the generated table, looked up."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Problem
from shared.events.topics import Service

TABLE = Path(__file__).with_name("routes.json")
"""Made from the four services' OpenAPI documents by `python -m infra.contracts.routes`."""

STREAMS = frozenset({"/v1/events/stream"})
"""What never ends: it has no HEAD."""

# A parameter takes one segment: never an empty one, nor one that a later hop might resolve.
_NO_VALUE = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of one service."""

    service: Service
    method: str
    path: str
    """The template, such as `/v1/documents/{document_id}`."""
    scopes: tuple[str, ...] | None
    """Any one is enough; none named: any valid token; None: public."""

    def segments(self) -> tuple[str | None, ...]:
        """Return the path's segments, None for a parameter."""
        return tuple(None if part.startswith("{") else part for part in self.path.split("/"))


class Table:
    """All routes; what is not in it does not exist."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Index the routes by their number of segments, literal ones before parameters."""
        self._by_length: dict[int, list[tuple[tuple[str | None, ...], Route]]] = {}
        for route in routes:
            segments = route.segments()
            self._by_length.setdefault(len(segments), []).append((segments, route))
        for rows in self._by_length.values():
            rows.sort(key=lambda row: tuple(segment is None for segment in row[0]))

    def match(self, method: str, path: str) -> Route:
        """Return the route of a request. Raises Problem REQ-4041, or REQ-4051 with `allow`."""
        parts = path.split("/")
        rows = self._by_length.get(len(parts), [])
        found = [route for segments, route in rows if _fits(segments, parts)]
        if not found:
            raise Problem("REQ-4041")
        for route in found:
            if route.method == method:
                return route
        raise Problem("REQ-4051", allow=", ".join(sorted(_allowed(found))))


def _allowed(found: Iterable[Route]) -> set[str]:
    read = any(route.method == "GET" and route.path not in STREAMS for route in found)
    return {route.method for route in found} | ({"HEAD"} if read else set())


def _fits(segments: tuple[str | None, ...], parts: list[str]) -> bool:
    return all(
        part not in _NO_VALUE if segment is None else part == segment
        for segment, part in zip(segments, parts, strict=True)
    )


def load(table: Path = TABLE) -> Table:
    """Read the generated table."""
    rows: list[dict[str, Any]] = json.loads(table.read_text(encoding="utf-8"))
    return Table(
        Route(
            service=row["service"],
            method=row["method"],
            path=row["path"],
            scopes=None if row["scopes"] is None else tuple(row["scopes"]),
        )
        for row in rows
    )
