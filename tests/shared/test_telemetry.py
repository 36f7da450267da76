"""Traces and logs: contexts in and out, what spans inherit, JSON lines, and no flood."""

import json
import logging
import os
import subprocess
import sys
import textwrap

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from infra.stack.folder import TREE
from shared import telemetry
from shared.settings import ServiceSettings
from tests.fixtures.database import settings_on
from tests.fixtures.stack import Databases

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_span_goes_on_below_a_remote_parent_and_links(spans: InMemorySpanExporter):
    with telemetry.span("work", parent=PARENT, links=[PARENT]):
        assert telemetry.trace_id() == "0af7651916cd43dd8448eb211c80319c"
        inside = telemetry.traceparent()
    (done,) = spans.get_finished_spans()
    assert done.parent is not None
    assert f"{done.parent.span_id:016x}" == "b7ad6b7169203331"
    assert [f"{link.context.span_id:016x}" for link in done.links] == ["b7ad6b7169203331"]
    assert done.context is not None
    assert inside == f"00-0af7651916cd43dd8448eb211c80319c-{done.context.span_id:016x}-01"


@pytest.mark.parametrize("odd", ["", "x", "00-0-0-0", "00-zz-b7ad6b7169203331-01", "00-1-2"])
def test_an_odd_parent_is_no_parent(odd: str, spans: InMemorySpanExporter):
    with telemetry.span("work", parent=odd):
        pass
    (done,) = spans.get_finished_spans()
    assert done.parent is None


def test_outside_of_spans_there_is_no_context():
    assert telemetry.traceparent() is None
    assert telemetry.trace_id() is None


def test_spans_inherit_what_finds_a_document(spans: InMemorySpanExporter):
    around = {telemetry.DOCUMENT_CODE: "7816/VPCP-TTĐT", telemetry.RECIPIENTS: 172}
    with telemetry.span("dispatch document", attributes=around), telemetry.span("inner"):
        telemetry.point("create t", kind=SpanKind.PRODUCER, attributes={telemetry.LEVEL: "commune"})
    point, inner, _ = spans.get_finished_spans()
    assert dict(inner.attributes or {}) == {telemetry.DOCUMENT_CODE: "7816/VPCP-TTĐT"}
    assert dict(point.attributes or {}) == {
        telemetry.DOCUMENT_CODE: "7816/VPCP-TTĐT",
        telemetry.LEVEL: "commune",
    }


LOGS = """
    import logging
    import structlog
    from shared import telemetry
    from shared.telemetry import span
    from tests.shared.test_telemetry import settings

    telemetry.start(settings(None))
    structlog.get_logger().info("before", n=1)
    with span("work"):
        structlog.get_logger().warning("inside", what="đỏ")
        logging.getLogger("aiokafka").warning("from %s", "a library")
        try:
            raise LookupError("oh")
        except LookupError:
            structlog.get_logger().exception("failed")
    for _ in range(100):
        logging.getLogger("aiokafka").error("flood")
"""


def settings(endpoint: str | None) -> ServiceSettings:
    """Return settings for telemetry alone."""
    made = settings_on(Databases("none", "", "", ""), "docs", bootstrap="", password="")
    return made.model_copy(update={"otlp_endpoint": endpoint})


def _run(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(TREE)},
        cwd=TREE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_logs_are_json_lines_with_the_trace_id():
    lines = [json.loads(line) for line in _run(LOGS).stdout.splitlines()]
    before, inside, library, failed, *flood = lines
    assert before["event"] == "before"
    assert before["n"] == 1
    assert "trace_id" not in before
    assert inside["what"] == "đỏ"
    assert inside["level"] == "warning"
    assert len(inside["trace_id"]) == 32
    assert library["event"] == "from a library"
    assert library["logger"] == "aiokafka"
    assert library["trace_id"] == inside["trace_id"] == failed["trace_id"]
    assert "LookupError: oh" in failed["exception"]
    assert [line["event"] for line in flood] == ["flood"] * 3


DEAF = """
    import time
    from shared import telemetry
    from tests.shared.test_telemetry import settings

    telemetry.start(settings("http://127.0.0.1:1"))
    began = time.monotonic()
    for _ in range(20_000):
        with telemetry.span("work"):
            pass
    print("took", time.monotonic() - began)
    telemetry.flush()
    print("took", time.monotonic() - began)
"""


def test_without_a_receiver_nothing_waits():
    lines = [line.split() for line in _run(DEAF).stdout.splitlines()]
    worked, ended = (float(line[1]) for line in lines if line[0] == "took")
    assert worked < 15, "spans are dropped, not waited for"
    assert ended - worked < 5


QUERY = """
    import asyncio
    import httpx2
    from fastapi import APIRouter
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from shared import telemetry
    from shared.http import create_app
    from tests.shared.test_telemetry import settings

    telemetry.start(settings(None))
    exporter = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
    router = APIRouter()

    @router.get("/found/{number}")
    async def get_found(number: int, q: str) -> str:
        with telemetry.span("look", attributes={"url.full": f"http://a/b?q={q}"}):
            return q

    async def ask() -> None:
        transport = httpx2.ASGITransport(create_app(title="test", routers=[router]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            for path in ("/found/1", "/found/x", "/lost"):
                await client.get(path, params={"q": "s3cr3t", "X-Other": "s3cr3t"})

    asyncio.run(ask())
    for span in exporter.get_finished_spans():
        print(span.to_json(indent=None))
"""


def test_no_span_carries_the_query_of_an_address():
    lines = _run(QUERY).stdout.splitlines()
    spans = [json.loads(line) for line in lines if '"context"' in line]
    paths = [span["attributes"].get("url.path") for span in spans]
    assert sorted(path for path in paths if path) == ["/found/1", "/found/x", "/lost"]
    assert [span["attributes"]["url.full"] for span in spans if span["name"] == "look"] == [
        "http://a/b"
    ]
    assert "s3cr3t" not in json.dumps(spans)


def test_the_rate_limit_speaks_again_after_a_while():
    limit = telemetry.RateLimit()
    record = logging.LogRecord("x", logging.ERROR, "file.py", 1, "again", None, None)
    said: list[bool] = []
    for second in range(60):
        record.created = float(second)
        said += [limit.filter(record)]
    assert said.count(True) == 6
