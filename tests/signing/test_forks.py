"""Workers are forks of one process: made in order, told of when they end, gone when it is gone."""

import asyncio
import os
import signal
import socket
import sys
import threading
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from services.signing import landlock
from services.signing.forks import Fork, Forks
from services.signing.forkserver import ForkServer
from services.signing.pipe import LENGTH_BYTES, READY
from tests.fixtures.eventually import eventually

MEMORY = 512 << 20
OWNER = f"""
import asyncio
from services.signing.forks import Forks

async def main():
    async with Forks.open() as forks:
        fork = await forks.make({MEMORY})
        print(forks.server, fork.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def said(fork: Fork) -> bytes:
    """Return the first message of a worker."""
    length = int.from_bytes(await fork.reader.readexactly(LENGTH_BYTES), "big")
    return await fork.reader.readexactly(length)


async def end_of(fork: Fork) -> int:
    """Wait until a worker has ended; return how."""
    async with asyncio.timeout(10):
        return await fork.ended


def parent(pid: int) -> int:
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def lives(pid: int) -> bool:
    """Say whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_workers_are_forks_of_one_process() -> None:
    async with Forks.open() as forks:
        assert forks.server is None, "nothing is started before it is needed"
        async with asyncio.TaskGroup() as group:
            making = [group.create_task(forks.make(MEMORY)) for _ in range(3)]
        made = [task.result() for task in making]
        assert [await said(fork) for fork in made] == [READY] * 3
        assert {parent(fork.pid) for fork in made} == {forks.server}
        assert len({fork.pid for fork in made}) == 3
        server = forks.server
    assert server
    assert not lives(server)
    for fork in made:
        await eventually(lambda fork=fork: not lives(fork.pid), "the worker goes too", timeout=10)


async def test_how_a_worker_ended_is_told() -> None:
    async with Forks.open() as forks:
        killed, crashed, left = [await forks.make(MEMORY) for _ in range(3)]
        forks.kill(killed)
        forks.kill(killed)  # its end may cross the second order
        os.kill(crashed.pid, signal.SIGSEGV)
        await said(left)
        left.writer.close()
        ends = [await end_of(fork) for fork in (killed, crashed, left)]
        assert ends == [-signal.SIGKILL, -signal.SIGSEGV, 0]
        forks.kill(left)
        another = await forks.make(MEMORY)
        assert await said(another) == READY


async def test_a_worker_goes_on_at_the_lowest_priority_when_told_to() -> None:
    async with Forks.open() as forks:
        fork, other = await forks.make(MEMORY), await forks.make(MEMORY)
        forks.slow(fork)

        await eventually(
            lambda: os.getpriority(os.PRIO_PROCESS, fork.pid) == 19, "it is slowed", timeout=10
        )
        assert os.getpriority(os.PRIO_PROCESS, other.pid) == 0


async def test_when_the_server_dies_its_workers_do_and_the_next_starts_another() -> None:
    async with Forks.open() as forks:
        fork = await forks.make(MEMORY)
        first = forks.server
        assert first
        os.kill(first, signal.SIGKILL)
        assert await end_of(fork) == -signal.SIGKILL
        await eventually(lambda: not lives(fork.pid), "the worker goes too", timeout=10)
        again = await forks.make(MEMORY)
        assert await said(again) == READY
        assert forks.server not in {None, first}


async def test_a_kernel_without_landlock_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, told in ((0, 1), (1, 0)):
        monkeypatch.setattr(landlock, "version", lambda version=version: version)
        with capture_logs() as logs:
            async with Forks.open() as forks:
                fork = await forks.make(MEMORY)
                assert await said(fork) == READY
        assert sum("Landlock" in line["event"] for line in logs) == told


async def test_who_is_no_longer_wanted_is_not_taken_for_the_next() -> None:
    async with Forks.open() as forks, asyncio.TaskGroup() as group:
        unwanted = group.create_task(forks.make(MEMORY))
        next_one = group.create_task(forks.make(MEMORY))
        await asyncio.wait({unwanted}, timeout=0.1)  # the server is still loading
        assert not unwanted.done()
        unwanted.cancel()
        fork = await next_one
        assert await said(fork) == READY
        forks.kill(fork)
        assert await end_of(fork) == -signal.SIGKILL


async def test_workers_die_with_whoever_had_them_made() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, stdout=PIPE)
    assert owner.stdout
    server, worker = map(int, (await owner.stdout.readline()).split())
    assert lives(server)
    assert lives(worker)
    owner.kill()
    await owner.wait()
    for pid in (server, worker):
        await eventually(lambda pid=pid: not lives(pid), "nothing is left", timeout=10)


def test_a_system_without_processes_to_give_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection, far = socket.socketpair()
    with ours, theirs, connection, far:
        serving = threading.Thread(target=ForkServer(theirs).serve)
        serving.start()
        socket.send_fds(ours, [b"make 1"], [far.fileno()])
        far.close()
        assert ours.recv(64) == b"made 0"
        assert connection.recv(1) == b"", "nobody keeps the other end"
        ours.shutdown(socket.SHUT_RDWR)
        serving.join(10)
        assert not serving.is_alive()


def test_it_works_on_the_loop_that_the_services_run_on() -> None:
    async def use() -> None:
        async with Forks.open() as forks:
            first, second = await forks.make(MEMORY), await forks.make(MEMORY)
            assert [await said(fork) for fork in (first, second)] == [READY] * 2
            forks.kill(first)
            assert await end_of(first) == -signal.SIGKILL
            second.writer.close()
            assert await end_of(second) == 0
            server = forks.server
            assert server
            os.kill(server, signal.SIGKILL)
            third = await forks.make(MEMORY) if await _lost(forks) else None
            assert third
            assert await said(third) == READY

    async def _lost(forks: Forks) -> bool:
        return await eventually(lambda: forks.server is None, "its death is noticed")

    uvloop.run(use())
