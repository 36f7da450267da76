"""What the exchange says after quiet, read from outside: mailboxes, event logs, lists, receipts."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

from tests.proof.client import Refused, System
from tests.proof.harness import Harness, Json
from tests.proof.history import (
    Change,
    Entry,
    Fetched,
    Lane,
    Notice,
    Receipt,
    Shown,
    Standing,
    Timeline,
)
from tests.proof.mailboxes import Paper, claims
from tests.proof.network import Network
from tests.proof.offline import GENESIS, Trust, link, trust

PAGE = 500
_T = TypeVar("_T")
_ENDED = frozenset({"available", "leased", "acknowledged", "failed", "expired", "blocked"})
_REFUSED = frozenset({"failed", "expired", "blocked"})
_RECEIVED = "01"
"""The status that a receipt alone means; nobody reports it."""


async def trusted(harness: Harness, system: System) -> Trust:
    """Return the trust in the root of the stack's PKI, with the lists of now."""
    issuing = (await system.ask("GET", "/pki/issuing/ca.crt")).body
    lists = {
        name: (await system.ask("GET", f"/pki/{name}/crl")).body for name in ("root", "issuing")
    }
    return trust((harness.run / "pki" / "root.pem").read_bytes(), issuing, lists)


@dataclass(slots=True)
class Collected:
    """All that was read."""

    entries: list[Entry] = field(default_factory=list[Entry])
    open: dict[str, list[Json]] = field(default_factory=dict[str, "list[Json]"])
    """Entries that are not acknowledged, as they were read, by system."""
    claims: dict[str, Json] = field(default_factory=dict[str, Json])
    """What the receipt of each delivery has to say."""
    papers: dict[str, Paper] = field(default_factory=dict[str, Paper])
    """The main file of one copy of each dispatch."""
    fetched: list[Fetched] = field(default_factory=list[Fetched])
    subscribed: dict[str, dict[tuple[str, str], int]] = field(
        default_factory=dict[str, dict[tuple[str, str], int]]
    )
    """Where each Kafka mailbox begins, by system."""
    notices: list[Notice] = field(default_factory=list[Notice])
    changes: list[Change] = field(default_factory=list[Change])
    standings: dict[str, Standing] = field(default_factory=dict[str, Standing])
    statuses: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    documents: dict[str, Shown] = field(default_factory=dict[str, Shown])
    timelines: dict[str, Timeline] = field(default_factory=dict[str, Timeline])
    latest: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Collector:
    """Reads as every agency of the stack, those that were sent nothing included."""

    systems: Mapping[str, System]
    network: Network
    ids: Mapping[str, UUID]
    """Of every agency, by code: what a mailbox's chain is bound to."""

    async def mailboxes(self, found: Collected) -> None:
        """Read every lane of every agency from its first entry."""
        names = dict.fromkeys(self.network.serving.values())
        await self.each(names, lambda name: self._mailbox(name, found))
        found.entries.sort(key=lambda one: (one.agency, one.lane, one.sequence))

    async def _mailbox(self, name: str, found: Collected) -> None:
        cursor, previous = "", dict[tuple[str, str], str]()
        while True:
            path = f"/v1/inbox?limit={PAGE}{f'&cursor={cursor}' if cursor else ''}"
            page = (await self.systems[name].ask("GET", path)).json()
            items: list[Json] = page["items"]
            for item in items:
                before = previous.get((item["agency"], item["lane"]), GENESIS.hex())
                found.entries.append(self._entry(found, item, before))
                previous[item["agency"], item["lane"]] = item["hash"]
                if item["state"] != "acknowledged":
                    found.open.setdefault(name, []).append(item)
            if len(items) < PAGE:
                return
            cursor = page["next_cursor"]

    def _entry(self, found: Collected, item: Json, before: str) -> Entry:
        text, agency, sequence = str(item["entry"]), str(item["agency"]), int(item["sequence"])
        entry = cast("Json", json.loads(text))
        found.claims[item["delivery_id"]] = claims(item, entry)
        found.papers.setdefault(entry["dispatch_id"], Paper.of(item, entry, entry["files"][0]))
        true = link(self.ids[agency], item["lane"], sequence, bytes.fromhex(before), text.encode())
        return Entry(
            agency=agency,
            lane=cast("Lane", item["lane"]),
            sequence=sequence,
            hash=item["hash"],
            delivery=item["delivery_id"],
            dispatch=entry["dispatch_id"],
            sender=entry["from"]["code"],
            recipient=entry["to"]["code"],
            code=entry["code"],
            urgency=entry["urgency"],
            digests=tuple(file["sha256"] for file in entry["files"]),
            follows=item["hash"] == true.hex() and item["previous_hash"] == before,
            acknowledged=item["state"] == "acknowledged",
        )

    async def told(self, found: Collected) -> dict[str, bool]:
        """Read event logs; return the dispatches whose senders were told that they were held."""
        held: dict[str, bool] = {}
        codes = {str(one): code for code, one in self.ids.items()}

        async def arrivals(name: str) -> None:
            async for event in self._events(name, "delivery.arrived"):
                found.notices.append(
                    Notice(
                        f"events:{name}",
                        event["agency"],
                        event["type"],
                        event["subject"],
                        event["id"],
                        lane=event["lane"],
                        number=event["sequence"],
                    )
                )

        async def changes(name: str) -> None:
            async for event in self._events(name, "dispatch.changed"):
                named = event["recipient_id"] or ""
                found.changes.append(
                    Change(
                        event["dispatch_id"],
                        event["change"],
                        codes.get(named, named),
                        event["id"],
                        event["agency"],
                    )
                )
                if event["change"] == "held":
                    held[event["dispatch_id"]] = True

        names = dict.fromkeys(self.network.serving.values())
        await self.each(names, arrivals)
        await self.each(names, changes)
        return held

    async def _events(self, name: str, kind: str) -> AsyncGenerator[Json]:
        after = ""
        while True:
            path = f"/v1/events?type={kind}&limit={PAGE}{f'&after={after}' if after else ''}"
            page = (await self.systems[name].ask("GET", path)).json()
            for event in page["items"]:
                yield event
            if len(page["items"]) < PAGE:
                return
            after = page["next"]

    def _senders(self) -> Iterable[str]:
        network = self.network
        sending = (*network.senders, *network.spare, *network.lapsing)
        return dict.fromkeys(self.network.serving[code] for code in sending)

    async def stand(self, found: Collected, held: Mapping[str, bool]) -> None:
        """Read from every sender where each copy of its dispatches stands."""
        copies: dict[str, dict[str, str]] = {}
        reasons: dict[str, dict[str, str]] = {}

        async def one(name: str) -> None:
            cursor = ""
            while True:
                path = f"/v1/deliveries?direction=out&limit={PAGE}{cursor}"
                page = (await self.systems[name].ask("GET", path)).json()
                for item in page["items"]:
                    copy = copies.setdefault(item["dispatch_id"], {})
                    copy[item["recipient"]["code"]] = item["transport"]
                    if item["status"] not in {None, _RECEIVED}:
                        found.latest[item["id"]] = item["status"]
                    if item["reason"]:
                        why = reasons.setdefault(item["dispatch_id"], {})
                        why[item["recipient"]["code"]] = item["reason"]["code"]
                if not page.get("next_cursor"):
                    return
                cursor = f"&cursor={page['next_cursor']}"

        await self.each(self._senders(), one)
        for dispatch, copy in copies.items():
            found.standings[dispatch] = Standing(
                held=held.get(dispatch, False),
                failed=frozenset(code for code, how in copy.items() if how in _REFUSED),
                reasons=reasons.get(dispatch, {}),
                open=frozenset(code for code, how in copy.items() if how not in _ENDED),
                acknowledged=frozenset(c for c, how in copy.items() if how == "acknowledged"),
            )

    async def documents(self, found: Collected) -> None:
        """Read from every sender all its documents, as it is shown them."""

        async def one(name: str) -> None:
            cursor = ""
            while True:
                path = f"/v1/documents?limit={PAGE}{cursor}"
                page = (await self.systems[name].ask("GET", path)).json()
                for item in page["items"]:
                    shown = Shown(item["code"], item["urgency"], item["subject"])
                    found.documents[item["id"]] = shown
                if not page.get("next_cursor"):
                    return
                cursor = f"&cursor={page['next_cursor']}"

        await self.each(self._senders(), one)

    async def statuses(self, found: Collected, wanted: Mapping[str, str]) -> None:
        """Read the status history of deliveries (by id, with the agency that received them)."""

        async def one(delivery: str) -> None:
            system = self.systems[self.network.serving[wanted[delivery]]]
            path = f"/v1/deliveries/{delivery}/statuses"
            try:
                said = (await system.ask("GET", path, acting=wanted[delivery])).json()
            except Refused as refused:
                found.statuses[delivery] = (refused.code,)
                return
            found.statuses[delivery] = tuple(i["code"] for i in said["items"] if i["step"] > 0)

        await self.each(wanted, one)

    async def each(
        self, names: Iterable[_T], work: Callable[[_T], Awaitable[None]], at_once: int = 8
    ) -> None:
        """Do some work on each, so many at a time."""
        left = iter(names)

        async def some() -> None:
            for name in left:
                await work(name)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(some())


async def directory(system: System) -> dict[str, UUID]:
    """Return the id of every agency, closed ones included, by its code of now."""
    found: dict[str, UUID] = {}
    cursor = ""
    while True:
        page = (await system.ask("GET", f"/v1/agencies?limit={PAGE}{cursor}")).json()
        found |= {item["code"]: UUID(item["id"]) for item in page["items"]}
        if not page.get("next_cursor"):
            return found
        cursor = f"&cursor={page['next_cursor']}"
