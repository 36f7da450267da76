"""Many that wait: 200 lease polls at once, 1,000 readers of events of which 100 never read."""

import asyncio
import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from tests.proof.fuzz.crowd import beside, counted, opened, percentile, status, still_held
from tests.proof.fuzz.doors import HUB, Doors, ask_json
from tests.proof.fuzz.prepare import form_of
from tests.proof.fuzz.slow import TRIES, Try, decided, judge
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import Line, request

READERS = tuple(f"sys-g{number:02}" for number in range(1, 10))
_ROUNDS = 5
_WIDE = 4
_WAIT_S = 10
_OTHERS_S = 5.0
"""The longest that who does not wait may be kept waiting, beside all polls."""
_POLLED = {200, 429}
Poll = tuple[int, float]
"""A poll's status, and after how many seconds it came."""
_ARRIVES_S = 30.0
_LEFT_S = 20.0


async def leases(doors: Doors, tally: Tally, count: int) -> None:
    """Poll `count` times at once, with a wait; each is answered in time, and nobody held up."""
    waiting = READERS[:4]
    body = json.dumps({"max": 1, "visibility": "PT1S", "wait": f"PT{_WAIT_S}S"}).encode()
    polls: list[Poll] = []

    async def poll(by: str) -> None:
        headers = {**doors.bearer(by), "Content-Type": "application/json"}
        raw = request("POST", "/v1/inbox/leases", headers, body)
        shot = Shot("lease", "a poll that waits", "gateway", raw, by)
        line, began = Line(doors.addresses["gateway"]), time.monotonic()
        if (reply := await counted(tally, line, shot)) is not None:
            polls.append((reply.status, time.monotonic() - began))
        line.close()

    async with beside(doors, tally) as normal, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(poll(waiting[number % len(waiting)]))
    print(f"  beside {count} polls: {normal.line()}", flush=True)
    judge_polls(tally, count, polls, normal.seconds)


def judge_polls(tally: Tally, count: int, polls: Sequence[Poll], others: Sequence[float]) -> None:
    """Count polls that were not answered as they asked, and others that waited for them."""
    statuses = Counter(status_ for status_, _ in polls)
    if len(polls) != count or statuses.keys() - _POLLED:
        tally.broken("lease", f"of {count} polls were answered: {dict(statuses)}")
    longest = max((seconds for _, seconds in polls), default=0.0)
    if longest > _WAIT_S + _OTHERS_S:
        tally.broken("lease", f"a poll of {_WAIT_S} s was answered after {longest:.1f} s")
    if (worst := max(others, default=_OTHERS_S + 1)) > _OTHERS_S:
        tally.broken("lease", f"another client waited for {worst:.1f} s")


@dataclass(slots=True)
class _Ears:
    """What all readers have heard, and when."""

    heard: Counter[str] = field(default_factory=Counter[str])
    """Readers by delivery."""
    at: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    open: int = 0


async def _read(doors: Doors, tally: Tally, ears: _Ears, by: str) -> None:
    """Follow the event log as a good client: read on, come back when the stream ends."""
    address = doors.addresses["gateway"]
    while True:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        raw = request("GET", "/v1/events/stream", doors.bearer(by))
        try:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                tally.broken("events", f"a reader was answered {head[:60]!r}")
                return
            ears.open += 1
            async for line in reader:
                if line.startswith(b"data:"):
                    subject = json.loads(line[5:])["subject"]
                    ears.at.setdefault(subject, []).append(time.monotonic())
        except (asyncio.IncompleteReadError, ConnectionError):
            await asyncio.sleep(0.5)
        finally:
            writer.close()


async def streams(doors: Doors, tally: Tally, pdf: bytes, readers: int, never: int) -> None:
    """Send to many readers, without and with those that never read, and compare."""
    await doors.renew(READERS)
    ears = _Ears()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_read(doors, tally, ears, READERS[number % len(READERS)]))
            for number in range(readers)
        ]
        await _until(lambda: ears.open >= readers, "all readers have their stream")
        tally.more("events", Counter({200: readers}))
        await _long_log(doors, tally, pdf)
        tries: list[Try] = []
        while decided(tries) is None and len(tries) < TRIES:
            before = await _rounds(doors, tally, ears, pdf, readers)
            mute = await _never(doors, tally, never)
            after = await _rounds(doors, tally, ears, pdf, readers)
            await _left(doors, tally, mute)
            for plain in mute:
                plain.close()
            tries.append((percentile(before, 0.99) * 1000, percentile(after, 0.99) * 1000))
        for task in tasks:
            task.cancel()
    print(f"  {readers} readers, alone and beside {never} that never read:", flush=True)
    judge(tally, "events", tries)


async def _rounds(doors: Doors, tally: Tally, ears: _Ears, pdf: bytes, readers: int) -> list[float]:
    """Send to all readers' agencies; return how long after the first reader each one heard it."""
    delays: list[float] = []
    share = readers // len(READERS)
    for _ in range(_ROUNDS):
        known = set(ears.at)
        codes = [name.removeprefix("sys-").upper() for name in READERS]
        await _send(doors, tally, pdf, [{"agency": code} for code in codes])
        began = time.monotonic()

        def heard() -> bool:
            new = [times for subject, times in ears.at.items() if subject not in known]  # noqa: B023
            return len(new) >= len(READERS) and all(len(times) >= share for times in new)

        try:
            await _until(heard, "all readers have heard it")
        except TimeoutError:
            tally.broken("events", "not every reader heard of a document within 30 s")
        new = [times for subject, times in ears.at.items() if subject not in known]
        delays += [moment - began for times in new for moment in times]
    return delays


async def _send(
    doors: Doors, tally: Tally, pdf: bytes, recipients: Sequence[Mapping[str, object]]
) -> str:
    headers, body = form_of(str(uuid4().int % 10_000), pdf, recipients)
    sent = await ask_json(doors, "sys-g22", "POST /v1/documents?dispatch=true", body, headers)
    tally.more("events", Counter({sent.status: 1}))
    if sent.status != 202:
        tally.broken("events", f"a document was answered {sent.status}: {sent.body[:200]!r}")
        return ""
    return json.loads(sent.body)["dispatch"]["id"]


async def _long_log(doors: Doors, tally: Tally, pdf: bytes) -> None:
    """Send to all communes of a hub, so that its log is long; wait until all is delivered."""
    everywhere = {"select": {"level": "commune", "under": "H14"}}
    for _ in range(_WIDE):
        if dispatch_id := await _send(doors, tally, pdf, [everywhere]):
            await _delivered(doors, dispatch_id)


async def _delivered(doors: Doors, dispatch_id: str) -> None:
    end = time.monotonic() + 2 * _ARRIVES_S
    while time.monotonic() < end:
        seen = await ask_json(doors, "sys-g22", f"GET /v1/dispatches/{dispatch_id}")
        told = json.loads(seen.body)
        if told["counts"]["available"] == told["recipients"]:
            return
        await asyncio.sleep(0.5)


async def _never(doors: Doors, tally: Tally, count: int) -> list[socket.socket]:
    """Open streams of a long log that nobody reads; each has to have begun."""
    first = await ask_json(doors, HUB, "GET /v1/events?limit=1")
    start = json.loads(first.body)["next"]
    raw = request("GET", f"/v1/events/stream?after={start}", doors.bearer(HUB))
    mute: list[socket.socket] = []
    for _ in range(count):
        plain = await opened(doors.addresses["gateway"], buffer=4096)
        with contextlib.suppress(BlockingIOError):
            plain.send(raw)
        mute.append(plain)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(status(plain, _ARRIVES_S)) for plain in mute]
    statuses = Counter(answer.result() for answer in answers)
    tally.more("events", statuses)
    if statuses != {200: count}:
        tally.broken("events", f"of {count} streams that nobody reads began: {dict(statuses)}")
    return mute


async def _left(doors: Doors, tally: Tally, mute: list[socket.socket]) -> None:
    """Wait until the door has left those that never read."""
    ports = {plain.getsockname()[1] for plain in mute}
    began = time.monotonic()
    while held := ports & still_held(doors.addresses["gateway"]):
        if time.monotonic() - began > 2 * _LEFT_S:
            tally.broken("events", f"{len(held)} streams are held though nobody reads them")
            return
        await asyncio.sleep(0.5)
    print(f"  {len(mute)} that never read were left", flush=True)


async def _until(reached: Callable[[], bool], what: str) -> None:
    """Wait until something is reached. Raises TimeoutError, which says what was not."""
    end = time.monotonic() + _ARRIVES_S
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"not in {_ARRIVES_S:.0f} s: {what}")
        await asyncio.sleep(0.01)
