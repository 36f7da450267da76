"""Silent, senseless and deaf connections at the integrators' door of Kafka: it still answers."""

import asyncio
import contextlib
import random
import socket
import struct

from tests.proof.fuzz.crowd import opened
from tests.proof.fuzz.doors import Doors
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import Address

_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)
"""A whole request: its size, the question, its version, a number, no client id."""
_ANSWER_S = 5.0
_SMALL, _ASKED = 4096, 2_000
"""Receive buffer of a client that reads nothing; how often it asks: for more than that holds."""


async def kafka(doors: Doors, tally: Tally, dice: random.Random, count: int) -> None:
    """Open `count` silent connections and as many deaf ones, send nonsense on others.

    A client asks all along.
    """
    address = doors.addresses["kafka_oauth"]
    silent = [await opened(address) for _ in range(count)]
    silent += [await _deaf(address) for _ in range(count)]
    for number in range(count):
        await _nonsense(address, tally, dice)
        if number % 10 == 0:
            await _ask(address, tally)
    await _ask(address, tally)
    for plain in silent:
        plain.close()


async def _deaf(address: Address) -> socket.socket:
    """Ask until nothing more is taken, or for long enough, and read no answer."""
    plain = await opened(address, buffer=_SMALL)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        for _ in range(_ASKED):
            plain.send(_API_VERSIONS)
    return plain


async def _nonsense(address: Address, tally: Tally, dice: random.Random) -> None:
    sizes = (0, -1, 1, 5, 0x7FFFFFFF, 104_857_601, 0x47455420)
    raw = dice.choice(
        (
            dice.randbytes(200),
            struct.pack(">i", dice.choice(sizes)) + dice.randbytes(50),
            struct.pack(">ihhih", 10, dice.randrange(-2, 90), dice.randrange(-1, 20), 1, -1),
            _API_VERSIONS[: dice.randrange(14)],
            b"GET / HTTP/1.1\r\n\r\n",
        )
    )
    tally.answered_nothing(Shot("kafka", "nonsense", "kafka_oauth", raw, framed=False))
    plain = await opened(address)
    with contextlib.suppress(OSError):
        plain.send(raw)
    plain.close()


async def _ask(address: Address, tally: Tally) -> None:
    shot = Shot("kafka", "ApiVersions", "kafka_oauth", _API_VERSIONS)
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(_API_VERSIONS)
            size = struct.unpack(">i", await reader.readexactly(4))[0]
            number, error = struct.unpack(">ih", (await reader.readexactly(size))[:6])
            writer.close()
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as fault:
        tally.hung(shot, repr(fault))
        return
    tally.answered_nothing(shot)
    if (number, error) != (7, 0):
        tally.broken("kafka", f"ApiVersions answered number {number}, error {error}")
