"""The observer's own memory: a folder of journals, replayed at each start."""

import math
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tests.proof.harness import Json
from tests.proof.history import Doubt, Outcome, Report, Sighting
from tests.proof.journal import Log, lines
from tests.proof.orders import Order, read, read_outcome

WORK, SEEN = "work.jsonl", "seen.jsonl"
_ENDS = frozenset({"ok", "fail", "unknown"})


class Records:
    """What was done and seen so far. `work` is on the disk before its effect, `seen` soon after."""

    def __init__(self, folder: Path) -> None:
        """Go on with a folder, or begin one."""
        self.folder = folder
        self.orders: dict[int, Order] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.resolved: set[int] = set()
        self.of_digest: dict[str, int] = {}
        self.acknowledged: set[str] = set()
        """Deliveries of which a receipt is at hand."""
        self.places: dict[tuple[str, str], int] = {}
        """The highest sequence that was read in order, by agency and lane."""
        self.cursors: dict[str, str] = {}
        self.streams: dict[str, str] = {}
        """Where each system's event stream goes on."""
        self.logs: Counter[str] = Counter()
        """How often it was begun: after a restore there is another log."""
        self.reports: list[Report] = []
        self.kills = 0
        self.revoked: dict[int, bool] = {}
        """By document: whether the revocation of its leader's certificate was answered."""
        self.doubts: dict[float, Doubt] = {}
        """By their beginning."""
        self.secret = ""
        for line in lines(folder / WORK):
            self._replay_work(line)
        for line in lines(folder / SEEN):
            self._replay_seen(line)
        self._number = max(self.orders, default=0)
        self.work, self.seen = Log(folder / WORK), Log(folder / SEEN)
        if not self.secret:
            self.secret = secrets.token_hex(8)
            self.work.note({"e": "begin", "secret": self.secret, "wall": time.time()})
        for doubt in [one for one in self.doubts.values() if one.until == math.inf]:
            self.certain(doubt)  # of a run that was broken off: its stack was ended since

    def _replay_work(self, line: Json) -> None:
        what = line.get("e")
        if what == "begin":
            self.secret = line["secret"]
        elif what == "invoke":
            order = read(line)
            self.orders[order.number] = order
            self.of_digest[order.sha256] = order.number
        elif what in _ENDS:
            self._end(int(line["n"]), read_outcome(line))
        elif what == "kill":
            self.kills += int(line["n"])
        elif what == "doubt":
            self.doubts[line["from"]] = Doubt(line["from"], line.get("until", math.inf))
        elif what == "revoke":
            self.revoked[int(line["n"])] = bool(line["answered"])
        elif what == "report":
            self.reports.append(Report(line["delivery"], line["code"], line["recorded"]))

    def _replay_seen(self, line: Json) -> None:
        what = line.get("e")
        if what == "entry" and line["read"] == "order":
            self._place(line["agency"], line["lane"], line["sequence"])
        elif what == "receipt" and line["fault"] not in {"absent", "not kept"}:
            self.acknowledged.add(line["delivery"])
        elif what == "at":
            self.cursors[line["system"]] = line["cursor"]
        elif what == "stream":
            self.streams[line["system"]] = line["cursor"]
            self.logs[line["system"]] += 1
        elif what == "notice" and "cursor" in line:
            self.streams[line["via"].partition(":")[2]] = line["cursor"]

    def unknown(self) -> Iterator[Order]:
        """Yield what was begun and has no final answer."""
        for number, order in self.orders.items():
            outcome = self.outcomes.get(number)
            if outcome is None or outcome.kind == "unknown":
                yield order

    def number(self) -> int:
        """Return the next document's number."""
        self._number += 1
        return self._number

    async def begin(self, order: Order) -> Order:
        """Write down that a document is about to be handed in; return it with its time."""
        begun = replace(order, begun=time.monotonic())
        self.orders[begun.number] = begun
        self.of_digest[begun.sha256] = begun.number
        await self.work.write(begun.line())
        return begun

    def end(self, order: Order, outcome: Outcome) -> None:
        """Write down what came of it."""
        self._end(order.number, outcome)
        line: Json = {"e": outcome.kind, "n": order.number, "at": outcome.at}
        more = {"dispatch": outcome.dispatch, "document": outcome.document, "code": outcome.code}
        self.work.note(line | {name: value for name, value in more.items() if value})

    def _end(self, number: int, outcome: Outcome) -> None:
        before = self.outcomes.get(number)
        if before is not None and before.kind == "unknown" and outcome.kind != "unknown":
            self.resolved.add(number)
        self.outcomes[number] = outcome

    def killed(self, n: int) -> None:
        """Write down that processes were killed."""
        self.kills += n
        self.work.note({"e": "kill", "n": n, "at": time.monotonic()})

    async def revoking(self, number: int) -> None:
        """Write down that a document's leader is about to lose the certificate."""
        self.revoked[number] = False
        await self.work.write({"e": "revoke", "n": number, "answered": False})

    def lost_certificate(self, number: int) -> None:
        """Write down that the revocation was answered."""
        self.revoked[number] = True
        self.work.note({"e": "revoke", "n": number, "answered": True})

    async def doubting(self) -> Doubt:
        """Write down, before it is so, that a fault makes signing unable to tell."""
        doubt = Doubt(time.monotonic())
        self.doubts[doubt.since] = doubt
        await self.work.write({"e": "doubt", "from": doubt.since})
        return doubt

    def certain(self, doubt: Doubt) -> None:
        """Write down that such a fault is over."""
        until = time.monotonic()
        self.doubts[doubt.since] = replace(doubt, until=until)
        self.work.note({"e": "doubt", "from": doubt.since, "until": until})

    def accepted(self, begun: float, after: float = 0) -> list[int]:
        """Return the documents that were begun after a moment, and acknowledged after another.

        A dispatch alone is left out: the file of its draft was stored before.
        """
        return [
            number
            for number, outcome in self.outcomes.items()
            if outcome.kind == "ok" and outcome.at > after
            if (order := self.orders[number]).begun > begun and not order.path
        ]

    async def reporting(self, report: Report) -> None:
        """Write down a status that is about to be reported."""
        self.reports.append(report)
        await self.work.write(_line(report))

    def reported(self, report: Report) -> None:
        """Write down a status that was recorded."""
        self.reports.append(report)
        self.work.note(_line(report))

    def unreceipted(self, delivery: str, agency: str) -> None:
        """Write down that the exchange does not know of a receipt that it gave."""
        gone = {"delivery": delivery, "agency": agency, "sha256": "", "fault": "not kept"}
        self.seen.note({"e": "receipt", **gone})

    def sighted(self, sighting: Sighting, *, in_order: bool) -> None:
        """Write down an entry that a reader saw, and a gap before it if it read in order."""
        self.seen.note(
            {
                "e": "entry",
                "agency": sighting.agency,
                "lane": sighting.lane,
                "sequence": sighting.sequence,
                "hash": sighting.hash,
                "read": "order" if in_order else "lease",
            }
        )
        if in_order:
            last = self.places.get((sighting.agency, sighting.lane), 0)
            if sighting.sequence > last + 1:
                self.seen.note(
                    {
                        "e": "gap",
                        "agency": sighting.agency,
                        "lane": sighting.lane,
                        "after": last,
                        "sequence": sighting.sequence,
                    }
                )
            self._place(sighting.agency, sighting.lane, sighting.sequence)

    def _place(self, agency: str, lane: str, sequence: int) -> None:
        self.places[agency, lane] = max(sequence, self.places.get((agency, lane), 0))

    def reached(self, system: str, cursor: str) -> None:
        """Write down how far a system has read."""
        self.cursors[system] = cursor
        self.seen.note({"e": "at", "system": system, "cursor": cursor})

    def listening(self, system: str, cursor: str, told: Mapping[tuple[str, str], int]) -> None:
        """Write down where a system's stream begins: what each lane told up to there is not due."""
        self.streams[system] = cursor
        self.logs[system] += 1
        lanes = [[agency, lane, number] for (agency, lane), number in told.items()]
        self.seen.note({"e": "stream", "system": system, "cursor": cursor, "told": lanes})

    def close(self) -> None:
        """Bring everything to the disk."""
        self.work.close()
        self.seen.close()


def _line(report: Report) -> Json:
    return {
        "e": "report",
        "delivery": report.delivery,
        "code": report.code,
        "recorded": report.recorded,
    }
