"""Recipients: event streams that tell of arrivals, and systems that take their documents."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from infra.bench.plan import Mailbox
from infra.client import Client, Json, Refused, Unreachable

_LATEST = 60.0
"""Seconds after which a closed loop gives a document up."""
_STREAM = aiohttp.ClientTimeout(total=None, sock_read=30)
_PAUSE = 0.5


@dataclass(slots=True)
class Ears:
    """What the event streams have told: which dispatches have arrived somewhere."""

    heard: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    def tell(self, dispatch: str) -> None:
        """Note an arrival."""
        self._event(dispatch).set()

    async def arrival(self, dispatch: str) -> bool:
        """Wait until a dispatch has arrived; False when it takes too long."""
        try:
            async with asyncio.timeout(_LATEST):
                await self._event(dispatch).wait()
        except TimeoutError:
            return False
        finally:
            self.heard.pop(dispatch, None)
        return True

    def _event(self, dispatch: str) -> asyncio.Event:
        return self.heard.setdefault(dispatch, asyncio.Event())


async def listen(
    session: aiohttp.ClientSession, gateway: str, client: Client, box: Mailbox, ears: Ears
) -> None:
    """Follow the event stream of one mailbox from now on, until cancelled."""
    after = await _end_of_log(client, box)
    while True:
        headers = {"Authorization": f"Bearer {await client.token()}", "On-Behalf-Of": box.code}
        url, parameters = f"{gateway}/v1/events/stream", {"after": after}
        try:
            async with session.get(
                url, headers=headers, params=parameters, timeout=_STREAM
            ) as stream:
                async for line in stream.content:
                    if line.startswith(b"id:"):
                        after = line[3:].strip().decode()
                    elif line.startswith(b"data:"):
                        event = json.loads(line[5:])
                        if event["type"] == "delivery.arrived":
                            ears.tell(event["dispatch_id"])
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_PAUSE)


async def _end_of_log(client: Client, box: Mailbox) -> str:
    after = ""
    while True:
        path = f"/v1/events?limit=500{f'&after={after}' if after else ''}"
        page = (await client.ask("GET", path, acting=box.code)).json()
        after = page["next"]
        if not page["items"]:
            return after


@dataclass(slots=True)
class Taken:
    """What the recipients did, over all of them."""

    receipts: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """By dispatch and agency: seconds since the epoch when the receipt was in the hand."""
    troubles: list[str] = field(default_factory=list[str])


async def take(client: Client, box: Mailbox, taken: Taken, bound: asyncio.Semaphore) -> None:
    """Lease, download, hash and acknowledge for one mailbox until cancelled."""
    while True:
        try:
            asked = {"max": 20, "visibility": "PT30S", "wait": "PT10S"}
            answer = await client.ask("POST", "/v1/inbox/leases", body=asked, acting=box.code)
            async with asyncio.TaskGroup() as group:
                for lease in answer.json()["leases"]:
                    group.create_task(_receive(client, lease, taken, bound))
        except (Refused, Unreachable) as error:
            taken.troubles.append(str(error)[:300])
            await asyncio.sleep(_PAUSE)


async def _receive(client: Client, lease: Json, taken: Taken, bound: asyncio.Semaphore) -> None:
    delivery = lease["delivery"]
    agency, entry = delivery["agency"], json.loads(delivery["entry"])
    digests: dict[str, str] = {}
    async with bound:
        for file in entry["files"]:
            digest = hashlib.sha256()
            path = f"/v1/documents/{entry['document_id']}/attachments/{file['id']}/content"
            await client.download(path, acting=agency, take=digest.update)
            digests[file["id"]] = digest.hexdigest()
        await client.ask(
            "POST",
            f"/v1/deliveries/{delivery['delivery_id']}/acknowledgement",
            body={"digests": digests, "lease": lease["id"]},
            acting=agency,
        )
    taken.receipts[entry["dispatch_id"], agency] = time.time()


@dataclass(slots=True)
class Arrivals:
    """Reads mailboxes on from where it last was."""

    clients: Mapping[str, Client]
    cursors: dict[str, str] = field(default_factory=dict[str, str])

    async def read(self, boxes: Sequence[Mailbox]) -> dict[tuple[str, str], list[float]]:
        """Return when what is new arrived, by dispatch and agency: every entry, also doubled ones.

        Seconds since the epoch, by the clock of PostgreSQL when it wrote the entry.
        """
        found: dict[tuple[str, str], list[float]] = {}
        bound = asyncio.Semaphore(8)

        async def one(client_id: str) -> None:
            async with bound:
                for item in await self._more(client_id):
                    at = _seconds(item["arrived_at"])
                    key = json.loads(item["entry"])["dispatch_id"], item["agency"]
                    found.setdefault(key, []).append(at)

        async with asyncio.TaskGroup() as group:
            for client_id in dict.fromkeys(box.client_id for box in boxes):
                group.create_task(one(client_id))
        return found

    async def _more(self, client_id: str) -> list[Json]:
        client, items = self.clients[client_id], list[Json]()
        while True:
            cursor = self.cursors.get(client_id)
            path = f"/v1/inbox?limit=500{f'&cursor={cursor}' if cursor else ''}"
            page = (await client.ask("GET", path)).json()
            self.cursors[client_id] = page["next_cursor"]
            items += page["items"]
            if len(page["items"]) < 500:  # noqa: PLR2004 (the page that was asked for)
                return items


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
