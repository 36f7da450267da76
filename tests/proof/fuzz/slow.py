"""Slow clients by the hundred: each has to be left within 20 s, and nobody else may feel them."""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.proof.fuzz.crowd import Normal, beside, opened, percentile, still_held
from tests.proof.fuzz.doors import RECIPIENT, SENDER, Doors
from tests.proof.fuzz.tally import Tally
from tests.proof.fuzz.void import void
from tests.proof.fuzz.wire import Address

CLOSED_S = 20.0
_LOOK_S = 0.5
_RATIO = 1.10
"""By how much slow clients may change the 99th percentile of others (P13)."""
Try = tuple[float, float]
"""The 99th percentile of others in ms: alone, and beside slow clients."""
TRIES, _SURE = 5, 2
_HOST = "Host: exchange\r\n"
_LARGE = "GET /openapi.json HTTP/1.1\r\n" + _HOST + "\r\n"


@dataclass(frozen=True, slots=True)
class Slow:
    """One way to be slow."""

    name: str
    first: bytes
    drip: bytes = b""
    """Sent once a second, for ever."""
    half_closed: bool = False
    buffer: int | None = None
    """Size of the receive buffer of one that does not read."""
    sips: int = 0
    """Bytes that it reads once a second."""
    door: str = "gateway"


def ways(doors: Doors) -> Iterator[Slow]:
    """Yield every way, with living tokens."""
    page = f"GET /v1/me HTTP/1.1\r\n{_HOST}".encode()
    yield Slow("says nothing", b"")
    yield Slow("says nothing, to docs", b"", door="docs")
    yield Slow("half a first line", b"GET /v1/m")
    yield Slow("half a head", page + b"X-A: ")
    yield Slow("a head that drips", page + b"X-A: ", b"a")
    yield Slow("headers that drip", page, b"X-A: b\r\n")
    yield Slow("empty lines that drip", b"", b"\r\n")
    for by, label, kind in (
        (SENDER, "POST /v1/documents", "application/json"),
        (SENDER, "POST /v1/documents", "multipart/form-data; boundary=x"),
        (SENDER, _file(doors), "application/pdf"),
        (RECIPIENT, "POST /v1/inbox/leases", "application/json"),
        ("", "POST /oauth/token", "application/x-www-form-urlencoded"),
    ):
        token = "".join(f"{name}: {value}\r\n" for name, value in doors.bearer(by).items())
        head = f"{label} HTTP/1.1\r\n{_HOST}{token}Content-Type: {kind}\r\n"
        head += "Idempotency-Key: 6b1b4e4e-8a45-4d5b-b6a0-9d3c2b7d9a11\r\n"
        sized, chunked = (head + "Content-Length: 5000\r\n\r\n").encode(), head.encode()
        chunked += b"Transfer-Encoding: chunked\r\n\r\n"
        first = b"--x\r\n" if "multipart" in kind else b"{"
        yield Slow(f"a silent body, {label[:20]}", sized + first)
        yield Slow(f"a body that drips, {label[:20]}", sized + first, b" ")
        yield Slow(f"chunks that drip, {label[:20]}", chunked, b"1\r\n \r\n")
    yield Slow(
        "a silent rest of a refused upload",
        f"PUT /v1/x HTTP/1.1\r\n{_HOST}Content-Length: 9999\r\n\r\n".encode(),
    )
    yield Slow("half-closed behind half a head", page, half_closed=True)
    yield Slow("half-closed behind a request", page + b"\r\n", half_closed=True)
    yield Slow("never reads", _LARGE.encode() * 40, buffer=4096)
    yield Slow("sips one byte a second", _LARGE.encode() * 40, buffer=4096, sips=1)


def _file(doors: Doors) -> str:
    place = doors.places
    return f"PUT /v1/documents/{place['document_id']}/attachments/{place['attachment_id']}/content"


@dataclass(slots=True)
class _Guest:
    way: Slow
    plain: socket.socket
    port: int
    came: float = field(default_factory=time.monotonic)
    left: float | None = None


async def slow(doors: Doors, tally: Tally, each: int) -> None:
    """Open `each` connections of every way, wait until they are left, and judge."""
    tries: list[Try] = []
    while decided(tries) is None and len(tries) < TRIES:
        tries.append(await _beside_slow(doors, tally, each))
    judge(tally, "slow", tries)


def decided(tries: Sequence[Try]) -> bool | None:
    """Say whether others go on unfelt: by one quiet try, or felt by two; None: not known yet.

    A try is quiet when others were as fast alone as in the quietest one.
    """
    least = min((max(alone, 1.0) for alone, _ in tries), default=0.0)
    quiet = [(alone, beside_) for alone, beside_ in tries if alone <= _RATIO * least]
    unfelt = [beside_ <= _RATIO * max(alone, 1.0) for alone, beside_ in quiet]
    if any(unfelt):
        return True
    return False if len(unfelt) >= _SURE else None


def judge(tally: Tally, kind: str, tries: Sequence[Try]) -> None:
    """Judge by all tries; a machine that never was quiet has shown nothing, and fails too."""
    told = ", ".join(f"{alone:.0f} → {beside_:.0f} ms" for alone, beside_ in tries)
    print(f"  p99 alone → beside: {told}", flush=True)
    unfelt = decided(tries)
    if unfelt is None:
        tally.broken(kind, f"too noisy to judge in {len(tries)} tries, p99 {told}")
    elif not unfelt:
        tally.broken(kind, f"others felt slow clients twice, p99 {told}")


async def _beside_slow(doors: Doors, tally: Tally, each: int) -> Try:
    """Return the others' p99 in ms: beside slow clients of nobody's, and of ours."""
    async with void() as nobody:
        alone, _ = await _visited(doors, tally, each, dict.fromkeys(doors.addresses, nobody))
    print(f"  beside as many of another server: {alone.line()}", flush=True)
    normal, guests = await _visited(doors, tally, each, doors.addresses)
    tally.more("slow", _statuses(guests))
    _judge_left(tally, guests)
    ratio = normal.p99_ms() / max(1.0, alone.p99_ms())
    print(
        f"  beside {len(guests)} slow clients: {normal.line()}, p99 ratio {ratio:.2f}", flush=True
    )
    return alone.p99_ms(), normal.p99_ms()


async def _visited(
    doors: Doors, tally: Tally, each: int, addresses: Mapping[str, Address]
) -> tuple[Normal, list[_Guest]]:
    """Let slow clients come to these addresses, and normal ones go on at the gateway meanwhile."""
    guests: list[_Guest] = []
    async with beside(doors, tally) as normal, asyncio.TaskGroup() as group:
        for way in ways(doors):
            for _ in range(each):
                guest = await _come(addresses[way.door], way)
                guests.append(guest)
                group.create_task(_behave(guest))
        await _until_left(addresses, guests)
    for guest in guests:
        guest.plain.close()
    return normal, guests


async def _come(address: Address, way: Slow) -> _Guest:
    plain = await opened(address, buffer=way.buffer)
    guest = _Guest(way, plain, plain.getsockname()[1])
    with contextlib.suppress(ConnectionError, BlockingIOError):
        plain.send(way.first)
    if way.half_closed:
        plain.shutdown(socket.SHUT_WR)
    return guest


async def _behave(guest: _Guest) -> None:
    """Drip and sip until the connection ends."""
    while guest.left is None:
        await asyncio.sleep(1)
        with contextlib.suppress(BlockingIOError):
            try:
                if guest.way.drip:
                    guest.plain.send(guest.way.drip)
                if guest.way.sips:
                    guest.plain.recv(guest.way.sips)
            except ConnectionError:
                return


async def _until_left(addresses: Mapping[str, Address], guests: list[_Guest]) -> None:
    """Look which connections the servers still hold, until none, or far too long."""
    end = time.monotonic() + 3 * CLOSED_S
    while time.monotonic() < end and any(guest.left is None for guest in guests):
        await asyncio.sleep(_LOOK_S)
        held = {door: still_held(addresses[door]) for door in ("gateway", "docs")}
        for guest in guests:
            if guest.left is None and guest.port not in held[guest.way.door]:
                guest.left = time.monotonic() - guest.came
    for guest in guests:
        if guest.left is None:
            guest.left = 3 * CLOSED_S


def _statuses(guests: list[_Guest]) -> "Counter[int]":
    return Counter({0: len(guests)})


def _judge_left(tally: Tally, guests: list[_Guest]) -> None:
    by_way: dict[str, list[float]] = {}
    for guest in guests:
        by_way.setdefault(guest.way.name, []).append(guest.left or 0.0)
    for name, seconds in by_way.items():
        worst = max(seconds)
        if worst > CLOSED_S:
            tally.broken("slow", f"{name}: held for {worst:.0f} s")
    longest = percentile([max(row) for row in by_way.values()], 1)
    print(f"  {len(guests)} connections in {len(by_way)} ways, the last left after {longest:.1f} s")
