"""The stack of `make up` with its four services: deaths, scaling, a new supervisor, the end."""

import json
import time

import pytest

from infra.stack.endings import strays
from infra.stack.folder import ATTENDANTS, PARTS, PROCESSES, SERVICES
from infra.stack.part import NotYet
from infra.stack.services import ask
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_everything_is_healthy_and_ports_json_names_it(stack: Stack):
    healthy = dict.fromkeys(PROCESSES, "healthy")

    async def all_are() -> bool:
        return await stack.status() == healthy

    await eventually(all_are, "everything is healthy", timeout=30)
    metrics = stack.ports["metrics"]
    assert isinstance(metrics, dict)
    assert set(metrics) == set(SERVICES)  # pyright: ignore[reportUnknownArgumentType] (JSON)
    assert {"gateway", "kafka", "postgres", "jaeger", "otlp"} <= stack.ports.keys()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_service_is_back_by_itself(stack: Stack, service: str):
    before = stack.pid(service)
    await stack.kill(service)
    began = time.monotonic()
    await eventually(
        lambda: stack.pid(service) not in (0, before), f"{service} runs again", timeout=10
    )
    _say(f"{service} is back after {time.monotonic() - began:.2f} s")
    await stack.wait(service)


@pytest.mark.parametrize("part", PARTS)
async def test_a_killed_part_is_back(stack: Stack, part: str):
    before = stack.pid(part)
    await stack.kill(part)
    await eventually(lambda: stack.pid(part) not in (0, before), f"{part} runs again", timeout=10)
    await stack.wait(part)


async def test_requests_wait_while_a_service_is_away_and_are_not_refused(stack: Stack):
    await stack.kill("gateway", hold=True)
    with pytest.raises(NotYet):  # it waited for its answer as long as it had patience
        await ask(stack.url("gateway"), "/.well-known/jwks.json")
    await stack.start("gateway")
    status, _ = await ask(stack.url("gateway"), "/.well-known/jwks.json")
    assert status == 200


async def test_a_service_runs_twice_and_once_again(stack: Stack):
    await stack.scale("docs", 2)
    assert stack.pid("docs-2") not in (0, stack.pid("docs"))
    assert (await stack.status())["docs-2"] == "healthy"
    metrics = stack.ports["metrics"]
    assert isinstance(metrics, dict)
    assert len(metrics["docs"]) == 2  # pyright: ignore[reportUnknownArgumentType] (JSON)
    await stack.scale("docs", 1)
    assert stack.pid("docs-2") == 0
    assert "docs-2" not in await stack.status()


async def test_a_new_supervisor_keeps_ports_and_parts_and_replaces_services(stack: Stack):
    kept = (*PARTS, *SERVICES, "kafka_oauth")
    ports = {name: stack.ports[name] for name in kept}
    parts = [stack.pid(name) for name in PARTS]
    services = [stack.pid(name) for name in (*SERVICES, *ATTENDANTS)]
    await stack.kill("supervisor")
    await stack.up()
    assert {name: stack.ports[name] for name in kept} == ports
    assert [stack.pid(name) for name in PARTS] == parts
    assert not set(services) & {stack.pid(name) for name in (*SERVICES, *ATTENDANTS)}


async def test_down_leaves_no_process_and_the_second_start_finds_its_state(stack: Stack):
    await stack.down()
    assert strays(stack.folder) == []
    assert list(stack.folder.path.glob("*.pid")) == []
    began = time.monotonic()
    await stack.up()
    _say(f"the second start took {time.monotonic() - began:.1f} s")
    await stack.wait("jaeger")


def test_logs_of_our_processes_hold_one_json_object_a_line(stack: Stack):
    for process in ("supervisor", *SERVICES):
        lines = stack.folder.log(process).read_text(errors="replace").splitlines()
        spoilt = [line for line in lines if not _is_object(line)]
        assert spoilt == [], process


def _say(figure: str) -> None:
    # A figure to read (pytest -rP): what else the machine does decides it, so nothing asserts it.
    print(figure)  # noqa: T201


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
