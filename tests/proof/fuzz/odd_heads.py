"""What should be HTTP and is not quite: first lines, framing, floods, pairs that smuggle."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

HOST = b"Host: exchange\r\n"
_PAGE = b"GET /.well-known/jwks.json HTTP/1.1\r\n" + HOST
_POST = b"POST /oauth/token HTTP/1.1\r\n" + HOST
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
_HIDDEN = b"GET /v1/me HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """Bytes for a fresh connection."""

    name: str
    raw: bytes


_METHODS = (
    b"",
    b"get",
    b"G T",
    b"PROPFIND",
    b"CONNECT",
    b"PRI",
    b"M-SEARCH",
    b"QUERY",
    b"A" * 9_000,
    b"\x00",
    b"G\xc3\x89T",
    b"PURGE",
    b"TRACE",
    b"OPTIONS",
    b"PATCH",
    b"HEAD",
)
_TARGETS = (
    b"",
    b"*",
    b"v1/me",
    b"http://exchange/v1/me",
    b"http://[::1/",
    b"//evil/v1/me",
    b"/\\..\\",
    b"/v1/%",
    b"/v1/me#x",
    b"/v1/me?%00",
    b"/\xff",
    b"/v1/\x00",
    b"/a b",
    b"exchange:443",
    b"/" + b"a/" * 30_000,
    b"/" + b"%2e%2e/" * 3_000 + b"etc/passwd",
    b"/v1/documents/%2e%2e/%2e%2e/internal/agencies",
    b"/internal/heads",
    b"/v1//me",
    b"/./v1/me",
    b"/v1/me;x=y",
    b"/" + b"?" * 9_000,
    b"/v1/inbox?" + b"a=b&" * 20_000,
    b"https://user:pw@exchange/",
)
_VERSIONS = (
    b"",
    b"HTTP/0.9",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/1.1x",
    b"HTTP/11",
    b"http/1.1",
    b"HTTP/1.1 HTTP/1.1",
    b"HTTP/999999.1",
    b"ICY/1.1",
)


def _first_lines() -> Iterator[bytes]:
    for method in _METHODS:
        yield method + b" /v1/me HTTP/1.1"
    for target in _TARGETS:
        yield from (b"GET " + target + b" HTTP/1.1", b"POST " + target + b" HTTP/1.1")
    for version in _VERSIONS:
        yield b"GET /v1/me " + version


_LENGTHS = (
    b"",
    b"-1",
    b"+5",
    b"5 5",
    b"5,5",
    b"5, 6",
    b"0x5",
    b"5;",
    b"5\x00",
    b"1e3",
    b"99999999999999999999999",
    b"18446744073709551616",
    b" 5",
    b"5\t",
    b"05",
    b"\xc2\xb2",
)
_CODINGS = (
    b"chunked",
    b" chunked",
    b"Chunked",
    b"chunked, chunked",
    b"identity",
    b"gzip, chunked",
    b"chunked, identity",
    b"xchunked",
    b"chunked\x00",
    b"\x0bchunked",
    b'"chunked"',
    b"chunked;q=1",
    b"",
    b"cow",
)
_CODING_NAMES = (
    b"Transfer-Encoding ",
    b" Transfer-Encoding",
    b"Transfer_Encoding",
    b"Transfer-Encoding\t",
    b"X: y\nTransfer-Encoding",
    b"Transfer\x00-Encoding",
)
_CHUNKS = (
    b"5\na=bcd\n0\n\n",
    b"-5\r\na=bcd\r\n0\r\n\r\n",
    b"0x5\r\na=bcd\r\n0\r\n\r\n",
    b"5;a=" + b"x" * 9_000 + b"\r\na=bcd\r\n0\r\n\r\n",
    b"5\r\na=bcdX\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\na",
    b"7fffffffffffffff\r\na=b\r\n",
    b"00000000000000000005\r\na=bcd\r\n0\r\n\r\n",
    b"5 \r\na=bcd\r\n0\r\n\r\n",
    b"\r\n\r\n",
    b"g\r\n",
    b"5\r\na=bcd0\r\n\r\n",
    b"0\r\nX: y\r\nContent-Length: 9\r\n\r\n",
    b"0\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    b"1\r\na\r\n" * 5_000 + b"0\r\n\r\n",
    b"0\r\n\r\n" + _HIDDEN * 3,
)
_LENGTH_LINES = (
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\na=bcde",
    b"Content-Length: 5\r\nContent-Length: 5\r\n\r\na=bcd",
    b"Content-Length : 5\r\n\r\na=bcd",
    b"Content_Length: 5\r\n\r\n",
    b"\x0bContent-Length: 5\r\n\r\na=bcd",
    b"Content-Length:\r\n 5\r\n\r\na=bcd",
)


def _framings() -> Iterator[bytes]:
    for length in _LENGTHS:
        yield b"Content-Length: " + length + b"\r\n\r\na=bcd"
    yield from _LENGTH_LINES
    for coding in _CODINGS:
        yield b"Transfer-Encoding: " + coding + b"\r\n\r\n5\r\na=bcd\r\n0\r\n\r\n"
        yield b"Content-Length: 5\r\nTransfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n" + _HIDDEN
        yield b"Transfer-Encoding: " + coding + b"\r\nContent-Length: 44\r\n\r\n0\r\n\r\n" + _HIDDEN
    for name in _CODING_NAMES:
        yield b"Content-Length: 5\r\n" + name + b": chunked\r\n\r\n0\r\n\r\n" + _HIDDEN
    for chunk in _CHUNKS:
        yield b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    yield b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\na=bcd"
    yield b"Expect: 200-nothing\r\nContent-Length: 5\r\n\r\na=bcd"
    for upgrade in (b"h2c", b"websocket", b"TLS/1.0", b"x" * 5_000):
        yield (
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: "
            + upgrade
            + b"\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 5\r\n\r\na=bcd"
        )


def _fields() -> Iterator[bytes]:
    yield from (
        b"Host: a\r\n",
        b"Host:\r\n",
        b"Host: exchange\r\nhost: evil\r\n",
        b": x\r\n",
        b"X\r\n",
        b"X Y: z\r\n",
        b"X:\x00\r\n",
        b"X: a\rb\r\n",
        b"X: a\nb\r\n",
        b"X: \xff\xfe\r\n",
        b"\xc4\x91: x\r\n",
        b"X: a\r\n b\r\n",
        b"(x): y\r\n",
        b"X:\x7f\r\n",
        b"X: \x01\r\n",
        b"Connection: close, keep-alive, close\r\n",
        b"Connection: host, content-length, authorization\r\n",
        b"Proxy-Connection: x\r\n",
        b"Keep-Alive: timeout=99999999999\r\n",
        b"Max-Forwards: -1\r\n",
    )
    for count, size in (
        (100, 10),
        (500, 10),
        (5_000, 1),
        (2, 60_000),
        (60, 4_000),
        (1, 270_000),
        (30_000, 1),
        (4, 70_000),
        (1, 600_000),
        (3_000, 300),
    ):
        yield b"".join(b"X-%d: " % number + b"x" * size + b"\r\n" for number in range(count))
    yield b"Cookie: a=b\r\n" * 3_000
    yield b"Authorization: Bearer x\r\n" * 500
    yield b"X-Forwarded-For: " + b"1.2.3.4, " * 10_000 + b"\r\n"


def heads() -> Iterator[Head]:
    """Yield all that we have made up; the same ones each time."""
    for line in _first_lines():
        yield Head(
            f"first line {line[:50]!r}", line + b"\r\n" + HOST + b"Connection: close\r\n\r\n"
        )
    for end in (b"\n", b"\r", b"\r\r\n", b"\n\r"):
        yield Head(
            f"lines end with {end!r}",
            _PAGE.replace(b"\r\n", end) + b"Connection: close" + end + end,
        )
    for framing in _framings():
        yield Head(f"framed {framing[:60]!r}", _POST + _FORM + framing)
        yield Head(f"GET framed {framing[:60]!r}", _PAGE + framing)
    for field in _fields():
        yield Head(
            f"a field {field[:50]!r} …{len(field)}", _PAGE + field + b"Connection: close\r\n\r\n"
        )
    yield from (
        Head("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
        Head("h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
        Head("proxy protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + _PAGE + b"\r\n"),
        Head("SSH", b"SSH-2.0-x\r\n"),
        Head("kafka", b"\x00\x00\x00\x14\x00\x12\x00\x03" + bytes(16)),
        Head("nothing but lines", b"\r\n" * 3_000),
        Head("noughts", bytes(3_000)),
        Head("300 pipelined", (_PAGE + b"\r\n") * 300),
    )


def shaken(dice: random.Random) -> Head:
    """Return a good request with bytes changed, doubled or left out."""
    base = dice.choice(
        (
            _PAGE + b"\r\n",
            _POST + _FORM + b"Content-Length: 5\r\n\r\na=bcd",
            _POST + _FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\na=bcd\r\n0\r\n\r\n",
        )
    )
    raw = bytearray(base)
    for _ in range(dice.randrange(1, 5)):
        at, way = dice.randrange(len(raw)), dice.randrange(4)
        if way == 0:
            raw[at] = dice.randrange(256)
        elif way == 1:
            del raw[at : at + dice.randrange(1, 6)]
        elif way == 2:
            raw[at:at] = raw[at : at + dice.randrange(1, 40)]
        else:
            raw[at:at] = dice.choice(
                (b"\r\n", b"\n", b"\x00", b" ", b":", b"\t", b"0\r\n\r\n", b"\xff", b"\r")
            )
    return Head("shaken", bytes(raw))
