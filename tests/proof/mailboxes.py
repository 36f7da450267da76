"""What a recipient does with an entry: look, download, compare, verify, acknowledge, keep."""

import asyncio
import hashlib
import json
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import cast

from tests.proof.arrivals import Arrivals
from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.history import Fetched, Lane, Report, Sighting
from tests.proof.offline import Trust, paper_fault, receipt_fault
from tests.proof.papers import CANARY
from tests.proof.records import Records

FEW = 8
"""Of a document to so many recipients every copy is downloaded, of others every 20th."""
_SAMPLE, _TWICE, _REPORTED = 20, 7, 5
_REMEMBERED = 2_000


@dataclass(slots=True)
class Receiving:
    """Work on entries, shared by all systems of an observer."""

    records: Records
    arrivals: Arrivals
    trust: Trust
    bound: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(12))
    reporting: bool = True
    """Whether some recipients also report statuses."""
    verified: OrderedDict[str, str] = field(default_factory=OrderedDict[str, str])
    """Faults of files that were verified, by digest: the same bytes have the same ones."""
    unreported: deque[tuple[System, str, str]] = field(
        default_factory=lambda: deque[tuple[System, str, str]](maxlen=50)
    )
    """System, delivery and agency of some that were acknowledged and have no status yet."""
    _busy: set[str] = field(default_factory=set[str])

    async def take(self, system: System, items: list[Json], *, in_order: bool) -> None:
        """Look at entries, then receive those that were not received before."""
        entries = [(item, cast("Json", json.loads(item["entry"]))) for item in items]
        for item, entry in entries:
            self.records.sighted(sighting(item), in_order=in_order)
            self.arrivals.tell(entry["files"][0]["sha256"])
        async with asyncio.TaskGroup() as group:
            for item, entry in entries:
                name = str(item["delivery_id"])
                if name not in self.records.acknowledged and name not in self._busy:
                    self._busy.add(name)
                    group.create_task(self._receive(system, item, entry))

    async def again(self, system: System, items: list[Json]) -> None:
        """Receive entries that stand unacknowledged, also those of which a receipt is at hand."""
        for item in items:
            self.records.acknowledged.discard(str(item["delivery_id"]))
        await self.take(system, items, in_order=False)

    async def _receive(self, system: System, item: Json, entry: Json) -> None:
        try:
            async with self.bound:
                digests = await self._digests(system, item, entry)
                await self._acknowledge(system, item, entry, digests)
        except Unreachable as away:
            # It is received when it is read again, at the latest after quiet; else it is `stuck`.
            self._note("unreached", item, str(away))
        except Refused as refused:
            self._note("refused", item, str(refused))
        finally:
            self._busy.discard(str(item["delivery_id"]))

    def _note(self, what: str, item: Json, why: str) -> None:
        line = {"e": what, "agency": item["agency"], "delivery": item["delivery_id"]}
        self.records.seen.note(line | {"why": why[:300]})

    async def _digests(self, system: System, item: Json, entry: Json) -> dict[str, str]:
        """Return the digest of each file: of the bytes that came, or as the entry says."""
        wanted = self._wanted(item, entry)
        found: dict[str, str] = {}
        for file in entry["files"]:
            if not wanted:
                found[file["id"]] = file["sha256"]
                continue
            path = Paper.of(item, entry, file).path
            answer = await system.ask("GET", path, acting=item["agency"], long=True)
            got = self.look(answer.body, Paper.of(item, entry, file))
            self.records.seen.note({"e": "fetched", **asdict(got)})
            found[file["id"]] = got.got
        return found

    def _wanted(self, item: Json, entry: Json) -> bool:
        number = self.records.of_digest.get(entry["files"][0]["sha256"])
        if number is None or len(self.records.orders[number].to) <= FEW:
            return True
        return int(str(item["delivery_id"])[-4:], 16) % _SAMPLE == 0

    def look(self, content: bytes, paper: "Paper") -> Fetched:
        """Return what a file is that was downloaded; the same bytes are verified once."""
        digest, marks = hashlib.sha256(content).hexdigest(), CANARY.findall(content)
        if digest not in self.verified:
            self.verified[digest] = paper_fault(content, paper.sender, self.trust)
            if len(self.verified) > _REMEMBERED:
                self.verified.popitem(last=False)
        canary, fault = marks[0].decode() if marks else "", self.verified[digest]
        return Fetched(paper.agency, paper.dispatch, paper.named, digest, canary, fault)

    async def _acknowledge(
        self, system: System, item: Json, entry: Json, digests: dict[str, str]
    ) -> None:
        name, agency = str(item["delivery_id"]), str(item["agency"])
        number = int(name[-6:], 16)
        for _ in range(2 if number % _TWICE == 0 else 1):
            answer = await system.ask(
                "POST",
                f"/v1/deliveries/{name}/acknowledgement",
                body={"digests": digests},
                acting=agency,
            )
            self.keep(answer.json().get("receipt", ""), item, entry)
        if number % _REPORTED == 0:
            await self._perhaps(system, name, agency)

    async def _perhaps(self, system: System, delivery: str, agency: str) -> None:
        if self.reporting and len(self.unreported) == self.unreported.maxlen:
            await self.report(system, delivery, agency)
        else:
            self.unreported.append((system, delivery, agency))

    async def report(self, system: System, delivery: str, agency: str) -> None:
        """Report a status of what was acknowledged. Raises Refused, Unreachable."""
        path = f"/v1/deliveries/{delivery}/statuses"
        headers = {"Idempotency-Key": f"proof-{delivery}-03"}
        await self.records.reporting(Report(delivery, "03"))
        await system.ask("POST", path, body={"code": "03"}, acting=agency, headers=headers)
        self.records.reported(Report(delivery, "03", recorded=True))

    def keep(self, text: str, item: Json, entry: Json) -> None:
        """Verify a receipt and keep it."""
        fault = receipt_fault(text, claims(item, entry), self.trust) if text else "absent"
        self.records.seen.note(
            {
                "e": "receipt",
                "delivery": item["delivery_id"],
                "agency": item["agency"],
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "fault": fault,
                "text": text.partition(".")[2],
            }
        )
        self.records.acknowledged.add(str(item["delivery_id"]))


def sighting(item: Json) -> Sighting:
    """Return what is to be remembered of an entry."""
    lane = cast("Lane", item["lane"])
    return Sighting(item["agency"], lane, item["sequence"], item["hash"])


@dataclass(frozen=True, slots=True)
class Paper:
    """One file of one recipient's copy, and where it is downloaded."""

    agency: str
    dispatch: str
    sender: str
    named: str
    """SHA-256 that the entry names."""
    path: str

    @classmethod
    def of(cls, item: Json, entry: Json, file: Json) -> "Paper":
        """Return a file of an entry as the mailbox tells it."""
        return cls(
            agency=item["agency"],
            dispatch=entry["dispatch_id"],
            sender=entry["from"]["code"],
            named=file["sha256"],
            path=f"/v1/documents/{entry['document_id']}/attachments/{file['id']}/content",
        )


def claims(item: Json, entry: Json) -> Json:
    """Return what the receipt of an entry has to say."""
    return {
        "delivery_id": item["delivery_id"],
        "dispatch_id": entry["dispatch_id"],
        "document_id": entry["document_id"],
        "code": entry["code"],
        "lane": item["lane"],
        "sequence": item["sequence"],
        "hash": item["hash"],
        "from": entry["from"]["code"],
        "to": item["agency"],
        "digests": sorted(file["sha256"] for file in entry["files"]),
    }
