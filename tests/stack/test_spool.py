"""Spans that come while Jaeger is not there yet are kept, and are in it afterwards."""

import asyncio
import socket
import uuid
from pathlib import Path

import aiohttp
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from infra.stack.part import NotYet
from infra.stack.spool import Spool
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _count(folder: Path) -> int:
    return len(list(folder.iterdir()))


def _send_a_span(port: int, service: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=5)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("kept"):
        pass
    provider.shutdown()


@pytest.mark.stack
async def test_kept_spans_are_found_in_jaeger(stack: Stack, tmp_path: Path):
    service = f"test-{uuid.uuid4().hex[:8]}"
    spool = Spool(tmp_path / "spool", _free_port())
    async with spool:
        await asyncio.to_thread(_send_a_span, spool.port, service)
    assert _count(spool.folder) == 1

    spool.port = int(stack.url("otlp").rpartition(":")[2])
    await spool.hand_over()
    assert _count(spool.folder) == 0

    async with aiohttp.ClientSession() as session:

        async def known() -> bool:
            async with session.get(f"{stack.url('jaeger')}/api/services") as answer:
                return service in ((await answer.json())["data"] or [])

        await eventually(known, "Jaeger knows the service", timeout=20)


async def test_what_jaeger_does_not_take_stays_kept(tmp_path: Path):
    spool = Spool(tmp_path, _free_port())
    (tmp_path / "000001.plain.otlp").write_bytes(b"x")
    with pytest.raises(NotYet):
        await spool.hand_over()
    assert _count(tmp_path) == 1
