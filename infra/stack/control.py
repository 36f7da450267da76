"""How commands reach the supervisor: one JSON line there, JSON lines back, on a Unix socket."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from infra.stack.folder import Folder

Answer: TypeAlias = Callable[[dict[str, object]], Awaitable[None]]
"""Sends one line back; the one that holds `end` is the last."""
Handle: TypeAlias = Callable[[dict[str, object], Answer], Awaitable[None]]
Next: TypeAlias = Callable[[], Awaitable["dict[str, object] | None"]]
"""Returns the next line; None: there are no more."""
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Door:
    """The socket in the state folder, reached by a short path (a long one does not fit)."""

    folder: Folder

    @property
    def path(self) -> Path:
        """Where the socket lies."""
        return self.folder.path / "control.sock"

    def bound(self) -> socket.socket:
        """Bind the socket anew; the caller is the only supervisor of this folder."""
        self.path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._through(sock.bind)
        self.path.chmod(0o600)
        return sock

    def connected(self) -> socket.socket:
        """Connect to the supervisor; raises OSError when there is none."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._through(sock.connect)
        except OSError:
            sock.close()
            raise
        return sock

    def _through(self, step: Callable[[str], None]) -> None:
        # A Unix socket's address has room for 108 bytes, a path may be longer.
        folder = os.open(self.folder.path, os.O_PATH)
        try:
            step(f"/proc/self/fd/{folder}/{self.path.name}")
        finally:
            os.close(folder)


async def serve(door: Door, handle: Handle) -> asyncio.Server:
    """Answer commands; each connection carries one."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(line: dict[str, object]) -> None:
            with suppress(ConnectionError):  # a command that was interrupted is still carried out
                writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                await writer.drain()

        try:
            command: dict[str, object] = json.loads(await reader.readline())
            await handle(command, answer)
        except (ValueError, ConnectionError):
            pass  # not a command
        finally:
            writer.close()

    return await asyncio.start_unix_server(connection, sock=door.bound(), limit=_LIMIT)


@asynccontextmanager
async def command(door: Door, **words: object) -> AsyncGenerator[Next]:
    """Send a command and lend what reads its answer; raises OSError without a supervisor.

    The reading may be cancelled and begun again without losing a line.
    """
    reader, writer = await asyncio.open_unix_connection(sock=door.connected(), limit=_LIMIT)

    async def following() -> dict[str, object] | None:
        line = await reader.readline()
        return json.loads(line) if line else None

    try:
        writer.write(json.dumps(words).encode() + b"\n")
        await writer.drain()
        yield following
    finally:
        writer.close()
