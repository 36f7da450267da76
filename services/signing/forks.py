"""Has the fork server make workers; it is started with the first, and again after its death."""

import asyncio
import os
import signal
import socket
import sys
from asyncio import Future, StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import structlog
from pydantic import ValidationError

from services.signing import landlock
from services.signing.pipe import (
    ANSWERS,
    ENDED,
    KILL,
    LENGTH_BYTES,
    LONGEST_ORDER,
    MAKE,
    MARK,
    READY,
    REQUESTS,
    SLOW,
    Answer,
    Request,
)

_LONGEST_ANSWER = 64 << 20
"""The longest is of a file that is prepared for a signature: a page's pictures and fonts."""
_TICKS = os.sysconf("SC_CLK_TCK")
_log = structlog.get_logger()


class Overcome(Exception):  # noqa: N818 (what the worker is)
    """A worker says what none says: its file has overcome it."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A worker process and the connection to it."""

    pid: int
    ended: Future[int]
    """How it ended: its exit code, or minus the signal that killed it."""
    reader: StreamReader
    writer: StreamWriter
    channel: socket.socket
    """Of both; a descriptor goes along with a byte that is sent by itself."""

    @property
    def cpu_seconds(self) -> float:
        """Return how long it has kept a processor busy; 0 when it has just ended."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return 0.0
        fields = text.rpartition(")")[2].split()  # proc(5): from the third on
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def ready(self) -> None:
        """Wait until it is locked up. Raises Overcome, OSError or IncompleteReadError."""
        if await self._receive() != READY:
            raise Overcome("the worker's first word is another")

    async def ask(self, request: Request, file: int | None = None) -> Answer:
        """Send one request, with an open file to look at, and wait for the answer.

        Raises Overcome, OSError or IncompleteReadError.
        """
        message = REQUESTS.dump_json(request)
        if file is None:
            self.writer.write(MARK)
        else:  # all that was written before has been answered: nothing is overtaken
            socket.send_fds(self.channel, [MARK], [file])
        self.writer.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
        await self.writer.drain()
        try:
            return ANSWERS.validate_json(await self._receive())
        except ValidationError:
            raise Overcome("no answer of a worker") from None

    async def _receive(self) -> bytes:
        length = int.from_bytes(await self.reader.readexactly(LENGTH_BYTES), "big")
        if length > _LONGEST_ANSWER:
            raise Overcome("the worker says too much")
        return await self.reader.readexactly(length)


_Made = tuple[int, Future[int]]
"""A worker's pid, and how it will have ended."""


class Forks:
    """Makes, slows and kills workers, for as long as it is open."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._server: Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._asked: deque[Future[_Made]] = deque()
        """What becomes of workers that are being made, in the order of the orders."""
        self._living: dict[int, Future[int]] = {}
        """How workers will have ended, by pid."""
        self._connections: WeakSet[StreamWriter] = WeakSet()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator["Forks"]:
        """Make workers for the length of a `with`; those that live after it are killed."""
        forks = cls()
        try:
            yield forks
        finally:
            await forks._end()

    @property
    def server(self) -> int | None:
        """Return the pid of the living fork server, if any."""
        return self._server.pid if self._server and self._control else None

    async def make(self, memory: int) -> Fork:
        """Make a worker of so many bytes of address space. Raises OSError when none can be made."""
        control = await self._reached()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                made: Future[_Made] = asyncio.get_running_loop().create_future()
                socket.send_fds(control, [f"{MAKE} {memory}".encode()], [theirs.fileno()])
                self._asked.append(made)
            pid, ended = await made
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            self._connections.add(writer)
        except BaseException:
            ours.close()  # a worker that was made meanwhile finds nobody there, and ends
            raise
        return Fork(pid, ended, reader, writer, ours)

    def slow(self, fork: Fork) -> None:
        """Have a worker go on at the lowest priority, for good."""
        self._order(SLOW, fork)

    def kill(self, fork: Fork) -> None:
        """Kill a worker, if it lives; `fork.ended` tells when it is done."""
        self._order(KILL, fork)

    def _order(self, order: str, fork: Fork) -> None:
        if self._control is not None and not fork.ended.done():
            try:
                self._control.send(f"{order} {fork.pid}".encode())
            except BlockingIOError:  # it takes no orders: its death is its workers'
                self._kill_server()
            except OSError:  # it has just died, and its workers with it
                return

    async def _reached(self) -> socket.socket:
        async with self._starting:
            if self._control is None:
                self._control = await self._start()
                asyncio.get_running_loop().add_reader(self._control, self._hear)
            return self._control

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                self._server = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "services.signing.forkserver", str(theirs.fileno())),
                    stdin=DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=_environment(),
                )
        except BaseException:
            ours.close()
            raise
        if not landlock.version():
            _log.warning("no Landlock: a worker that a file overcomes may read what this user may")
        return ours

    def _hear(self) -> None:
        """Take one piece of news in: a worker is made, has ended, or the server has gone."""
        if self._control is None:
            return
        try:
            message = self._control.recv(LONGEST_ORDER)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            _log.warning("fork server ended", pid=self.server)
            self._lose()
            return
        news, *numbers = message.decode().split()
        if news == ENDED:
            pid, code = map(int, numbers)
            self._living.pop(pid).set_result(code)
        else:
            self._note_made(int(numbers[0]))

    def _note_made(self, pid: int) -> None:
        made = self._asked.popleft()
        if pid:
            self._living[pid] = asyncio.get_running_loop().create_future()
        if made.done():
            return  # nobody wants it any more
        if pid:
            made.set_result((pid, self._living[pid]))
        else:
            made.set_exception(OSError("the system has no process to give"))

    def _lose(self) -> None:
        """Note that the server has gone, and its workers with it."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        while self._asked:
            made = self._asked.popleft()
            if not made.done():
                made.set_exception(OSError("the process that makes workers has ended"))
        while self._living:
            _, ended = self._living.popitem()
            ended.set_result(-signal.SIGKILL)

    async def _end(self) -> None:
        """Kill the server, and its workers with it."""
        self._lose()
        for writer in self._connections:
            writer.close()
        self._kill_server()
        if self._server is not None:
            await self._server.wait()

    def _kill_server(self) -> None:
        if self._server is not None:
            with suppress(ProcessLookupError):
                self._server.kill()


def _environment() -> dict[str, str]:
    """Return what a worker needs to find the code: no address, no password, no token."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
