"""A process: it serves an inherited socket, drains on SIGTERM, and never loses a task silently."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from infra.stack.folder import TREE
from shared.bell import Bell
from shared.errors import Unavailable
from shared.process import repeat, together
from tests.fixtures.eventually import eventually

SERVICE = """
    import asyncio, os, sys
    from fastapi import FastAPI, Request
    from fastapi.responses import StreamingResponse
    from shared.process import http, run
    app = FastAPI()

    asked = asyncio.Event()

    @app.get("/slow")
    async def slow(seconds: float) -> dict[str, bool]:
        asked.set()
        await asyncio.sleep(seconds)
        return {"done": True}

    @app.post("/take")
    async def take(request: Request) -> int:
        return len(await request.body())

    @app.get("/pid")
    async def pid() -> int:
        return os.getpid()

    @app.get("/poll")
    async def poll(request: Request) -> dict[str, bool]:
        await request.app.state.stopping.wait()
        return {"empty": True}

    async def fail(stop: asyncio.Event) -> None:
        await asked.wait()
        raise LookupError("a bug")

    async def useful() -> bool:
        if sys.argv[2:] in ([], ["fail"]):
            return True
        open(sys.argv[2] + ".asked", "w").close()
        return os.path.exists(sys.argv[2])

    tasks = [http(app, fd=int(sys.argv[1]), useful=useful)]
    if sys.argv[2:] == ["fail"]:
        tasks.append(fail)
    run(*tasks)
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A process that serves on a socket which the test owns."""

    process: "subprocess.Popen[str]"
    address: str

    async def ended(self) -> int:
        """Wait for its end and return its status."""
        return await asyncio.to_thread(self.process.wait, 20)


def _start(listener: socket.socket, folder: Path, *words: str) -> "subprocess.Popen[str]":
    script = folder / "service.py"
    script.write_text(textwrap.dedent(SERVICE))
    return subprocess.Popen(
        [sys.executable, str(script), str(listener.fileno()), *words],
        env={**os.environ, "PYTHONPATH": str(TREE)},
        pass_fds=[listener.fileno()],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@asynccontextmanager
async def _served(listener: socket.socket, folder: Path, *words: str) -> AsyncGenerator[Served]:
    process = _start(listener, folder, *words)
    try:
        yield Served(process, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def listener() -> socket.socket:
    """A listening socket, as the supervisor would hold it."""
    return socket.create_server(("127.0.0.1", 0), backlog=100)


async def _get(session: aiohttp.ClientSession, url: str) -> object:
    async with session.get(url) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_sigterm_serves_what_was_accepted_and_ends(listener: socket.socket, tmp_path: Path):
    with listener:
        async with _served(listener, tmp_path) as served, aiohttp.ClientSession() as session:
            assert await _get(session, f"{served.address}/slow?seconds=0") == {"done": True}
            async with asyncio.TaskGroup() as group:
                slow = group.create_task(_get(session, f"{served.address}/slow?seconds=1"))
                poll = group.create_task(_get(session, f"{served.address}/poll"))
                await asyncio.sleep(0.3)
                served.process.send_signal(signal.SIGTERM)
            assert slow.result() == {"done": True}
            assert poll.result() == {"empty": True}
            assert await served.ended() == 0


async def _both_serve(session: aiohttp.ClientSession, served: Served) -> bool:
    """Say whether both instances answer: each tells its process id."""
    answers = [await _get(session, f"{served.address}/pid") for _ in range(10)]
    return len({str(answer) for answer in answers}) == 2


async def test_an_end_under_load_refuses_nobody(listener: socket.socket, tmp_path: Path):
    """Two instances share the socket; one ends, and every request of fresh connections is met."""
    with listener:
        async with _served(listener, tmp_path) as one, _served(listener, tmp_path) as two:
            connector = aiohttp.TCPConnector(force_close=True, limit=20)
            async with aiohttp.ClientSession(connector=connector) as session:
                await eventually(lambda: _both_serve(session, one), "both serve", timeout=30)
                async with asyncio.TaskGroup() as group:
                    for number in range(300):
                        group.create_task(_get(session, f"{one.address}/slow?seconds=0.02"))
                        if number == 100:
                            await asyncio.sleep(0.2)
                            one.process.send_signal(signal.SIGTERM)
                assert await one.ended() == 0
                two.process.send_signal(signal.SIGTERM)
                assert await two.ended() == 0


async def test_an_end_resets_no_connection_that_its_client_goes_on_using(
    listener: socket.socket, tmp_path: Path
):
    """A POST is not sent again by any client: a connection that ends under it is an error."""
    with listener:
        async with (
            _served(listener, tmp_path) as one,
            _served(listener, tmp_path) as two,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh,
            aiohttp.ClientSession() as session,
        ):
            await eventually(lambda: _both_serve(fresh, one), "both serve", timeout=30)
            ending = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for number in range(60):
                    group.create_task(_posts(session, one, number, ending))
                await asyncio.sleep(1)
                one.process.send_signal(signal.SIGTERM)
                assert await one.ended() == 0
                ending.set()
            two.process.send_signal(signal.SIGTERM)
            assert await two.ended() == 0


async def _posts(
    session: aiohttp.ClientSession, served: Served, number: int, ending: asyncio.Event
) -> None:
    pause = random.Random(number)  # noqa: S311 (pauses)
    while not ending.is_set():
        async with session.post(f"{served.address}/take", data=b"x" * 1000) as answer:
            assert await answer.json() == 1000
        await asyncio.sleep(pause.uniform(0, 0.3))


async def test_one_that_is_of_no_use_yet_leaves_requests_to_the_other(
    listener: socket.socket, tmp_path: Path
):
    use = tmp_path / "use"
    with listener:
        async with (
            _served(listener, tmp_path) as one,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh,
        ):
            await _get(fresh, f"{one.address}/pid")
            async with _served(listener, tmp_path, str(use)):
                await eventually((tmp_path / "use.asked").exists, "it runs", timeout=30)
                for _ in range(50):
                    assert await _get(fresh, f"{one.address}/pid") == one.process.pid
                use.touch()
                await eventually(lambda: _both_serve(fresh, one), "both serve", timeout=30)


async def test_one_that_lacks_something_for_long_answers_all_the_same(
    listener: socket.socket, tmp_path: Path
):
    with listener:
        async with (
            _served(listener, tmp_path, str(tmp_path / "use")) as only,
            aiohttp.ClientSession() as session,
        ):
            assert await _get(session, f"{only.address}/pid") == only.process.pid


async def test_a_request_that_takes_too_long_is_cut_and_does_not_hold_the_end(
    listener: socket.socket, tmp_path: Path
):
    with listener:
        async with _served(listener, tmp_path) as served, aiohttp.ClientSession() as session:
            assert await _get(session, f"{served.address}/slow?seconds=0") == {"done": True}
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET /slow?seconds=60 HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.3)
            served.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(14):
                assert await reader.read() == b""  # not 500: whether it was done is not known
                await served.ended()
            writer.close()


async def test_an_exception_of_a_task_ends_the_process_and_answers_nobody(
    listener: socket.socket, tmp_path: Path
):
    with listener:
        async with _served(listener, tmp_path, "fail") as served:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET /slow?seconds=15 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await reader.read() == b""  # not 500: nothing is known of it
            writer.close()
            assert await served.ended() == 1
            assert served.process.stdout is not None
            said = served.process.stdout.read()
            assert "a task failed" in said
            assert "a bug" in said


async def test_a_cancellation_from_inside_is_an_error():
    async def cancelled(_stop: asyncio.Event) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def waits(stop: asyncio.Event) -> None:
        await stop.wait()

    with pytest.raises(ExceptionGroup) as caught:
        await together(asyncio.Event(), cancelled, waits)
    assert caught.group_contains(RuntimeError, match="cancelled from inside")


async def test_repeat_goes_on_while_there_is_more_and_waits_out_what_is_unavailable():
    stop, answers = asyncio.Event(), [True, Unavailable("PostgreSQL"), True, False]

    async def step() -> bool:
        if not answers:
            stop.set()
            return False
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with asyncio.timeout(5):
        await repeat(step, name="test", bell=Bell(), pause=0.01)(stop)
    assert answers == []


async def test_a_bell_wakes_a_repeated_step_at_once():
    stop, bell, times = asyncio.Event(), Bell(), list[float]()
    loop = asyncio.get_running_loop()

    async def step() -> bool:
        times.append(loop.time())
        return False

    async with asyncio.TaskGroup() as group:
        group.create_task(repeat(step, name="test", bell=bell, pause=30)(stop))
        await eventually(lambda: len(times) == 1, "the first step")
        bell.ring()
        await eventually(lambda: len(times) == 2, "the bell is heard", timeout=1)
        stop.set()
        bell.ring()
