"""What Jaeger's query API tells of a document's number, asked as an operator would ask."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.proof.harness import Json
from tests.proof.traces.journey import Place, Span

_NUMBER = "lienthong.document.code"
_TRACES = 1_500
_LOOK_BACK_US, _AHEAD_US = 3_600_000_000, 60_000_000


@dataclass(frozen=True, slots=True)
class Jaeger:
    """One stack's Jaeger."""

    session: aiohttp.ClientSession
    address: str

    async def answers(self) -> bool:
        """Say whether it is there."""
        try:
            await self._ask("/api/services")
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True

    async def spans(self, number: str) -> list[Span]:
        """Return all spans of the traces that carry a document's number.

        Raises ClientError, TimeoutError.
        """
        now = time.time_ns() // 1_000
        found: dict[Place, Span] = {}
        for service in await self._ask("/api/services"):
            query = {
                "service": service,
                "tags": json.dumps({_NUMBER: number}),
                "limit": str(_TRACES),
                "start": str(now - _LOOK_BACK_US),
                "end": str(now + _AHEAD_US),
            }
            for trace in await self._ask("/api/traces", query):
                found |= {span.place: span for span in read(trace)}
        return [*found.values()]

    async def _ask(self, path: str, query: Mapping[str, str] | None = None) -> list[Any]:
        async with self.session.get(self.address + path, params=query) as answer:
            answer.raise_for_status()
            return (await answer.json())["data"] or []


def read(trace: Json) -> Iterator[Span]:
    """Yield the spans of one trace as Jaeger tells them."""
    for row in trace["spans"]:
        yield Span(
            trace=row["traceID"],
            id=row["spanID"],
            name=row["operationName"],
            service=trace["processes"][row["processID"]]["serviceName"],
            above=tuple((one["traceID"], one["spanID"]) for one in row["references"]),
            tags={tag["key"]: str(tag["value"]) for tag in row["tags"]},
        )
