"""One letter's whole life on the running stack, told once; the tests read what it left behind."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from infra.client import Answer, Client, Json
from infra.demo.plan import Plan, next_number
from infra.demo.send import Letter, write_letter
from tests.fixtures.eventually import eventually

PROVINCE = "H14"
HUB = "hub-h14-communes"


@dataclass(frozen=True, slots=True)
class Receiving:
    """What one recipient saw and did."""

    lease: Json
    files: Mapping[str, bytes]
    acknowledged: Json
    repeated: Json


@dataclass(frozen=True, slots=True)
class Story:
    """The answers of each step, in the order of the table."""

    letter: Letter
    commune: str
    draft: Answer
    draft_again: Answer
    document: Json
    dispatch: Answer
    dispatch_again: Answer
    arrived: Json
    received: Mapping[str, Receiving]
    reported: Json

    @property
    def dispatch_id(self) -> str:
        """Return the dispatch's id."""
        return str(self.dispatch.json()["id"])


async def tell(run: Path, systems: Mapping[str, Client]) -> Story:
    """Send a letter to the province and one commune, step by step; both receive it."""
    sender, hub = systems["sys-g22"], systems[HUB]
    commune = hub.access.agencies[0]
    recipients: tuple[Json, ...] = ({"agency": PROVINCE}, {"agency": commune})
    plan = Plan(recipients, 2, ())
    letter = await asyncio.to_thread(write_letter, run, await next_number(sender), plan)

    draft, draft_again = await twice(sender, "/v1/documents", letter.description)
    path = f"/v1/documents/{draft.json()['id']}"
    await upload(sender, path, "MAIN", letter.main)
    await upload(sender, path, "ANNEX", letter.annex)
    document = (await sender.ask("GET", path)).json()

    dispatch, dispatch_again = await twice(sender, f"{path}/dispatches", {})
    where = dispatch.headers["Location"]
    arrived = await reach(sender, where, "available", "acknowledged", recipients=2)
    received = {
        PROVINCE: await receive(systems["sys-h14"], PROVINCE, arrived["id"]),
        commune: await receive(hub, commune, arrived["id"]),
    }
    return Story(
        letter=letter,
        commune=commune,
        draft=draft,
        draft_again=draft_again,
        document=document,
        dispatch=dispatch,
        dispatch_again=dispatch_again,
        arrived=arrived,
        received=received,
        reported=await reach(sender, where, "acknowledged", recipients=2),
    )


async def twice(client: Client, path: str, body: Json) -> tuple[Answer, Answer]:
    """Post the same with the same key twice."""
    key = {"Idempotency-Key": str(uuid4())}
    first = await client.ask("POST", path, body=body, headers=key)
    return first, await client.ask("POST", path, body=body, headers=key)


async def reach(sender: Client, where: str, *states: str, recipients: int) -> Json:
    """Follow a dispatch until all recipients are in one of the states; returns it."""

    async def there() -> Json | None:
        seen: Json = (await sender.ask("GET", where)).json()
        return seen if sum(seen["counts"][state] for state in states) == recipients else None

    return await eventually(there, f"{recipients} recipients in {states}", timeout=30)


async def upload(sender: Client, document: str, role: str, content: bytes) -> Json:
    """Announce a file of a draft and send its bytes; returns the attachment."""
    digest = hashlib.sha256(content)
    announced = {
        "name": f"{role.lower()}.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": digest.hexdigest(),
        "role": role,
    }
    answer = await sender.ask("POST", f"{document}/attachments", body=announced)
    attachment = answer.json()
    said = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    await sender.ask(
        "PUT",
        attachment["upload"]["put"],
        raw=content,
        headers={"Repr-Digest": said, "Content-Type": "application/pdf"},
    )
    return attachment


async def lease_of(client: Client, agency: str, dispatch: str) -> Json:
    """Lease until the entry of a dispatch for an agency is in hand; the others are given back."""

    async def look() -> Json | None:
        asked = {"max": 50, "visibility": "PT1M", "wait": "PT1S"}
        answer = await client.ask("POST", "/v1/inbox/leases", body=asked, acting=agency)
        leases = answer.json()["leases"]
        mine = None
        for lease in leases:
            if json.loads(lease["delivery"]["entry"])["dispatch_id"] == dispatch:
                mine = lease
            else:
                await client.ask("DELETE", f"/v1/inbox/leases/{lease['id']}")
        return mine

    return await eventually(look, f"{agency} leases {dispatch}", timeout=30)


async def receive(client: Client, agency: str, dispatch: str) -> Receiving:
    """Lease, download, acknowledge twice."""
    lease = await lease_of(client, agency, dispatch)
    delivery, entry = lease["delivery"], json.loads(lease["delivery"]["entry"])
    files: dict[str, bytes] = {}
    for file in entry["files"]:
        content = bytearray()
        path = f"/v1/documents/{entry['document_id']}/attachments/{file['id']}/content"
        await client.download(path, acting=agency, take=content.extend)
        files[file["id"]] = bytes(content)
    digests = {key: hashlib.sha256(content).hexdigest() for key, content in files.items()}
    path = f"/v1/deliveries/{delivery['delivery_id']}/acknowledgement"
    body = {"digests": digests, "lease": lease["id"]}
    first, second = [
        (await client.ask("POST", path, body=body, acting=agency)).json() for _ in range(2)
    ]
    return Receiving(lease, files, first, second)
