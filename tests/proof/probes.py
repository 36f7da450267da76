"""What a load passes seldom: drafts in steps, signing by kept keys, statuses, subscriptions."""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.history import Outcome
from tests.proof.kafka import Mailbox
from tests.proof.listing import list_and_end
from tests.proof.mailboxes import Receiving
from tests.proof.orders import SMALL, Order, order
from tests.proof.papers import BLANK, unsigned
from tests.proof.withdrawing import Withdrawal
from tests.proof.workload import Workload

PIN = "development"
_LOOK = 0.3
_T = TypeVar("_T")


class NotEnded(Exception):  # noqa: N818 (it came to no end, good or bad)
    """A probe did not come to its end in time; says what it waited for."""


@dataclass(slots=True)
class Probes:
    """Drives one of each kind at a time."""

    workload: Workload
    receiving: Receiving
    patience: float = 120.0
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])
    _turn: int = 0
    _withdrawal: Withdrawal = field(init=False)

    def __post_init__(self) -> None:
        """Know of no document to withdraw yet."""
        self._withdrawal = Withdrawal(self.workload)

    async def pass_once(self, kind: str) -> None:
        """Drive one probe to its good end, again from its beginning where a step was refused.

        Raises NotEnded, KeyError for an unknown kind.
        """
        drive = {
            "signature": self._signature,
            "status": self._status,
            "subscription": self._subscription,
            "draft": self._draft,
            "client": self._client,
            "agency": self._agency,
            "certificate": self._certificate,
            "trust": self._trust,
            "withdrawal": self._withdrawal.pass_once,
        }[kind]
        end, why = time.monotonic() + self.patience, ""
        async with self._locks.setdefault(kind, asyncio.Lock()):
            while time.monotonic() < end:
                try:
                    await drive()
                except (Refused, Unreachable) as error:
                    why = str(error)
                    await asyncio.sleep(_LOOK)
                else:
                    return
        raise NotEnded(f"{kind}: {why}")

    def _new(self) -> tuple[System, Order]:
        """Return a sender in its turn, and a small document to a few."""
        network, records = self.workload.network, self.workload.records
        self._turn += 1
        sender = network.senders[self._turn % len(network.senders)]
        to = [network.few[(self._turn + one) % len(network.few)] for one in range(2)]
        made = order(
            records.number(),
            sender=sender,
            to=to,
            size=SMALL,
            urgency="normal",
            secret=records.secret,
        )
        return self.workload.systems[network.serving[sender]], made

    async def _draft(self) -> None:
        """Hand in a document step by step: draft, change, file, dispatch."""
        system, new = self._new()
        paper = self.workload.desk.write(new.sender, new.size, new.canary)
        path, _ = await self._drafted(system, new, paper)
        version = (await system.ask("GET", path)).headers["ETag"]
        revised = replace(new, revision=", bản sửa")
        await system.ask(
            "PATCH",
            path,
            body={"subject": revised.subject},
            headers={"If-Match": version, "Content-Type": "application/merge-patch+json"},
        )
        await self._dispatch(path, revised, hashlib.sha256(paper).hexdigest())

    async def _drafted(self, system: System, new: Order, paper: bytes) -> tuple[str, str]:
        """Make a draft with its file; return its path and the attachment's id."""
        made = (await system.ask("POST", "/v1/documents", body=new.described())).json()
        path, digest = f"/v1/documents/{made['id']}", hashlib.sha256(paper)
        announced = {
            "name": f"{new.number}.pdf",
            "media_type": "application/pdf",
            "size": len(paper),
            "sha256": digest.hexdigest(),
            "role": "MAIN",
        }
        file = (await system.ask("POST", f"{path}/attachments", body=announced)).json()
        said = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        headers = {"Repr-Digest": said, "Content-Type": "application/pdf"}
        await system.ask("PUT", file["upload"]["put"], raw=paper, headers=headers)
        return path, str(file["id"])

    async def _dispatch(self, path: str, new: Order, digest: str) -> None:
        going = replace(new, path=f"{path}/dispatches", sha256=digest)
        outcome: Outcome = await self.workload.hand_in(going)
        if outcome.kind != "ok":
            raise Unreachable(f"dispatch of {path}: {outcome.kind} {outcome.code}")

    async def _signature(self) -> None:
        """Have a draft signed by the leader's kept key, then sealed, then send it."""
        system, new = self._new()
        paper = unsigned(new.size).replace(BLANK.encode(), new.canary.encode())
        path, attachment = await self._drafted(system, new, paper)
        signed: Json = {}
        for kind in ("leader", "seal"):
            found = (await system.ask("GET", f"/v1/certificates?kind={kind}")).json()["items"]
            certificate = next(one for one in found if one["remote"] and one["state"] == "good")
            asked = {
                "attachment_id": attachment,
                "kind": kind,
                "certificate": certificate["sha256"],
            }
            signature = (await system.ask("POST", f"{path}/signatures", body=asked)).json()
            await self._activate(system, signature)
            signed = await self._applied(system, path, str(signature["id"]))
        await self._dispatch(path, new, str(signed["signed"]["sha256"]))

    async def _activate(self, system: System, signature: Json) -> None:
        where = f"/v1/signatures/{signature['id']}"

        async def known() -> Json | None:
            try:
                return (await system.ask("GET", where)).json()
            except Refused:
                return None

        await self._until(known, "signing knows of a request")
        try:
            await system.ask("POST", signature["activation"], body={"pin": PIN})
        except Refused:
            # Activated already, by a try whose answer was lost: then it is made, or never will be.
            if (await system.ask("GET", where)).json()["state"] != "made":
                raise

    async def _applied(self, system: System, path: str, signature: str) -> Json:
        async def there() -> Json | None:
            items = (await system.ask("GET", f"{path}/signatures")).json()["items"]
            one = next(item for item in items if item["id"] == signature)
            return one if one["state"] == "applied" else None

        return await self._until(there, "a signature stands in its draft")

    async def _until(self, look: Callable[[], Awaitable[_T | None]], what: str) -> _T:
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(_LOOK)
        raise Unreachable(what)

    async def _status(self) -> None:
        """Report a status of a delivery that was acknowledged and has none yet."""
        while not self.receiving.unreported:
            _, new = self._new()
            if (await self.workload.hand_in(new)).kind == "ok":
                await self.workload.arrivals.of(new.number, self.patience)
            await asyncio.sleep(_LOOK)
        system, delivery, agency = self.receiving.unreported.popleft()
        await self.receiving.report(system, delivery, agency)

    async def _subscription(self) -> None:
        """Subscribe to a Kafka mailbox, wait until it is ready, and end it."""
        network = self.workload.network
        free = network.reading("poll")
        self._turn += 1
        system = self.workload.systems[network.serving[free[self._turn % len(free)]]]
        mailbox = Mailbox(system, self.workload.records, lambda: None)
        await mailbox.subscribed()
        items: list[Json] = (await system.ask("GET", "/v1/subscriptions")).json()["items"]
        for one in items:
            if one["state"] != "ended":
                tag = {"If-Match": f'"{one["version"]}"'}
                await system.ask("DELETE", f"/v1/subscriptions/{one['id']}", headers=tag)

    async def _client(self) -> None:
        """Register a system, change what it may do, and revoke it."""
        registrar = self.workload.systems["registrar"]
        name = f"proof-{hashlib.sha256(str(time.time_ns()).encode()).hexdigest()[:12]}"
        body = {
            "client_id": name,
            "agencies": [self.workload.network.few[0]],
            "scopes": ["directory"],
            "jwks": {"keys": [_public_key(name)]},
        }
        await registrar.ask("POST", "/v1/clients", body=body)
        for method, change in (
            ("PATCH", {"scopes": ["directory", "documents.send"]}),
            ("DELETE", None),
        ):
            version = (await registrar.ask("GET", f"/v1/clients/{name}")).headers["ETag"]
            kind = "application/merge-patch+json"
            headers = {"If-Match": version, "Content-Type": kind}
            await registrar.ask(method, f"/v1/clients/{name}", body=change, headers=headers)

    async def _agency(self) -> None:
        """Register an agency that nobody writes to, and suspend it."""
        registrar = self.workload.systems["registrar"]
        code = ".".join(["H98", *(f"{secrets.randbelow(100):02}" for _ in range(3))])
        new = {"code": code, "name": "Ủy ban nhân dân xã Thử Nghiệm", "level": "commune"}
        await registrar.ask("POST", "/v1/agencies", body=new)
        path = f"/v1/agencies/{code}/state-changes"
        await registrar.ask("POST", path, body={"state": "suspended"})

    async def _certificate(self) -> None:
        """Suspend and restore the certificate of an agency that sends nothing."""
        network, registrar = self.workload.network, self.workload.systems["registrar"]
        self._turn += 1
        code = network.few[self._turn % len(network.few)]
        system = self.workload.systems[network.serving[code]]
        found = (await system.ask("GET", "/v1/certificates?kind=leader", acting=code)).json()
        path = f"/v1/certificates/{found['items'][0]['sha256']}/revocations"
        for reason in ("certificateHold", "removeFromCRL"):
            await registrar.ask("POST", path, body={"reason": reason})

    async def _trust(self) -> None:
        """List an authority, see its revocation list asked for, and end the trust in it."""
        systems = self.workload.systems
        await list_and_end(systems["registrar"], systems["operator"])


def _public_key(name: str) -> dict[str, Any]:
    """Return a fresh key's public half as a JWK."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    x, y = (
        base64.urlsafe_b64encode(half).rstrip(b"=").decode() for half in (point[:32], point[32:])
    )
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": name, "alg": "ES256", "use": "sig"}
