"""The recipients: each system leases, downloads, checks, acknowledges, and keeps its receipt."""

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from infra.client import Client, Json, Refused, Unreachable
from infra.demo.inspect import Inspector, receipt_faults

HELD_FOR = "PT30S"
"""So long an entry stays with a recipient whose lease got lost in a crash."""

WAITS = "PT5S"
AT_ONCE = 20
PAUSE = 0.5


@dataclass(slots=True)
class Findings:
    """What all recipients together found wrong, and when the last one was done."""

    corrupt: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Files (agency, attachment) whose bytes or signatures are not what the sender signed."""
    troubles: list[str] = field(default_factory=list[str])
    downloads: int = 0
    receipts: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipient:
    """One system that fetches for its agencies."""

    client: Client
    inspector: Inspector
    root: Path
    bound: asyncio.Semaphore
    """Downloads and acknowledgements in flight, over all systems of this program."""
    findings: Findings

    async def work(self) -> None:
        """Lease and receive until cancelled."""
        while True:
            try:
                leases = await self._lease()
                async with asyncio.TaskGroup() as group:
                    for lease in leases:
                        group.create_task(self._receive(lease))
            except Unreachable as error:
                self.findings.troubles.append(str(error))
                await asyncio.sleep(PAUSE)

    async def _lease(self) -> list[Json]:
        asked = {"max": AT_ONCE, "visibility": HELD_FOR, "wait": WAITS}
        answer = await self.client.ask("POST", "/v1/inbox/leases", body=asked)
        return answer.json()["leases"]

    async def _receive(self, lease: Json) -> None:
        delivery = lease["delivery"]
        async with self.bound:
            try:
                entry = json.loads(delivery["entry"])
                digests = {f["id"]: await self._fetch(delivery, entry, f) for f in entry["files"]}
                await self._acknowledge(lease, entry, digests)
            except (Refused, Unreachable) as error:  # it comes again when its lease has run out
                self.findings.troubles.append(f"{delivery['agency']}: {error}")

    async def _fetch(self, delivery: Json, entry: Json, file: Json) -> str:
        """Download one file and check it; returns the digest of the bytes that came."""
        agency, content, digest = delivery["agency"], bytearray(), hashlib.sha256()

        def take(chunk: bytes) -> None:
            content.extend(chunk)
            digest.update(chunk)

        path = f"/v1/documents/{entry['document_id']}/attachments/{file['id']}"
        await self.client.download(f"{path}/content", acting=agency, take=take)
        self.findings.downloads += 1
        faults = await self.inspector.faults(
            self.client.access.client_id,
            bytes(content),
            role=file["role"],
            sender=entry["from"]["code"],
            seal=await self._seal(path, agency, file),
        )
        if digest.hexdigest() != file["sha256"]:
            faults = "these are not the bytes that the entry names"
        if faults is not None:
            self.findings.corrupt.add((agency, file["id"]))
            self.findings.troubles.append(f"{agency}: {file['role']}: {faults}")
        return digest.hexdigest()

    async def _seal(self, path: str, agency: str, file: Json) -> bytes | None:
        """Fetch the detached seal of a file that is no PDF; none if it is not the entry's."""
        if "signature_sha256" not in file:
            return None
        seal = (await self.client.ask("GET", f"{path}/signature", acting=agency)).body
        return seal if hashlib.sha256(seal).hexdigest() == file["signature_sha256"] else b""

    async def _acknowledge(self, lease: Json, entry: Json, digests: dict[str, str]) -> None:
        delivery = lease["delivery"]
        answer = await self.client.ask(
            "POST",
            f"/v1/deliveries/{delivery['delivery_id']}/acknowledgement",
            body={"digests": digests, "lease": lease["id"]},
            acting=delivery["agency"],
        )
        said = {
            "delivery_id": delivery["delivery_id"],
            "document_id": entry["document_id"],
            "code": entry["code"],
            "sequence": delivery["sequence"],
            "hash": delivery["hash"],
        }
        faults = receipt_faults(answer.json()["receipt"], self.root, said)
        if faults is not None:
            self.findings.troubles.append(f"{delivery['agency']}: receipt: {faults}")
            self.findings.corrupt.add((delivery["agency"], "receipt"))
        self.findings.receipts += 1
        self.findings.last = time.monotonic()
