"""A system's event stream (SSE): heard under load, gone on with, after quiet to its end."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.history import Entry, Starts, begun, due
from tests.proof.records import Records

ARRIVED = "delivery.arrived"
_PAGE, _PAUSE = 500, 0.5
_OPEN = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
_TROUBLE = (Refused, Unreachable, aiohttp.ClientError, OSError, TimeoutError)


@dataclass(slots=True)
class Stream:
    """One system's stream: whatever comes behind the place where it was begun has to be heard."""

    system: System
    records: Records
    ring: Callable[[], None]
    _missing: set[str] = field(default_factory=set[str])
    _whole: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    async def follow(self) -> None:
        """Hear the stream until it ends; the next call goes on behind it. Raises as requests do."""
        name = self.system.client_id
        if name not in self.records.streams:
            await self._begin()
        headers = {"Authorization": f"Bearer {await self.system.token()}"}
        url, after = f"{self.system.gateway}/v1/events/stream", self.records.streams[name]
        async with self.system.session.get(
            url, headers=headers, params={"after": after}, timeout=_OPEN
        ) as stream:
            if stream.status != 200:
                await self._not_a_stream(stream.status)
                return
            self.ring()  # what came while there was no stream
            self._lines.clear()
            async for line in stream.content:
                self._hear(line)

    async def rest(self, wanted: AbstractSet[str], seconds: float) -> None:
        """Hear on until all these deliveries were told, or for so long: what is missing is lost."""
        self._missing = set(wanted)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                listening = group.create_task(self._follow_on())
                await self._whole.wait()
                listening.cancel()

    async def _follow_on(self) -> None:
        while True:
            with suppress(*_TROUBLE):
                await self.follow()
            await asyncio.sleep(_PAUSE)

    async def _begin(self) -> None:
        """Go to the log's end, and write down what was told up to there."""
        after, told = "", dict[tuple[str, str], int]()
        while True:
            path = f"/v1/events?limit={_PAGE}{f'&after={after}' if after else ''}"
            page = (await self.system.ask("GET", path)).json()
            for event in page["items"]:
                if event["type"] == ARRIVED:
                    lane = event["agency"], event["lane"]
                    told[lane] = max(event["sequence"], told.get(lane, 0))
            after = str(page["next"])
            if not page["items"]:
                self.records.listening(self.system.client_id, after, told)
                return

    async def _not_a_stream(self, status: int) -> None:
        if status in {401, 403}:
            self.system.renew()
        if status == 410:  # a restore has begun a new log
            self.records.streams.pop(self.system.client_id)
        if status not in {401, 410}:  # else what a good client has to reckon with
            line = {"e": "trouble", "system": self.system.client_id, "kind": "sse"}
            self.records.seen.note(line | {"why": f"a stream was answered {status}"})
        await asyncio.sleep(_PAUSE)

    def _hear(self, line: bytes) -> None:
        """Take a line; an event counts when the empty line behind it is there (HTML 9.2.6)."""
        name, _, value = line.partition(b":")
        if line.strip():
            self._lines[name] = value.strip()
            return
        lines, self._lines = self._lines, {}
        if b"data" not in lines:
            return
        event: Json = json.loads(lines[b"data"])
        cursor = lines[b"id"].decode()
        self.records.streams[self.system.client_id] = cursor
        if event["type"] == ARRIVED:
            self._missing.discard(event["subject"])
            if not self._missing:
                self._whole.set()
            self._note(event, cursor, leak=b"canary-" in lines[b"data"])
            self.ring()

    def _note(self, event: Json, cursor: str, *, leak: bool) -> None:
        name = self.system.client_id
        self.records.seen.note(
            {
                "e": "notice",
                "via": f"sse:{name}",
                "agency": event["agency"],
                "kind": event["type"],
                "delivery": event["subject"],
                "event": event["id"],
                "lane": event["lane"],
                "sequence": event["sequence"],
                "leak": leak,
                "log": self.records.logs[name],
                "cursor": cursor,
            }
        )


def owed(
    seen: Iterable[Json], serving: Mapping[str, str], entries: Iterable[Entry]
) -> dict[str, set[str]]:
    """Return the deliveries that each stream of a journal had to tell of and did not."""
    starts: dict[str, Starts] = {}
    heard: set[tuple[str, str]] = set()
    for line in seen:
        if line["e"] == "stream":
            starts[line["system"]] = begun(line)
        elif line["e"] == "notice":
            heard.add((line["via"], line["delivery"]))
    owing: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        system = serving.get(entry.agency, "")
        if due(starts.get(system), entry) and (f"sse:{system}", entry.delivery) not in heard:
            owing[system].add(entry.delivery)
    return dict(owing)
