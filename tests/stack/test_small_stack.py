"""Stacks of their own beside the tests' stack: PostgreSQL and Kafka only, so they are quick."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka.admin import Admin
from infra.kafka.provision import rights
from infra.stack.alive import Process
from infra.stack.control import Door, command
from infra.stack.endings import strays
from infra.stack.folder import Folder
from infra.stack.kafka import Kafka
from infra.stack.logs import MOST
from infra.stack.ports import kept_ports, listening
from shared.events.topics import SERVICES, TOPICS
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing, Stack, aside, stack_command, start

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """A folder whose stack has ended when the test ends."""
    folder = aside(tmp_path / "run")
    yield folder
    stack_command(folder, "down")
    assert strays(folder) == []
    # Root's data lies where `nobody` can go when the test's folder is closed to others.
    shutil.rmtree((folder.path / "postgres").resolve(), ignore_errors=True)


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has nothing to do with any stack."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def _port(folder: Folder, name: str) -> int:
    return int(str(folder.read("ports.json")[name]).rpartition(":")[2])


def test_a_second_stack_stands_beside_the_first(backing: Backing, folder: Folder):
    start(folder, "--only", "postgres")
    port = _port(folder, "postgres")
    assert port != backing.postgres_port
    done = stack_command(folder, "down")
    assert done.returncode == 0
    assert not listening(port)
    assert listening(backing.postgres_port)


def test_a_port_taken_meanwhile_is_replaced_and_the_move_is_told(folder: Folder):
    start(folder, "--only", "postgres")
    stack_command(folder, "down")
    port = _port(folder, "postgres")
    with socket.create_server(("127.0.0.1", port)):
        done = stack_command(folder, "up", "--only", "postgres")
    assert done.returncode == 0
    assert _port(folder, "postgres") != port
    assert f"port {port} is taken; postgres uses {_port(folder, 'postgres')}" in done.stdout


def test_starting_twice_changes_nothing(folder: Folder):
    start(folder, "--only", "postgres")
    before = folder.pid_file("postgres").read_text(), folder.read("ports.json")
    start(folder, "--only", "postgres")
    assert (folder.pid_file("postgres").read_text(), folder.read("ports.json")) == before


def test_a_stale_pid_file_neither_stops_a_start_nor_hurts_the_innocent(
    folder: Folder, sleeper: "subprocess.Popen[bytes]"
):
    folder.make()
    for name in ("supervisor", "postgres", "docs"):
        Process(sleeper.pid, 1).record(folder.pid_file(name))
    start(folder, "--only", "postgres")
    assert stack_command(folder, "down").returncode == 0
    assert sleeper.poll() is None


async def test_postgresql_starts_though_its_own_lock_names_a_foreign_process(
    folder: Folder, sleeper: "subprocess.Popen[bytes]"
):
    start(folder, "--only", "postgres")
    stack = Stack(folder)
    lock = folder.path / "postgres" / "data" / "postmaster.pid"
    held = lock.read_text()
    await stack.kill("postgres", hold=True)
    lock.write_text(held.replace(held.split()[0], str(sleeper.pid), 1))
    await stack.start("postgres")
    assert (await stack.status())["postgres"] == "healthy"


def test_a_half_made_data_folder_is_made_again(folder: Folder):
    folder.make()
    data = folder.path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    (folder.path / "postgres" / "half-made").touch()
    start(folder, "--only", "postgres")


def test_a_start_without_its_tool_says_which_and_the_way_out(folder: Folder):
    done = stack_command(folder, "up", "--only", "jaeger", env={"JAEGER": "/nowhere/jaeger"})
    assert done.returncode == 1
    assert "Jaeger" in done.stderr
    assert "JAEGER=" in done.stderr


async def test_a_command_without_a_stack_says_so(folder: Folder):
    folder.make()
    done = stack_command(folder, "start", "docs")
    assert done.returncode == 1
    assert "no stack runs here" in done.stderr
    assert "nothing runs here" in stack_command(folder, "status").stdout


async def test_the_supervisor_killed_leaves_the_parts_which_the_next_one_adopts(folder: Folder):
    start(folder, "--only", "postgres")
    stack = Stack(folder)
    before = stack.pid("postgres"), folder.read("ports.json")
    await stack.kill("supervisor")
    told = stack_command(folder, "status").stdout
    address = str(folder.read("ports.json")["postgres"])
    assert told.splitlines()[0].split() == ["postgres", str(before[0]), address, "healthy"]
    assert "nothing watches these processes" in told
    assert "make up" in told
    start(folder, "--only", "postgres")
    assert (stack.pid("postgres"), folder.read("ports.json")) == before


def test_a_kill_says_whom_it_killed_and_whether_it_comes_back(folder: Folder):
    start(folder, "--only", "postgres")
    stack = Stack(folder)
    pid = stack.pid("postgres")
    held = stack_command(folder, "kill", "postgres", env={"HOLD": "1"}).stdout
    assert f"killed postgres (pid {pid}); held down until make start P=postgres" in held
    start(folder, "--only", "postgres")
    stack_command(folder, "start", "postgres")
    pid = stack.pid("postgres")
    kept = stack_command(folder, "kill", "postgres").stdout
    assert f"killed postgres (pid {pid}); the supervisor starts it again" in kept
    stack_command(folder, "wait", "postgres")

    watcher = stack.pid("supervisor")
    alone = stack_command(folder, "kill", "supervisor").stdout
    assert f"killed supervisor (pid {watcher})" in alone
    assert "nothing watches these processes" in alone
    pid = stack.pid("postgres")
    lost = stack_command(folder, "kill", "postgres").stdout
    assert f"killed postgres (pid {pid})" in lost
    assert "no supervisor is here to bring postgres back" in lost
    assert "make up" in lost


async def test_a_kill_whose_supervisor_dies_over_it_is_done_when_nothing_is_left(folder: Folder):
    folder.make()
    door = Door(folder).bound()  # a supervisor that takes the command and dies of it
    door.listen()
    async with asyncio.TaskGroup() as group:
        killing = group.create_task(asyncio.to_thread(stack_command, folder, "kill", "docs"))
        taken, _ = await asyncio.to_thread(door.accept)
        assert b'"docs"' in await asyncio.to_thread(taken.recv, 1000)
        taken.close()
        door.close()
    told = killing.result()
    assert told.returncode == 0, told.stderr
    assert "docs is dead, and its supervisor too" in told.stdout


async def test_a_command_that_fails_does_not_end_the_supervisor(folder: Folder):
    start(folder, "--only", "postgres")
    before = Stack(folder).pid("supervisor")
    async with command(Door(folder), do="nonsense") as following:
        line = await following()
    assert line is not None
    assert line["end"] == "trouble"
    assert "KeyError: 'nonsense'" in str(line["what"])
    assert Stack(folder).pid("supervisor") == before
    assert (await Stack(folder).status())["postgres"] == "healthy"


async def test_a_log_that_is_too_long_is_emptied_by_the_supervisor(folder: Folder):
    folder.log("docs").touch()
    os.truncate(folder.log("docs"), MOST + 1)
    start(folder, "--only", "postgres")
    await eventually(lambda: folder.log("docs").stat().st_size == 0, "it is emptied")


def test_down_without_a_supervisor_leaves_no_process(folder: Folder):
    start(folder, "--only", "postgres")
    stack_command(folder, "kill", "supervisor")
    assert strays(folder) != []
    assert stack_command(folder, "down").returncode == 0
    assert strays(folder) == []
    assert list(folder.path.glob("*.pid")) == []


@pytest.mark.parametrize("lost", ["", "__cluster_metadata-0"])
async def test_a_wiped_kafka_has_its_users_rights_and_topics_again(folder: Folder, lost: str):
    start(folder, "--only", "kafka")
    stack = Stack(folder)
    kafka = Kafka.at(folder, kept_ports(folder))
    await stack.kill("kafka", hold=True)
    shutil.rmtree(kafka.data / lost)
    await stack.start("kafka")

    admin = Admin.of(kafka.address, folder.secret)
    assert {topic.name for topic in TOPICS} <= admin.topics().keys()
    assert {right for service in SERVICES for right in admin.rights(service)} == rights()
