"""What operators see of a service: spans of its requests, its private port, its OpenAPI."""

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.errors import Unavailable
from shared.http import create_app, private_app
from tests.fixtures.eventually import eventually
from tests.fixtures.serving import serving

router = APIRouter()


@router.get("/asked")
async def get_asked() -> None:
    return


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter
    processor.shutdown()


SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FOREIGN = 0x0AF7651916CD43DD8448EB211C80319C


async def ask_with_a_trace(spans: InMemorySpanExporter, *, edge: bool) -> ReadableSpan:
    app = create_app(title="test", routers=[router], edge=edge)
    async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
        answer = await client.get("/asked", headers={"traceparent": SENT, "baggage": "a=b"})
    (span,) = await eventually(spans.get_finished_spans, "the request's span")
    assert span.name == "GET /asked"
    assert span.context is not None
    assert int(answer.headers["trace-id"], 16) == span.context.trace_id
    told = answer.headers["traceresponse"]
    assert told[:53] == f"00-{answer.headers['trace-id']}-{span.context.span_id:016x}-"
    return span


async def test_a_strangers_trace_is_linked_at_the_edge(spans: InMemorySpanExporter):
    span = await ask_with_a_trace(spans, edge=True)
    assert span.parent is None
    assert [link.context.trace_id for link in span.links] == [FOREIGN]


async def test_a_trace_goes_on_between_services(spans: InMemorySpanExporter):
    span = await ask_with_a_trace(spans, edge=False)
    assert span.parent is not None
    assert span.parent.trace_id == FOREIGN
    assert not span.links


async def test_the_private_port_tells_liveness_readiness_and_gauges():
    async def well() -> None:
        return None

    async def ill() -> str:
        return "PostgreSQL does not answer"

    async def seven() -> float:
        return 7.0

    async def failing() -> float:
        raise Unavailable("PostgreSQL")

    gauges = {"lienthong_seven": seven, "lienthong_failing": failing}
    sick = private_app(checks={"a": well, "b": ill}, gauges=gauges)
    async with serving(sick) as base, httpx2.AsyncClient(base_url=base) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["faults"]) == (
            503,
            {"b": "PostgreSQL does not answer"},
        )
        metrics = (await client.get("/metrics")).text
    assert "lienthong_seven 7.0" in metrics
    assert "lienthong_failing" not in metrics


def test_openapi_names_the_scopes_of_each_route():
    app: FastAPI = create_app(title="test", routers=[router])
    assert "security" not in app.openapi()["paths"]["/asked"]["get"]
