"""What the other end of a connection has not taken yet, by the kernel's own count."""

import asyncio
import fcntl
import struct
import sys
import termios
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET


def not_taken(transport: asyncio.Transport) -> int:
    """Return how many bytes wait: ours and the kernel's, of which the other end knows nothing."""
    waiting = bytearray(4)
    with suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once; else the kernel would go on offering for minutes what it holds."""
    with suppress(OSError):
        held = transport.get_extra_info("socket")
        held.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
