"""Documents under way to three communes, and what their systems have seen and hold for good."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

from infra.bench.load import TYPE, form
from infra.client import Client, Json, Refused, Unreachable
from infra.demo.count import chain_faults, read_mailbox
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.sign import sign_main
from shared.chain import LANES

SENDERS, COMMUNES = 2, 3
_PAUSE = 0.3
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Box:
    """A recipient's mailbox and the system that reads it."""

    code: str
    agency: UUID
    client: Client


class Seen(NamedTuple):
    """An entry, as its reader keeps it."""

    delivery: str
    hash: str
    entry: str


class Receipt(NamedTuple):
    """A receipt's bytes, and when they were told."""

    jws: str
    at: datetime


@dataclass(slots=True)
class Load:
    """Two senders, three recipients; everything that a client was told is kept and compared."""

    senders: Mapping[str, Client]
    boxes: tuple[Box, ...]
    papers: Mapping[str, bytes]
    accepted: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """Dispatches that were acknowledged, each with the moment at which its sender had read that."""
    lost: set[str] = field(default_factory=set[str])
    """Those among them that docs, set back to a point before them, was free to forget."""
    entries: dict[tuple[str, str, int], Seen] = field(
        default_factory=dict[tuple[str, str, int], Seen]
    )
    """Every entry that was ever read, by agency, lane and number."""
    receipts: dict[str, Receipt] = field(default_factory=dict[str, Receipt])
    """By delivery."""
    faults: list[str] = field(default_factory=list[str])
    refused: "Counter[str]" = field(default_factory=Counter[str])

    async def send(self, code: str, *, urgent: bool = False) -> str | None:
        """Hand a document in to all three; None when it was refused for good."""
        to = [{"agency": box.code} for box in self.boxes]
        body = form(next(_numbers), self.papers[code], to, urgent=urgent)
        path, headers = "/v1/documents?dispatch=true", {"Content-Type": TYPE}
        try:
            answer = await self.senders[code].ask("POST", path, raw=body, headers=headers)
        except (Refused, Unreachable) as error:
            self.refused[str(error)[:200]] += 1
            return None
        dispatch = str(answer.json()["dispatch"]["id"])
        self.accepted[dispatch] = datetime.now(UTC)
        return dispatch

    async def look(self, box: Box) -> dict[str, list[Json]]:
        """Read a mailbox from its beginning, compare it with what was seen, acknowledge."""
        found: dict[str, list[Json]] = {}
        for lane in LANES:
            found[lane] = await read_mailbox(box.client, box.code, lane)
            self.faults += [
                f"{box.code}: {one}" for one in chain_faults(box.agency, lane, found[lane])
            ]
            for item in found[lane]:
                key = box.code, lane, int(item["sequence"])
                seen = Seen(item["delivery_id"], item["hash"], item["entry"])
                if self.entries.setdefault(key, seen) != seen:
                    self.faults.append(f"{key} was given twice")
                if item["delivery_id"] not in self.receipts:
                    await self.acknowledge(box, item)
        return found

    async def acknowledge(self, box: Box, item: Json) -> None:
        """Acknowledge an entry, and keep the receipt."""
        delivery, entry = item["delivery_id"], json.loads(item["entry"])
        digests = {one["id"]: one["sha256"] for one in entry["files"]}
        path, body = f"/v1/deliveries/{delivery}/acknowledgement", {"digests": digests}
        answer = await box.client.ask("POST", path, body=body, acting=box.code)
        self.receipts[delivery] = Receipt(answer.json()["receipt"], datetime.now(UTC))

    async def receipt(self, box: Box, delivery: str) -> str | None:
        """Ask for a receipt again; None: there is none."""
        path = f"/v1/deliveries/{delivery}/receipt"
        try:
            answer = await box.client.ask("GET", path, acting=box.code)
        except Refused:
            return None
        return str(answer.json()["receipt"])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Send and read for the length of a `with`; what was begun comes to its end."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for urgent, code in enumerate(self.senders):
                group.create_task(self._sending(code, stop, urgent=bool(urgent)))
            for box in self.boxes:
                group.create_task(self._reading(box, stop))
            try:
                yield
            finally:
                stop.set()

    async def _sending(self, code: str, stop: asyncio.Event, *, urgent: bool) -> None:
        while not stop.is_set():
            await self.send(code, urgent=urgent)
            await asyncio.sleep(_PAUSE)

    async def _reading(self, box: Box, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.look(box)
            except (Refused, Unreachable) as error:
                self.refused[str(error)[:200]] += 1
            await asyncio.sleep(_PAUSE)


def chosen(run: Path, systems: Mapping[str, Client], directory: list[Json]) -> Load:
    """Choose senders and recipients of a network, and sign a paper for each sender."""
    alone = {
        client.access.agencies[0]: client
        for client in systems.values()
        if len(client.access.agencies) == 1
    }
    known = {item["code"]: item for item in directory if item["code"] in alone}
    of: dict[Literal["commune", "other"], list[str]] = {"commune": [], "other": []}
    for code in sorted(known):
        of["commune" if known[code]["level"] == "commune" else "other"].append(code)
    senders = of["other"][:SENDERS]
    boxes = (Box(code, UUID(known[code]["id"]), alone[code]) for code in of["commune"][:COMMUNES])
    papers = {code: _paper(run, code) for code in senders}
    return Load({code: alone[code] for code in senders}, tuple(boxes), papers)


def _paper(run: Path, code: str) -> bytes:
    letter = render_letter(
        sample_letter(code="1/BC-PH", signer="Lê Minh An", promulgated_on=date(2026, 11, 25))
    )
    return sign_main(letter.pdf, run, code, place=letter.place)


def gauges(text: str) -> dict[str, float]:
    """Read a page of metrics."""
    lines = (line.split() for line in text.splitlines() if line.startswith("lienthong_"))
    return {name: float(value) for name, value, *_ in lines if "{" not in name}
