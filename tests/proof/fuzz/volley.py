"""Sends many requests at once over kept connections; what is oddly framed gets one of its own."""

import asyncio
import contextlib
from collections.abc import Generator, Iterator

from tests.proof.fuzz.doors import Doors
from tests.proof.fuzz.odd_heads import Head
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import HANG_S, Cut, Hang, Line, Reply, request

WORKERS = 16


async def volley(
    doors: Doors, tally: Tally, shots: Iterator[Shot], *, workers: int = WORKERS
) -> None:
    """Send all of `shots`, `workers` at a time, and count what comes."""
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_worker(doors, tally, shots))


async def _worker(doors: Doors, tally: Tally, shots: Iterator[Shot]) -> None:
    lines: dict[str, Line] = {}
    for shot in shots:
        address = doors.addresses[shot.door]
        line = lines.setdefault(shot.door, Line(address)) if shot.framed else Line(address)
        try:
            reply = await (line.ask(shot.raw) if shot.framed else _odd(line, shot.raw))
            tally.answered(shot, reply)
        except Cut:
            tally.ended(shot)
        except Hang as hang:
            tally.hung(shot, str(hang))
        if not shot.framed:
            line.close()
    for line in lines.values():
        line.close()


async def _odd(line: Line, raw: bytes) -> Reply:
    """Ask with bytes that may be less than a request: then what follows ends it, or its time."""
    return await line.ask(raw, patience=HANG_S)


def framed(  # noqa: PLR0917 (its parts, in their order)
    doors: Doors,
    kind: str,
    name: str,
    door: str,
    by: str,
    label: str,
    headers: dict[str, str],
    body: bytes | None,
) -> Shot:
    """Return a request that is framed as it should be, with the token of `by`."""
    method, target = label.split(" ", 1)
    raw = request(method, target, {**doors.bearer(by), **headers}, body)
    return Shot(kind, f"{label[:120]} {name}", door, raw, by)


def headed(kind: str, head: Head, door: str) -> Shot:
    """Return bytes that may or may not be a request."""
    return Shot(kind, head.name, door, head.raw, framed=False)


@contextlib.contextmanager
def scene(tally: Tally, name: str) -> Generator[None]:
    """Say that a part begins, and what it brought."""
    before = tally.requests
    print(f"{name} …", flush=True)
    yield
    print(f"{name}: {tally.requests - before} requests", flush=True)
