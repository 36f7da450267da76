"""A service process: equal tasks of one TaskGroup; an unexpected exception ends it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, TypeAlias, cast

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from shared import telemetry
from shared.bell import Bell
from shared.connection import Connection
from shared.errors import Unavailable

Task: TypeAlias = Callable[[asyncio.Event], Coroutine[None, None, None]]
"""Runs until the event is set, then finishes what it has begun and returns."""

GRACE_SECONDS = 10
"""From SIGTERM to the end."""
_DRAIN_SECONDS = 7
_LAST_WORD_SECONDS = 2
"""How long open connections may still ask something, whose answer says `Connection: close`."""
_USELESS_SECONDS = 5
"""Then a process that lacks what it needs says so: 503, by whatever it serves."""
_NAP = 0.02
_LONGEST_PAUSE = 2.0
_log = structlog.get_logger()


def run(*tasks: Task) -> None:
    """Run the tasks until SIGTERM or SIGINT; they then have 10 s to finish.

    An exception of any task ends the process with status 1; its supervisor starts it again.
    """
    uvloop.run(_run(tasks))
    telemetry.flush()


async def _run(tasks: tuple[Task, ...]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with asyncio.timeout(None) as deadline:
            await together(stop, *tasks, partial(_limit, deadline))
    except Exception:  # noqa: BLE001 (the last one to say what happened)
        _die()


def _die() -> NoReturn:
    """Say what happened and end as a kill would: nothing that is open is gone on with."""
    _log.critical("a task failed, the process ends", exc_info=True)
    telemetry.flush()
    sys.stdout.flush()
    os._exit(1)


async def together(stop: asyncio.Event, *tasks: Task) -> None:
    """Run the tasks in one group until all have returned; an exception of one ends the others."""
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(_to_its_end(task, stop))


async def _to_its_end(task: Task, stop: asyncio.Event) -> None:
    """Run a task; a cancellation that nobody asked for (a library's) is an error like others.

    A TaskGroup passes over cancelled tasks: a consumer would be gone and nobody would know.
    """
    try:
        await task(stop)
    except asyncio.CancelledError as error:
        own = asyncio.current_task()
        if own is not None and own.cancelling() == 0:
            raise RuntimeError("a task was cancelled from inside") from error
        raise


async def _limit(deadline: asyncio.Timeout, stop: asyncio.Event) -> None:
    await stop.wait()
    _log.info("stopping", seconds=GRACE_SECONDS)
    deadline.reschedule(asyncio.get_running_loop().time() + GRACE_SECONDS)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # run() owns the signals


def http(app: FastAPI, *, fd: int, useful: Callable[[], Awaitable[bool]] | None = None) -> Task:
    """Serve `app` on an inherited listening socket, which other processes may serve too.

    While it is not `useful` yet, requests wait for it or for another process; but not for ever.

    `app.state.stopping` is the event that says the end has come: long polls then answer empty,
    streams end with `retry:`. Lifespan is off: nothing may run in it.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        http=Connection,
        ws="none",
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        proxy_headers=False,
    )

    async def serve(stop: asyncio.Event) -> None:
        app.state.stopping = stop
        await _until_useful(useful, stop)
        server = _Server(config)
        listener = socket.socket(fileno=os.dup(fd))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            await stop.wait()
            await _stop_accepting(server)
            server.should_exit = True

    return serve


async def _until_useful(useful: Callable[[], Awaitable[bool]] | None, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _USELESS_SECONDS
    while useful and not await useful():
        if stop.is_set() or loop.time() > until:
            return
        await asyncio.sleep(_NAP)


async def _stop_accepting(server: uvicorn.Server) -> None:
    """Close the listeners, then let open connections ask once more and hear that it is the last.

    uvicorn closes a connection without a request at once. Its client may just be writing the first
    or the next one, and would see a reset that nobody can tell from a lost answer.
    """
    for listening in getattr(server, "servers", ()):
        listening.close()
    loop = asyncio.get_running_loop()
    until = loop.time() + _LAST_WORD_SECONDS
    while loop.time() < until:
        open_ones = cast("set[Connection]", server.server_state.connections)
        idle = [one for one in open_ones if one.answer_once_more()]
        if not idle:
            return
        await asyncio.sleep(_NAP)


def repeat(
    step: Callable[[], Awaitable[bool]], *, name: str, bell: Bell, pause: float = 0.25
) -> Task:
    """Repeat `step`: again at once while it returns True, else after the bell or `pause` seconds.

    `Unavailable` is waited out with back-off (to 2 s); anything else ends the process.
    """

    async def task(stop: asyncio.Event) -> None:
        listener = bell.listen()
        first = trouble = min(pause, _LONGEST_PAUSE)
        while not stop.is_set():
            try:
                more = await step()
            except Unavailable as error:
                _log.warning("waiting", task=name, cause=str(error))
                await asyncio.sleep(trouble)
                trouble = min(trouble * 2, _LONGEST_PAUSE)
                continue
            trouble = first
            if not more:
                # Two tasks that only lock rows would wake each other without end.
                await asyncio.sleep(_NAP)
                await listener.rung(timeout=pause)

    return task
