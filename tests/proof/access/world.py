"""The callers of the matrix and what stands around them: own objects, and others' near and far."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.proof.access.answers import Wire
from tests.proof.access.bundles import Bundle, Party, bundle, dispatched, until
from tests.proof.client import Door, Refused, System, opened, systems
from tests.proof.forge import jose
from tests.proof.forge.systems import System as Proved
from tests.proof.forge.systems import systems as proved
from tests.proof.forge.systems import token
from tests.proof.harness import Harness, Json
from tests.proof.papers import Desk

Say = Callable[[str], None]
SERVICES = ("gateway", "docs", "signing", "notify")
_TOKEN_S = 300.0
_PATIENCE = 120.0

# The caller is a district; around it stand its province, a neighbour, a commune and a ministry.
CALLER, PARENT, SIBLING, CHILD, STRANGER = "H14.01", "H14", "H14.02", "H14.01.01", "G22"
SUSPENDED = "G10"
"""Suspended when everything is made, and active again when the matrix is through."""
_FOREIGN = {
    "sibling": (SIBLING, "G06"),
    "parent": (PARENT, "G07"),
    "child": (CHILD, "G08"),
    "stranger": (STRANGER, "G09"),
    "suspended": (SUSPENDED, "G11"),
    "to a suspended one": ("G12", SUSPENDED),
}
"""Owner and recipient, by what they are to the caller."""
_OWN = {
    "sent": (CALLER, "G05"),
    "received": (STRANGER, CALLER),
    "to-suspended": (CALLER, SUSPENDED),
    "of-suspended": (SUSPENDED, CALLER),
}
OWN_SENT, OWN_RECEIVED = ("sent", "to-suspended"), ("received", "of-suspended")


@dataclass(frozen=True, slots=True)
class Role:
    """A way in which somebody calls: a client and the part of its scopes that it uses."""

    name: str
    client_id: str
    scope: str = ""


ROLES = {
    "sender": Role("sender", "sys-h14-01", "documents.send documents.sign"),
    "receiver": Role("receiver", "sys-h14-01", "documents.receive directory"),
    "operator": Role("operator", "operator"),
    "registrar": Role("registrar", "registrar"),
}


@dataclass(slots=True)
class World:
    """Everything that the matrix asks about."""

    harness: Harness
    wire: Wire
    addresses: Mapping[str, str]
    own: Mapping[str, Bundle]
    """`sent` by the caller, `received` by it, and both with one that is suspended now."""
    foreign: Mapping[str, Bundle]
    suspended: Mapping[str, str]
    """What an agency has received that was suspended since."""
    suspended_token: str
    clients: Mapping[str, Proved]
    parties: Mapping[str, Party]
    registrar: System
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])

    async def token(self, role: str) -> str:
        """Return a token of a role; empty for nobody."""
        if role == "none":
            return ""
        if role == "suspended":
            return self.suspended_token
        made, until_ = self._tokens.get(role, ("", 0.0))
        if time.monotonic() > until_:
            known = ROLES[role]
            form = {"scope": known.scope} if known.scope else {}
            made = await token(self.wire.session, self.clients[known.client_id], **form)
            self._tokens[role] = made, time.monotonic() + _TOKEN_S
        return made

    def secrets(self, role: str) -> frozenset[str]:
        """Return the words that nobody in this role may be shown."""
        others = frozenset[str]().union(*(one.shown | one.kept for one in self.foreign.values()))
        others = others.union(*(self.own[one].kept for one in OWN_RECEIVED))
        mine = frozenset[str]().union(*(one.shown for one in self.own.values()))
        mine = mine.union(*(self.own[one].kept for one in OWN_SENT))
        if role in {"sender", "receiver"}:
            return others - mine
        return others | mine


@asynccontextmanager
async def world(harness: Harness, say: Say) -> AsyncGenerator[World]:
    """Make all of it on a running stack, and lend it for the length of a `with`."""
    async with opened(harness) as door, _session() as session:
        known = systems(door, patience=_PATIENCE)
        desk = Desk(harness.run / "pki", harness.run / "proof-papers")
        parties = {code: Party(known[name], code) for code, name in _serving(known).items()}
        say("making documents, drafts, signatures, leases, subscriptions …")
        own, foreign = await _bundles(desk, parties)
        say("suspending an agency …")
        ids, newcomer = await _newcomer(door, desk, parties, known["registrar"])
        ports = harness.ports()
        yield World(
            harness=harness,
            wire=Wire(session),
            addresses={name: str(ports[name]) for name in SERVICES},
            own=own,
            foreign=foreign,
            suspended=ids,
            suspended_token=newcomer,
            clients=proved(harness),
            parties=parties,
            registrar=known["registrar"],
        )


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=16), timeout=aiohttp.ClientTimeout(total=60)
    )


def _serving(known: Mapping[str, System]) -> dict[str, str]:
    return {code: name for name, system in known.items() for code in system.agencies}


async def _bundles(
    desk: Desk, parties: Mapping[str, Party]
) -> tuple[dict[str, Bundle], dict[str, Bundle]]:
    """Make what is the caller's and what is foreign; nobody owns two at once (`_leased`)."""

    async def made(relations: Mapping[str, tuple[str, str]]) -> dict[str, Bundle]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                relation: group.create_task(bundle(desk, parties[owner], parties[recipient]))
                for relation, (owner, recipient) in relations.items()
            }
        return {relation: task.result() for relation, task in tasks.items()}

    foreign = await made(_FOREIGN)
    own: dict[str, Bundle] = {}
    for relation, pair in _OWN.items():
        own |= await made({relation: pair})
    return own, foreign


@asynccontextmanager
async def suspended(world: World, say: Say) -> AsyncGenerator[None]:
    """Suspend an agency for the length of a `with`; each service knows it, and then knows better.

    It has sent, received, drafted and subscribed before.
    """
    registrar, party = world.registrar, world.parties[SUSPENDED]
    place = f"/v1/agencies/{SUSPENDED}/state-changes"
    say(f"suspending {SUSPENDED} …")
    await registrar.ask("POST", place, body={"state": "suspended"})
    try:
        await until(lambda: _is_out(party), f"{SUSPENDED} is suspended everywhere")
        yield
    finally:
        await registrar.ask("POST", place, body={"state": "active"})
        await until(lambda: _knows(party), f"{SUSPENDED} may use every service again")


async def _newcomer(
    door: Door, desk: Desk, parties: Mapping[str, Party], registrar: System
) -> tuple[dict[str, str], str]:
    """Register an agency with a system, have it receive, suspend it; return ids and its token."""
    code = ".".join(["H99", *(f"{secrets.randbelow(100):02}" for _ in range(3))])
    agency = {"code": code, "name": "Ủy ban nhân dân xã Tạm Dừng", "level": "commune"}
    await registrar.ask("POST", "/v1/agencies", body=agency)
    system = await _connected(door, registrar, code)
    party = Party(system, code)
    await until(lambda: _knows(party), f"{code} may use every service")
    sent = await dispatched(desk, parties[STRANGER], party, f"tu{secrets.token_hex(10)}")
    rows = (
        await parties[STRANGER].ask("GET", f"/v1/dispatches/{sent['dispatch']['id']}/deliveries")
    ).json()["items"]
    place = f"/v1/agencies/{code}/state-changes"
    await registrar.ask("POST", place, body={"state": "suspended"})
    await until(lambda: _is_out(party), f"{code} is suspended everywhere")
    ids = {name: str(uuid4()) for name in ("lease_id", "signature_id", "subscription_id")}
    file = sent["attachments"][1]
    return {
        **ids,
        "document_id": sent["id"],
        "attachment_id": file["id"],
        "dispatch_id": sent["dispatch"]["id"],
        "delivery_id": rows[0]["id"],
        "digests": f'{{"{file["id"]}": "{file["sha256"]}"}}',
        "code": code,
        "client_id": system.client_id,
        "certificate": secrets.token_hex(32),
        "paper_code": sent["code"],
    }, await system.token()


async def _connected(door: Door, registrar: System, code: str) -> System:
    name, key = f"qlvb-{secrets.token_hex(6)}", jose.new_key()
    scopes = ["directory", "documents.send", "documents.receive", "documents.sign"]
    jwk = jose.jwk(key, kid="1", alg="ES256", use="sig")
    new = {"client_id": name, "agencies": [code], "scopes": scopes, "jwks": {"keys": [jwk]}}

    async def registered() -> bool:
        try:
            await registrar.ask("POST", "/v1/clients", body=new)
        except Refused as refused:  # the gateway has not heard of the agency yet
            if refused.answer.status == 422:
                return False
            raise
        return True

    await until(registered, f"the gateway knows {code}")
    path = door.harness.run / "proof-papers" / f"{name}.pem"
    path.write_bytes(jose.private(key))
    row: Json = {
        "client_id": name,
        "agencies": [code],
        "scope": " ".join(scopes),
        "private_key": str(path),
        "token_endpoint": door.harness.clients()[0]["token_endpoint"],
    }
    return System(door, row, patience=_PATIENCE)


_READS = ("/v1/documents", "/v1/inbox", "/v1/certificates", "/v1/me")
"""A read of each service."""


async def _knows(party: Party) -> bool:
    for path in _READS:
        try:
            await party.ask("GET", path)
        except Refused:
            return False
    return True


async def _is_out(party: Party) -> bool:
    for path in _READS:
        try:
            await party.ask("GET", path)
        except Refused:
            continue
        return False
    return True
