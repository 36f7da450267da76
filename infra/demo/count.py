"""The final count, read from the recipients' mailboxes: chains, entries, states and times."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from infra.client import Client, Json
from shared import chain

PAGE = 500


@dataclass(slots=True)
class Count:
    """What the mailboxes say about one dispatch."""

    delivered: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    gaps: int = 0
    last_arrival: datetime | None = None
    troubles: list[str] = field(default_factory=list[str])


async def read_mailbox(client: Client, code: str, lane: str) -> list[Json]:
    """Return all entries of one lane of an agency's mailbox, in order."""
    items: list[Json] = []
    after = 0
    while True:
        path = f"/v1/inbox?lane={lane}&after={after}&limit={PAGE}"
        page = (await client.ask("GET", path, acting=code)).json()["items"]
        items += page
        if len(page) < PAGE:
            return items
        after = page[-1]["sequence"]


def chain_faults(agency: UUID, lane: chain.Lane, items: Iterable[Json]) -> list[str]:
    """Walk a lane from its first entry; name each place where the chain is broken."""
    faults: list[str] = []
    previous, expected = chain.GENESIS, 1
    for item in items:
        entry = item["entry"].encode()
        true = chain.link(
            agency=agency, lane=lane, sequence=expected, previous=previous, entry=entry
        )
        if item["sequence"] != expected:
            faults.append(f"{lane} {expected} is followed by {item['sequence']}")
        elif item["previous_hash"] != previous.hex() or item["hash"] != true.hex():
            faults.append(f"{lane} {expected}: the hash does not follow from the one before")
        previous, expected = bytes.fromhex(item["hash"]), item["sequence"] + 1
    return faults


async def count(
    systems: Mapping[str, Client], recipients: Mapping[str, UUID], dispatch_id: str
) -> Count:
    """Read every recipient's mailbox; `systems` and `recipients` are by agency code."""
    total, bound = Count(), asyncio.Semaphore(8)

    async def look(code: str, agency: UUID) -> None:
        async with bound:
            entries: list[Json] = []
            for lane in chain.LANES:
                items = await read_mailbox(systems[code], code, lane)
                entries += [
                    i for i in items if json.loads(i["entry"])["dispatch_id"] == dispatch_id
                ]
                for fault in chain_faults(agency, lane, items):
                    total.gaps += 1
                    total.troubles.append(f"{code}: {fault}")
            _add(total, entries)

    async with asyncio.TaskGroup() as group:
        for code, agency in recipients.items():
            group.create_task(look(code, agency))
    return total


def _add(total: Count, entries: list[Json]) -> None:
    if not entries:
        return
    states = Counter(entry["state"] for entry in entries)
    total.delivered += 1
    total.duplicates += len(entries) - 1
    total.acknowledged += 1 if states["acknowledged"] else 0
    arrived = datetime.fromisoformat(entries[0]["arrived_at"])
    total.last_arrival = max(total.last_arrival or arrived, arrived)
