"""Traces and logs: the names of span attributes, and trace context in and out of the outbox."""

import logging
import sys
import threading
from collections.abc import Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from shared.discretion import Discreet
from shared.settings import ServiceSettings

DOCUMENT_ID = "lienthong.document.id"
DOCUMENT_CODE = "lienthong.document.code"
DISPATCH_ID = "lienthong.dispatch.id"
DELIVERY_ID = "lienthong.delivery.id"
AGENCY_FROM = "lienthong.agency.from"
AGENCY_TO = "lienthong.agency.to"
LEVEL = "lienthong.level"
URGENCY = "lienthong.urgency"
LANE = "lienthong.lane"
RECIPIENTS = "lienthong.recipients"
INDICATION = "lienthong.signature.indication"
CERTIFICATE = "lienthong.certificate.sha256"
STATUS_CODE = "lienthong.status.code"
STATUS_PREVIOUS = "lienthong.status.previous"
ATTEMPT = "lienthong.attempt"
OUTBOX_WAIT_MS = "lienthong.outbox.wait_ms"

INHERITED = (DOCUMENT_ID, DOCUMENT_CODE, DISPATCH_ID, DELIVERY_ID)
"""A span has these from the one around it, so that each is found by the document's code."""

_FACTS = {
    "document_id": DOCUMENT_ID,
    "document_code": DOCUMENT_CODE,
    "dispatch_id": DISPATCH_ID,
    "delivery_id": DELIVERY_ID,
    "sender_id": AGENCY_FROM,
    "agency_id": AGENCY_TO,
    "level": LEVEL,
    "lane": LANE,
    "indication": INDICATION,
}
"""Fields of events that stand on the spans around them."""

Attributes = Mapping[str, str | int | float | bool]

_SITE = "H14"
_TRACER = trace.get_tracer("lienthong")
_PARTS = 4
_FLUSH_SECONDS = 2


def start(settings: ServiceSettings) -> None:
    """Set up JSON logs on standard output, and traces to `otlp_endpoint` when there is one.

    The exporter is bounded and drops the oldest: tracing down changes nothing else.
    """
    _start_logs()
    resource = Resource.create(
        {
            "service.name": settings.service,
            "service.namespace": "lienthong",
            "service.version": _version(),
            "service.instance.id": settings.instance,
            "deployment.environment.name": "local",
            "lienthong.site": _SITE,
        }
    )
    # Ids are made without an endpoint too: errors and receipts carry them.
    provider = TracerProvider(
        resource=resource,
        sampler=Discreet(),
        span_limits=SpanLimits(max_links=16),
        shutdown_on_exit=False,
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(
            endpoint=settings.otlp_endpoint.rstrip("/") + "/v1/traces", timeout=2
        )
        provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=8192, max_export_batch_size=512, schedule_delay_millis=500
            )
        )
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Send what is waiting, for at most 2 s: at the end of the process."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # Its own time limit is not kept: without a receiver it tries batch after batch.
        work = threading.Thread(target=provider.force_flush, daemon=True)
        work.start()
        work.join(_FLUSH_SECONDS)


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    parent: str | None = None,
    links: Sequence[str] = (),
) -> Generator[Span]:
    """Run a block in a span. `parent` and `links` are `traceparent` values (W3C Trace Context)."""
    with _TRACER.start_as_current_span(
        name,
        context=_context(parent),
        kind=kind,
        attributes={**inherited(), **(attributes or {})},
        links=_links(links),
    ) as current:
        yield current


def record(
    name: str,
    *,
    kind: SpanKind,
    attributes: Attributes,
    parent: str | None,
    start_ns: int,
    end_ns: int,
) -> str | None:
    """Note a span that is over, below `parent` and linked to it; return its `traceparent`."""
    links = _links([parent] if parent else [])
    made = _TRACER.start_span(
        name,
        context=_context(parent),
        kind=kind,
        attributes=dict(attributes),
        links=links,
        start_time=start_ns,
    )
    made.end(end_ns)
    return _render(made.get_span_context())


def point(
    name: str, *, kind: SpanKind, attributes: Attributes, parent: str | None = None
) -> str | None:
    """Note a span without length below `parent`, or the present one; return its `traceparent`."""
    made = _TRACER.start_span(
        name, context=_context(parent), kind=kind, attributes={**inherited(), **attributes}
    )
    made.end()
    return _render(made.get_span_context())


def facts(event: object) -> dict[str, str]:
    """Return what an event says of document, dispatch, delivery and agencies, as attributes."""
    # Not by getattr: a model that lacks a field searches for it at length, 161 times a fan-out.
    said = vars(event)
    found = ((name, said.get(field)) for field, name in _FACTS.items())
    return {name: str(value) for name, value in found if value is not None}


def inherited() -> dict[str, Any]:
    """Return what the present span says of document, dispatch and delivery."""
    current = trace.get_current_span()
    if not isinstance(current, ReadableSpan):
        return {}
    known = current.attributes or {}
    return {name: known[name] for name in INHERITED if name in known}


def traceparent() -> str | None:
    """Return the present context as a `traceparent` value; None outside any span."""
    return _render(trace.get_current_span().get_span_context())


def trace_id() -> str | None:
    """Return the present trace id, 32 hex digits; None outside any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def _render(context: SpanContext) -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _parse(value: str) -> SpanContext | None:
    parts = value.split("-")
    if len(parts) != _PARTS:
        return None
    try:
        context = SpanContext(
            trace_id=int(parts[1], 16),
            span_id=int(parts[2], 16),
            is_remote=True,
            trace_flags=TraceFlags(int(parts[3], 16)),
        )
    except ValueError:
        return None
    return context if context.is_valid else None


def _context(parent: str | None) -> Context | None:
    """Return the context to start in: None means the present one."""
    remote = _parse(parent) if parent else None
    return trace.set_span_in_context(NonRecordingSpan(remote)) if remote else None


def _links(values: Sequence[str]) -> list[Link]:
    return [Link(context) for value in values if (context := _parse(value))]


def _version() -> str:
    try:
        return version("lienthong")
    except PackageNotFoundError:
        return "0"


def _add_trace_id(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    known = trace_id()
    if known:
        event["trace_id"] = known
    return event


def _start_logs() -> None:
    shared: list[Any] = [
        _add_trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=False,  # the level can be changed while running
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _l, _m, event: orjson.dumps(event, default=repr).decode(),
            ],
        )
    )
    handler.addFilter(RateLimit())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class RateLimit(logging.Filter):
    """Lets each line of a library speak 3 times in 30 s: without Kafka, aiokafka floods.

    A receiver of traces that is missing is no error: nothing else changes by it.
    """

    SPEAK, WINDOW = 3, 30.0

    def __init__(self) -> None:
        """Start without memory."""
        super().__init__()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether this line may still speak."""
        if record.name.startswith("opentelemetry.exporter"):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        place = (record.pathname, record.lineno)
        since, count = self._seen.get(place, (record.created, 0))
        if record.created - since > self.WINDOW:
            since, count = record.created, 0
        self._seen[place] = (since, count + 1)
        return count < self.SPEAK
