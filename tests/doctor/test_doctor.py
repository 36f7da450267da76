"""`make doctor` on a healthy stack, with parts down or silent, and where nothing runs at all."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.doctor.__main__ import CHECKS, examine
from infra.doctor.finding import Result, State
from infra.doctor.limits import Limits
from infra.stack.folder import TREE, Folder
from tests.doctor.planting import Ground, look
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

WITHOUT_PROCESSES = {"packages", "disk", "certificates"}
"""What can be looked at without any process."""


@pytest.fixture
def ground(stack: Stack, tmp_path: Path) -> Ground:
    return Ground(stack, tmp_path)


async def doctor(
    run: Path, *words: str, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "infra.doctor", *words],
        check=False,
        cwd=TREE,
        env={**os.environ, "LIENTHONG_RUN": str(run), **(env or {})},
        capture_output=True,
        text=True,
    )


async def test_a_healthy_stack_is_well_in_every_check(ground: Ground) -> None:
    async def healthy() -> "subprocess.CompletedProcess[str] | None":
        done = await doctor(ground.folder.path)
        print(done.stdout)  # noqa: T201 (shown when it stays so)
        return done if f"well={len(CHECKS)} doubts=0 faults=0" in done.stdout else None

    done = await eventually(healthy, "the doctor finds nothing", timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert [line.split()[:2] for line in lines[:-1]] == [["√", check.name] for check in CHECKS]


async def test_a_program_reads_findings_and_a_fault_is_the_exit_status(ground: Ground) -> None:
    done = await doctor(ground.folder.path, "--json", env={"DOCTOR_DISK_LEAST_MB": "999999999"})
    told: dict[str, Any] = json.loads(done.stdout)
    (disk,) = (one for one in told["checks"] if one["check"] == "disk")
    assert done.returncode == 1
    assert not told["well"]
    assert disk["state"] == "fault"
    assert "MB free of 999999999 MB" in disk["findings"][0]["found"]
    assert "make room" in disk["findings"][0]["hint"]


async def test_a_service_that_is_held_down_is_named_with_the_command_that_starts_it(
    ground: Ground,
) -> None:
    await ground.stack.kill("notify", hold=True)
    try:
        processes, ports = (
            await look(ground.folder, "processes"),
            await look(ground.folder, "ports"),
        )
    finally:
        await ground.stack.start("notify")
    assert processes.line().startswith("× processes     notify: held down")
    assert "make start P=notify" in processes.line()
    assert "notify: notify does not answer" in ports.line()


async def test_a_foreign_program_at_a_port_is_not_taken_for_ours(ground: Ground) -> None:
    copy = ground.copied()
    gateway = ground.stack.url("gateway")
    there = {**ground.stack.ports, "docs": gateway, "kafka": gateway.removeprefix("http://")}
    (copy.path / "ports.json").write_text(json.dumps(there))
    line = (await look(copy, "ports")).line()
    assert "docs: another program answers there (404" in line
    assert "kafka: what listens at" in line
    assert "is no Kafka" in line


async def test_without_a_supervisor_the_doctor_asks_each_process_itself(ground: Ground) -> None:
    copy = ground.copied()
    line = (await look(copy, "processes")).line()
    assert line.startswith("× processes     no supervisor")
    assert "make up" in line


async def test_parts_that_listen_and_say_nothing_keep_no_check_from_an_answer(
    ground: Ground,
) -> None:
    copy = ground.copied()
    async with _silent() as address:
        there: dict[str, object] = dict(ground.stack.ports)
        for name in ("postgres", "kafka"):
            there[name] = address
        for name in ("docs", "signing", "notify", "gateway", "jaeger", "otlp"):
            there[name] = f"http://{address}"
        there["metrics"] = {"docs": [f"http://{address}"]}
        (copy.path / "ports.json").write_text(json.dumps(there))
        results = await examine(copy, Limits(), CHECKS)
    assert {one.check for one in results if one.state is State.WELL} == WITHOUT_PROCESSES
    _told(results)


async def test_where_nothing_runs_every_check_says_what_to_do(tmp_path: Path) -> None:
    results = await examine(Folder(tmp_path / "nothing"), Limits(), CHECKS)
    assert {one.check for one in results if one.state is State.WELL} == {"packages"}
    _told(results)


def _told(results: list[Result]) -> None:
    """No check has broken off: each finding names its cause and a command."""
    for one in results:
        for finding in one.seen.findings:
            assert "report it" not in finding.hint, one.line()
            assert finding.hint, one.line()


@asynccontextmanager
async def _silent() -> AsyncGenerator[str]:
    """Lend an address at which connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
