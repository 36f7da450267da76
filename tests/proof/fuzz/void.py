"""A server for nobody: it takes connections, throws away what comes, and ends them after a while.

Slow clients cost their own machine something too. What they cost a server is seen beside this one.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from tests.proof.fuzz.wire import Address

_HELD_S = 12.0
"""About as long as the gateway has patience with its slow clients."""


@asynccontextmanager
async def void() -> AsyncGenerator[Address]:
    """Start one in a process of its own, for the length of a `with`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.fuzz.void"), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        yield Address("127.0.0.1", int(await process.stdout.readline()))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_HELD_S):
            while await reader.read(1 << 16):
                pass
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_hold, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
