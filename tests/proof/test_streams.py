"""What event streams have to tell: heard whole lines only, gone on with, and owed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.proof.checker import check
from tests.proof.client import Door, System
from tests.proof.harness import Harness
from tests.proof.history import History, Notice
from tests.proof.journal import lines
from tests.proof.planting import clean, entry, untold
from tests.proof.records import SEEN, Records
from tests.proof.streams import ARRIVED, Stream, owed


def _found(history: History) -> tuple[int, int, int]:
    counts = check(history)
    return counts.lost, counts.dup_effect, counts.reordered


def test_a_stream_owes_what_comes_behind_its_beginning_and_nothing_else():
    history = clean()
    untold("sse:sys-b", "delivery-1-B")(history)
    assert _found(history) == (1, 0, 0)
    history.streams["sys-b"] = {("B", "normal"): 1}
    assert _found(history) == (0, 0, 0)
    untold("sse:sys-b", "delivery-2-B")(history)
    assert _found(history) == (1, 0, 0)
    del history.streams["sys-b"]
    assert _found(history) == (0, 0, 0)


def test_a_stream_tells_once_and_in_order_and_anew_only_in_another_log():
    history = clean()
    again = Notice("sse:sys-b", "B", ARRIVED, "delivery-1-B", "anew", lane="normal", number=1)
    history.notices.append(replace(again, log=2))
    assert _found(history) == (0, 0, 0)
    history.notices.append(again)
    assert _found(history) == (0, 1, 0)

    history = clean()
    history.notices.sort(key=lambda one: one.number != 2 or one.system != "sse:sys-b")
    assert _found(history) == (0, 0, 1)


@dataclass(slots=True)
class _Gateway:
    """A door that sends a stream in pieces that a test gives, one piece for each visit."""

    pieces: list[bytes]
    after: list[str] = field(default_factory=list[str])

    async def token(self, _: web.Request) -> web.Response:
        return web.json_response({"access_token": "one", "expires_in": 600})

    async def log(self, request: web.Request) -> web.Response:
        begun = "after" in request.query
        told = {"type": ARRIVED, "agency": "B", "lane": "normal", "sequence": 1}
        return web.json_response({"items": [] if begun else [told], "next": "c1"})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.after.append(request.query["after"])
        if not self.pieces:
            return web.Response(status=503)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(self.pieces.pop(0))
        return answer


class _Unasked(System):
    """A system without a key: the door of these tests asks for no assertion."""

    def _assertion(self) -> str:
        return "none"


@asynccontextmanager
async def _serving(gateway: _Gateway, records: Records, folder: Path) -> AsyncGenerator[Stream]:
    app = web.Application()
    app.router.add_post("/oauth/token", gateway.token)
    app.router.add_get("/v1/events", gateway.log)
    app.router.add_get("/v1/events/stream", gateway.stream)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/oauth/token"
    row = {"client_id": "sys-b", "agencies": ["B"], "token_endpoint": endpoint, "scope": "all"}
    async with aiohttp.ClientSession() as session:
        door = Door(session, Harness(folder))
        yield Stream(_Unasked(door, row, patience=1), records, lambda: None)
    await runner.cleanup()


def _event(number: int) -> bytes:
    told = {"type": ARRIVED, "agency": "B", "lane": "normal", "sequence": number}
    said = json.dumps({**told, "subject": f"delivery-{number}-B", "id": f"event-{number}"})
    return f"event: {ARRIVED}\ndata: {said}\nid: c{number}\n\n".encode()


async def test_a_stream_goes_on_behind_the_last_whole_event_also_by_another_reader(tmp_path: Path):
    cut = _event(3)[:-1]  # the empty line that ends it did not come any more
    gateway, records = _Gateway([b": ping\n\n" + _event(2) + cut, _event(3)]), Records(tmp_path)
    async with _serving(gateway, records, tmp_path) as stream:
        await stream.follow()
    records.close()

    records = Records(tmp_path)
    async with _serving(gateway, records, tmp_path) as stream:
        await stream.rest({"delivery-3-B"}, 5)
    records.close()

    assert gateway.after == ["c1", "c2"]
    told = [line["delivery"] for line in lines(tmp_path / SEEN) if line["e"] == "notice"]
    assert told == ["delivery-2-B", "delivery-3-B"]
    assert _owed(tmp_path, 3) == {}
    assert _owed(tmp_path, 4) == {"sys-b": {"delivery-4-B"}}


async def test_what_is_never_told_is_waited_for_no_longer_than_patience(tmp_path: Path):
    gateway, records = _Gateway([]), Records(tmp_path)
    async with asyncio.timeout(5), _serving(gateway, records, tmp_path) as stream:
        await stream.rest({"delivery-2-B"}, 0.5)
    records.close()
    assert _owed(tmp_path, 2) == {"sys-b": {"delivery-2-B"}}


def _owed(folder: Path, last: int) -> dict[str, set[str]]:
    entries = [entry(number, "B", number) for number in range(1, last + 1)]
    return owed(lines(folder / SEEN), {"B": "sys-b"}, entries)
