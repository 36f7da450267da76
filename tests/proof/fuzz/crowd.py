"""What slow and many clients need: sockets seen from the kernel, and normal clients beside them."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.fuzz.doors import Doors
from tests.proof.fuzz.shots import good_shots
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import HANG_S, Address, Cut, Hang, Line, Reply

_ESTABLISHED, _CLOSE_WAIT = "01", "08"
_PAUSE_S, _LOOK_S = 0.05, 0.01
_VERSION, _PEEKED = b"HTTP/1.1 ", 4096


def still_held(address: Address) -> set[int]:
    """Return the ports of the clients whose connections a server still holds.

    By the kernel's list: a client that never reads would not see the end of its connection.
    """
    found: set[int] = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == address.port and state in {
            _ESTABLISHED,
            _CLOSE_WAIT,
        }:
            found.add(int(remote.rpartition(":")[2], 16))
    return found


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` of the values are; 0 of none."""
    row = sorted(values)
    return row[min(len(row) - 1, int(len(row) * share))] if row else 0.0


async def opened(address: Address, *, buffer: int | None = None) -> socket.socket:
    """Open a connection by hand, with a receive buffer of this size."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (address.host, address.port))
    return plain


async def status(plain: socket.socket, seconds: float) -> int:
    """Return the status of an answer whose body has begun, and leave it unread; 0: none came."""
    end, head, body = time.monotonic() + seconds, b"", b""
    with suppress(ConnectionError):
        while not body and time.monotonic() < end:
            with suppress(BlockingIOError):
                seen = plain.recv(_PEEKED, socket.MSG_PEEK)
                head, _, body = seen.partition(b"\r\n\r\n")
                if not seen:
                    break
            await asyncio.sleep(_LOOK_S)
    return int(head[len(_VERSION) :][:3]) if body else 0


@dataclass(slots=True)
class Normal:
    """How normal clients fare: seconds per answer."""

    seconds: list[float] = field(default_factory=list[float])

    def p99_ms(self) -> float:
        """Return the 99th percentile in milliseconds."""
        return percentile(self.seconds, 0.99) * 1000

    def line(self) -> str:
        """Return what came, in words."""
        middle = percentile(self.seconds, 0.5) * 1000
        return (
            f"{len(self.seconds)} normal requests, p50 {middle:.0f} ms, p99 {self.p99_ms():.0f} ms"
        )


@asynccontextmanager
async def beside(doors: Doors, tally: Tally, *, clients: int = 4) -> AsyncGenerator[Normal]:
    """Let normal clients go on for the length of a `with`, each answer counted and timed."""
    normal = Normal()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_go_on(doors, tally, normal)) for _ in range(clients)]
        yield normal
        for task in tasks:
            task.cancel()


async def counted(tally: Tally, line: Line, shot: Shot, patience: float = HANG_S) -> Reply | None:
    """Send a request and count what comes of it; return the answer, None when there is none."""
    try:
        reply = await line.ask(shot.raw, patience=patience)
    except Cut:
        tally.ended(shot)
    except Hang as hang:
        tally.hung(shot, str(hang))
    else:
        tally.answered(shot, reply)
        return reply
    return None


async def _go_on(doors: Doors, tally: Tally, normal: Normal) -> None:
    line = Line(doors.addresses["gateway"])
    while True:
        for shot in good_shots(doors, 40):
            began = time.monotonic()
            await counted(tally, line, shot)
            normal.seconds.append(time.monotonic() - began)
            await asyncio.sleep(_PAUSE_S)
