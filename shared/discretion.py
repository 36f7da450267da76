"""What no span may carry: the query of an address, by which people look for names."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState

_ADDRESSES = ("url.full", "http.url", "http.target")


class Discreet(Sampler):
    """Takes what OpenTelemetry's own takes, without queries: FastAPI writes them down."""

    def should_sample(  # noqa: PLR0917 (their signature)
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,  # noqa: ANN401 (OpenTelemetry's own type is recursive)
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide about a span that begins, and say which attributes it begins with."""
        kept = dict[str, Any](attributes or {})
        kept.pop("url.query", None)
        for address in _ADDRESSES:
            if address in kept:
                kept[address] = str(kept[address]).partition("?")[0]
        return DEFAULT_ON.should_sample(
            parent_context, trace_id, name, kind, kept, links, trace_state
        )

    def get_description(self) -> str:
        """Return its name."""
        return "WithoutQueries"
