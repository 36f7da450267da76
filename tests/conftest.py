"""Fixtures that every test may ask for: the real parts. They start what does not run yet.

Nothing here stops them: the next run finds them at once, and `make test` ends them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.events.topics import Service
from tests.fixtures.stack import (
    Backing,
    Databases,
    Stack,
    backing_of,
    run_folder,
    stack_command,
    start,
    supervised,
)

# How long an example takes says how busy a machine is, not whether the code is right.
settings.register_profile("lienthong", deadline=None)
settings.load_profile("lienthong")

_RESTORE = Path(__file__).parent / "restore"
FreshDatabase: TypeAlias = Callable[[Service], Awaitable[Databases]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the whole stack: `make test` runs them beside the others.

    Those that set a service back come last: what a database has lost by that stays lost (evidence
    of verdicts, who was revoked), and the tests of a whole stack would find it.
    """
    for item in items:
        if isinstance(item, pytest.Function) and "stack" in item.fixturenames:
            item.add_marker("stack")
    items.sort(key=lambda item: item.path.is_relative_to(_RESTORE))


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """What the process's tracer provider exports."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture(scope="session")
def backing() -> Backing:
    """PostgreSQL and Kafka, provisioned; no services."""
    folder = run_folder()
    start(folder, "--only", "postgres,kafka")
    return backing_of(folder)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The whole stack, all services ready, Jaeger too."""
    folder = run_folder()
    start(folder)
    waited = stack_command(folder, "wait", "jaeger")
    assert waited.returncode == 0, f"{waited.stdout}\n{waited.stderr}"
    return Stack(folder)


@pytest.fixture(autouse=True)
def a_supervisor(request: pytest.FixtureRequest) -> None:
    """Start one again where a failed test has left none: it is to fail alone."""
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack")
        if not supervised(run_folder()):
            start(run_folder())


@pytest.fixture
async def fresh_database(backing: Backing) -> AsyncIterator[FreshDatabase]:
    """Ask for a database: `await fresh_database("docs")`; gone after the test."""
    async with AsyncExitStack() as lent:

        async def lend(service: Service) -> Databases:
            return await lent.enter_async_context(backing.fresh_database(service))

        yield lend
