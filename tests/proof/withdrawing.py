"""Sends a document of an agency of which nothing else comes, and has its leader's key revoked."""

import asyncio
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from tests.proof.client import Unreachable
from tests.proof.orders import SMALL, Order, order
from tests.proof.workload import Workload

_LOOK = 0.3
_PATIENCE = 90.0
"""Seconds for a document to be cleared, and to be withdrawn: 60 s are promised without faults."""


@dataclass(slots=True)
class Withdrawal:
    """Withdraws one document at a time. Goes on with the same one after a try that failed."""

    workload: Workload
    _current: Order | None = None

    async def pass_once(self) -> None:
        """Send one, revoke, and see it withdrawn. Raises Refused, Unreachable."""
        records = self.workload.records
        if self._current is None:
            self._current = await self._handed_in()
        sent = self._current
        if sent is None:
            return
        path = f"/v1/dispatches/{records.outcomes[sent.number].dispatch}"
        if sent.number not in records.revoked:
            await self._until(sent.sender, path, "cleared")
        if not records.revoked.get(sent.number):
            await self._revoke(sent)
        await self._until(sent.sender, path, "withdrawn")
        self._current = None

    async def _handed_in(self) -> Order | None:
        """Hand in a document of the next agency that has sent none; None when all have."""
        network, records = self.workload.network, self.workload.records
        known = {one.sender for one in records.orders.values()}
        sender = next((code for code in network.spare if code not in known), None)
        if sender is None:
            return None
        new = order(
            records.number(),
            sender=sender,
            to=network.few[len(known) % len(network.few) :][:2],
            size=SMALL,
            urgency="normal",
            secret=records.secret,
        )
        if (await self.workload.hand_in(new)).kind != "ok":
            raise Unreachable(f"document {new.number} of {sender} was not accepted")
        return new

    async def _revoke(self, sent: Order) -> None:
        """Revoke the certificate that signed it; repeating that is no error."""
        certificate = self.workload.desk.signer(sent.sender, "leader").certificate
        path = f"/v1/certificates/{certificate.fingerprint(hashes.SHA256()).hex()}/revocations"
        await self.workload.records.revoking(sent.number)
        registrar = self.workload.systems["registrar"]
        await registrar.ask("POST", path, body={"reason": "keyCompromise"})
        self.workload.records.lost_certificate(sent.number)

    async def _until(self, sender: str, path: str, state: str) -> None:
        system = self.workload.systems[self.workload.network.serving[sender]]
        end = time.monotonic() + _PATIENCE
        while (await system.ask("GET", path)).json()["state"] != state:
            if time.monotonic() > end:
                raise Unreachable(f"{path} is not {state}")
            await asyncio.sleep(_LOOK)
