"""HTTP/1.1 by hand: exactly these bytes go out, one answer comes in, nothing is set right."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

HANG_S = 20.0
"""A request without an answer for so long hangs."""
_LONGEST_HEAD = 1 << 18
_BODILESS = frozenset({204, 304})
_INTERIM = range(100, 200)


class Hang(Exception):  # noqa: N818 (what it is)
    """No whole answer came within the time."""


class Cut(Exception):  # noqa: N818 (as above)
    """The connection ended before a whole answer had come."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read `http://host:port`, or `host:port`."""
        host, port = url.rpartition("//")[2].rstrip("/").rsplit(":", 1)
        return cls(host, int(port))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of several alike the last."""
    body: bytes

    @property
    def last(self) -> bool:
        """Say whether the server ends the connection behind it."""
        return self.headers.get("connection", "").lower() == "close"


class Line:
    """One connection, opened when it is needed, kept while the other side keeps it."""

    def __init__(self, address: Address) -> None:
        """Begin without a connection."""
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes, *, patience: float = HANG_S) -> Reply:
        """Send a request and return its answer. Raises Hang, Cut.

        A kept connection that the server has ended meanwhile is opened anew, once.
        """
        kept = self._streams is not None
        try:
            return await self._within(raw, patience)
        except _Stale:
            if not kept:
                raise Cut("closed without an answer") from None
        try:
            return await self._within(raw, patience)
        except _Stale:
            raise Cut("closed without an answer") from None

    async def _within(self, raw: bytes, patience: float) -> Reply:
        whole = False
        try:
            async with asyncio.timeout(patience):
                reply = await self._once(raw)
            whole = True
        except TimeoutError:
            raise Hang(f"no answer in {patience:.0f} s") from None
        finally:
            if not whole:
                self.close()
        if reply.last:
            self.close()
        return reply

    async def _once(self, raw: bytes) -> Reply:
        try:
            if self._streams is None:
                host, port = self._address.host, self._address.port
                self._streams = await asyncio.open_connection(host, port, limit=_LONGEST_HEAD)
            reader, writer = self._streams
            with contextlib.suppress(ConnectionError):  # an early answer may lie there already
                writer.write(raw)
                await writer.drain()
            return await read_reply(reader, bodiless=raw.startswith(b"HEAD "))
        except ConnectionError as error:
            raise _Stale from error

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Stale(Exception):  # noqa: N818 (as above)
    """Not one byte of an answer came."""


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    """Read one answer, passing over interim ones. Raises Cut in its middle, _Stale before it."""
    while True:
        status, headers = await _head(reader)
        if status not in _INTERIM:
            break
    try:
        if bodiless or status in _BODILESS:
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            body = await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Cut(f"cut in the body of a {status}") from error
    return Reply(status, headers, body)


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Cut(f"cut in the head: {error.partial[:80]!r}") from error
        raise _Stale from error
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines if line]
    return int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).partition(b";")[0] or b"0", 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return bytes(body)


def request(
    method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Return the bytes of a request that is framed as it should be."""
    lines = [f"{method} {target} HTTP/1.1", "Host: exchange"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    return head + (body or b"")
