"""What is asked for once more after quiet: every receipt, files, whole Kafka mailboxes."""

import asyncio
import hashlib
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from aiokafka.errors import KafkaError

from tests.proof.client import Answer, Refused, System, Unreachable
from tests.proof.collect import PAGE, Collected, Collector
from tests.proof.harness import Json
from tests.proof.history import Entry, Fetched, Notice, Receipt, Timeline
from tests.proof.kafka import Tokens, told, whole
from tests.proof.mailboxes import Paper, Receiving
from tests.proof.offline import receipt_fault

_T = TypeVar("_T")
_AT_ONCE, _FILES_AT_ONCE, _TIMELINES_AT_ONCE = 16, 4, 4
_PATIENCE = 10.0
"""Seconds that one request is repeated: nothing is broken any more."""
_FILES = 500
"""So many files that came whole before are downloaded again, spread evenly over all."""
_TIMELINES = 200
"""So many timelines are read of documents with no reported status, spread evenly over all."""
_MOST_AWAY = 50
"""So many requests may end in nothing, each a finding; after more the exchange does not answer."""
_SAY, _TRIES, _PAUSE = 5.0, 3, 2.0


@dataclass(slots=True)
class Rereading:
    """Asks again, and adds what came to what was collected."""

    collector: Collector
    receiving: Receiving
    found: Collected
    away: int = 0

    async def receipts(self) -> None:
        """Read the receipt of every acknowledged entry, and verify it offline."""
        wanted = [entry for entry in self.found.entries if entry.acknowledged]

        async def one(entry: Entry) -> None:
            self.found.receipts.append(await self._receipt(entry))

        await self._each("receipts", wanted, one, _AT_ONCE)

    async def _receipt(self, entry: Entry) -> Receipt:
        path = f"/v1/deliveries/{entry.delivery}/receipt"
        got = await self._asked(entry.agency, path)
        if isinstance(got, str):
            return Receipt(entry.delivery, entry.agency, "", got, stored=True)
        text = str(got.json().get("receipt") or "")
        said = self.found.claims[entry.delivery]
        fault = receipt_fault(text, said, self.receiving.trust) if text else "absent"
        digest = hashlib.sha256(text.encode()).hexdigest() if text else ""
        return Receipt(entry.delivery, entry.agency, digest, fault, stored=True)

    async def timelines(self, senders: Mapping[str, str], reported: AbstractSet[str]) -> None:
        """Read the timeline of each document with a reported status, and of a sample of the others.

        `senders` are the codes of the documents' senders, by the documents' ids.
        """
        wanted = [document for document in senders if document in reported]
        others = [document for document in senders if document not in reported]
        sample = spread(others, _TIMELINES)
        _say(f"reads {len(wanted)} timelines with statuses and {len(sample)} of {len(others)} more")

        async def one(document: str) -> None:
            told = await self._timeline(senders[document], document)
            self.found.timelines[document] = told

        await self._each("timelines", [*wanted, *sample], one, _TIMELINES_AT_ONCE)

    async def _timeline(self, sender: str, document: str) -> Timeline:
        statuses: list[tuple[str, str]] = []
        cursor = ""
        while True:
            path = f"/v1/documents/{document}/timeline?limit={PAGE}{cursor}"
            got = await self._asked(sender, path)
            if isinstance(got, str):
                return Timeline(fault=got)
            page = got.json()
            told = (one for one in page["items"] if one["what"] == "delivery.status")
            statuses += [(one["subject"], one["code"]) for one in told]
            if not page["next_cursor"]:
                return Timeline(tuple(statuses))
            cursor = f"&cursor={page['next_cursor']}"

    async def files(self, whole_before: AbstractSet[str]) -> None:
        """Download a copy of each document of which none came whole, and a sample of the others."""
        papers = self.found.papers
        known = [paper for name, paper in papers.items() if name in whole_before]
        wanted = [paper for name, paper in papers.items() if name not in whole_before]
        sample = spread(known, _FILES)
        _say(
            f"downloads {len(wanted)} files not read so far and {len(sample)} of {len(known)} anew"
        )

        async def one(paper: Paper) -> None:
            self.found.fetched.append(await self._file(paper))

        await self._each("files", [*wanted, *sample], one, _FILES_AT_ONCE)

    async def _file(self, paper: Paper) -> Fetched:
        got = await self._asked(paper.agency, paper.path, long=True)
        if isinstance(got, str):
            return Fetched(paper.agency, paper.dispatch, paper.named, "", "", got)
        return self.receiving.look(got.body, paper)

    async def _asked(self, agency: str, path: str, *, long: bool = False) -> Answer | str:
        """Return the answer, or why there is none. Raises Unreachable when that is so too often."""
        system = self.collector.systems[self.collector.network.serving[agency]]
        try:
            return await system.ask("GET", path, acting=agency, long=long, patience=_PATIENCE)
        except Refused as refused:
            return str(refused)[:300]
        except Unreachable as away:
            self.away += 1
            if self.away > _MOST_AWAY:
                raise
            return str(away)[:300]

    async def topics(self, names: Sequence[str]) -> list[str]:
        """Read the Kafka mailboxes of systems that are subscribed; return what cannot be read."""
        unread: list[str] = []
        for name in names:
            system = self.collector.systems[name]
            try:
                kafka = await _subscription(system)
                if kafka is not None:
                    self.found.notices += await _topic(system, kafka)
                    self.found.subscribed[name] = {
                        (one["agency"], one["lane"]): one["sequence"]
                        for one in kafka["starts_after"]
                    }
            except (KafkaError, Refused, Unreachable, OSError, TimeoutError) as error:
                unread.append(f"the Kafka mailbox of {name} cannot be read: {error!r}")
        return unread

    async def _each(
        self, what: str, some: Sequence[_T], work: Callable[[_T], Awaitable[None]], at_once: int
    ) -> None:
        """Do some work on each, and say now and then how far it has come."""
        began = said = time.monotonic()
        done = 0

        async def one(item: _T) -> None:
            nonlocal done, said
            await work(item)
            done += 1
            if time.monotonic() > said + _SAY:
                said = time.monotonic()
                _say(f"{what}: {done}/{len(some)}")

        await self.collector.each(some, one, at_once)
        _say(f"read {len(some)} {what} in {time.monotonic() - began:.1f} s")


async def _subscription(system: System) -> Json | None:
    """Return how to read a system's Kafka mailbox; None: it has none."""
    page = (await system.ask("GET", f"/v1/subscriptions?limit={PAGE}")).json()
    ready = [one["kafka"] for one in page["items"] if one["state"] == "ready"]
    return ready[0] if ready else None


async def _topic(system: System, kafka: Json) -> list[Notice]:
    """Return what a mailbox topic tells from its beginning to its end. Raises as `whole` does."""
    settings, via = kafka["settings"]["aiokafka"], f"topic:{system.client_id}"
    for left in reversed(range(_TRIES)):
        try:
            records = await whole(kafka["topic"], settings, Tokens(system))
        except (KafkaError, OSError, TimeoutError):
            if not left:
                raise
            await asyncio.sleep(_PAUSE)
        else:
            lines = (told(headers, value, via=via) for headers, value in records)
            return [Notice.read(line) for line in lines if line is not None]
    return []


def spread(some: Sequence[_T], most: int) -> list[_T]:
    """Return so many at most, evenly over all."""
    count = min(most, len(some))
    return [some[place * len(some) // count] for place in range(count)]


def _say(text: str) -> None:
    sys.stdout.write(f"  settling: {text}\n")
    sys.stdout.flush()
