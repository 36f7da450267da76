"""The trial: controls first, since a door that opens for nobody proves nothing; then forgeries."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.proof.forge import assertions, broker, jose
from tests.proof.forge.bearers import Forgery, forgeries
from tests.proof.forge.doors import CLOSED, SERVICES, Door, ask, doors, every
from tests.proof.forge.edges import bad_keys
from tests.proof.forge.receipts import RECEIPT, receipt
from tests.proof.forge.shapes import Material
from tests.proof.forge.systems import Registrar, System, systems, token, token_key
from tests.proof.harness import Harness

Say = Callable[[str], None]
WITH = {"documents.receive": "sys-g22", "documents.send": "sys-g22", "documents.sign": "sys-g22"}
"""Whose token is the control for a scope; operator and registrar are called like theirs."""
AGENCY = "G22"
REVOKED_WITHIN_S = 60.0
GOOD_FOR_S = 180.0
"""How long forgeries are used that are made of one good token of 10 minutes."""
OVER = ("of a revoked client", "from before its key was lost")
_SEEN_AT = {
    "gateway": "/v1/me",
    "docs": "/v1/deliveries",
    "notify": "/v1/inbox",
    "signing": "/v1/certificates",
}
"""A route of each service that tells whether it has heard of a revocation."""
_SAME = ("type", "code", "status", "title", "title_en", "hint", "hint_en")
_TIMES = aiohttp.ClientTimeout(total=60)


@dataclass(slots=True)
class Outcome:
    """What became of it."""

    tokens: set[str] = field(default_factory=set[str])
    routes: int = 0
    requests: int = 0
    accepted: int = 0
    faults: list[str] = field(default_factory=list[str])

    def line(self) -> str:
        """Return the one line that counts."""
        return (
            f"FORGE tokens={len(self.tokens)} routes={self.routes} requests={self.requests}"
            f" accepted={self.accepted}"
        )

    def add(self, kind: str, names: Mapping[str, bool]) -> None:
        """Count tokens tried elsewhere than at a route; True: it was accepted."""
        self.tokens |= {f"{kind}: {name}" for name in names}
        self.requests += len(names)
        for name, accepted in names.items():
            if accepted:
                self.accepted += 1
                self.faults.append(f"accepted by the {kind}: {name}")


@dataclass(frozen=True, slots=True)
class Seen:
    """Where findings go, and the texts of the refusals, by their statuses."""

    outcome: Outcome
    bodies: dict[frozenset[int], set[str]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A control and all that is forged from it, while their times are what they say."""

    good: str
    forged: list[Forgery]
    until: float


@dataclass(frozen=True, slots=True)
class Forger:
    """What an attacker has who knows all but how to get a right token."""

    harness: Harness
    session: aiohttp.ClientSession
    systems: Mapping[str, System]
    addresses: Mapping[str, str]
    foreign: Mapping[str, str]
    """Tokens that we did sign: for others, for something else, or not good any more."""

    @property
    def over(self) -> set[str]:
        """Return those that were good at every door for clients."""
        return {self.foreign[name] for name in OVER}

    async def material(self, door: Door) -> Material:
        """Return a good token for a door, and the key it was signed with."""
        if door.scope == "internal":
            good = await inside(self.session, self.systems, door.at)
        else:
            system = self.systems[WITH.get(door.scope, door.scope)]
            good = await token(self.session, system)
        return Material(good, token_key(self.harness, good))

    def tried(self, material: Material) -> list[Forgery]:
        """Return all that is tried where the material's good token opens."""
        # A token is foreign everywhere but at the one door that it was issued for.
        here = material.claims["aud"]
        foreign = {
            name: made
            for name, made in self.foreign.items()
            if made in self.over or Material(made, material.key).claims.get("aud") != here
        }
        return list(forgeries(material, foreign | self._by_notify(material)))

    def _by_notify(self, material: Material) -> dict[str, str]:
        """Return the good token as notify's key signs it, which signs receipts and is ours too."""
        path = next((self.harness.run / "pki" / "notify").glob("*.pem"))
        key = jose.load(path.read_bytes())
        named = {**material.header, "kid": path.stem}
        return {
            "signed by notify's key": jose.compact(named, material.claims, key),
            "signed by notify's key under our kid": jose.compact(
                material.header, material.claims, key
            ),
        }


async def trial(harness: Harness, say: Say, *, one_in: int = 1) -> Outcome:
    """Try every forgery at every door, at the token endpoint and at Kafka.

    `one_in` many: then each door meets others of them, and all doors together meet all.
    """
    outcome = Outcome()
    ports = harness.ports()
    addresses = {name: str(ports[name]) for name in ("gateway", "docs", "signing", "notify")}
    connector = aiohttp.TCPConnector(limit=16)
    async with aiohttp.ClientSession(
        connector=connector, timeout=_TIMES, max_line_size=1 << 20, max_field_size=1 << 20
    ) as session:
        known = systems(harness)
        foreign = await _foreign(session, known, addresses, say)
        foreign[RECEIPT] = await receipt(harness)
        forger = Forger(harness, session, known, addresses, foreign)
        found = await doors(session, addresses)
        outcome.routes = len(found)
        say(f"{len(found)} doors")
        await _at_doors(forger, found, outcome, say, one_in)
        say("the register of clients …")
        outcome.add("register of clients", await _registered(session, known, addresses["gateway"]))
        say("the token endpoint …")
        outcome.add("token endpoint", await assertions.tried(session, known, foreign, one_in))
        say("Kafka's listener …")
        good = await token(session, known["sys-g22"])
        material = Material(good, token_key(harness, good))
        address = str(ports["kafka_oauth"])
        outcome.add("broker", await asyncio.to_thread(broker.tried, address, material, foreign))
    return outcome


async def _registered(
    session: aiohttp.ClientSession, known: Mapping[str, System], gateway: str
) -> dict[str, bool]:
    """Return of each key that proves nothing whether a client was registered with it."""
    registrar = Registrar(session, gateway, await token(session, known["registrar"]))
    return {
        f"JWK {name}": not await registrar.refuses(AGENCY, jwk) for name, jwk in bad_keys().items()
    }


async def _at_doors(
    forger: Forger, found: list[Door], outcome: Outcome, say: Say, one_in: int
) -> None:
    began, bodies = time.monotonic(), dict[frozenset[int], set[str]]()
    ready: dict[tuple[str, str], Prepared] = {}
    for number, door in enumerate(found, 1):
        key = (door.scope, door.at if door.scope == "internal" else "")
        if key not in ready or ready[key].until < time.monotonic():
            material = await forger.material(door)
            until = time.monotonic() + GOOD_FOR_S
            ready[key] = Prepared(material.good, forger.tried(material), until)
        some = ready[key].forged[number % one_in :: one_in]
        await _at_door(forger, door, ready[key].good, some, Seen(outcome, bodies))
        if number % 10 == 0:
            spent = time.monotonic() - began
            say(f"  {number} of {len(found)} doors, {outcome.requests} requests, {spent:.0f} s")
    for refusals, seen in bodies.items():
        if len(seen) > 1:
            outcome.faults.append(f"refusals {set(refusals)} differ: {sorted(seen)}")


async def _at_door(
    forger: Forger, door: Door, good: str, forged: Sequence[Forgery], seen: Seen
) -> None:
    outcome = seen.outcome
    control = await ask(forger.session, door, [("Authorization", f"Bearer {good}")])
    let_in = 200 <= control.status < 300 or control.status in door.opened
    if door.refusals == CLOSED and not let_in:
        outcome.faults.append(f"the control was refused at {door.name}: {control}")
    outcome.tokens |= {one.name for one in forged}
    outcome.requests += len(forged)
    named = {one.name: one for one in forged}
    tasks = [(door, one.name, one.headers, one.query) for one in forged]
    for _, name, answer in await every(tasks, forger.session):
        if answer.status in named[name].others:
            continue
        if answer.status in door.refusals:
            problem = json.loads(answer.content)
            told = json.dumps([problem[member] for member in _SAME])
            seen.bodies.setdefault(door.refusals, set()).add(told)
        else:
            outcome.accepted += 1
            said = answer.content[:120].decode(errors="replace")
            outcome.faults.append(f"{door.name}: {name}: {answer.status} {said}")


async def _foreign(
    session: aiohttp.ClientSession,
    known: Mapping[str, System],
    addresses: Mapping[str, str],
    say: Say,
) -> dict[str, str]:
    """Return tokens that we did sign: for others, for something else, or not good any more."""
    registrar = Registrar(session, addresses["gateway"], await token(session, known["registrar"]))
    endpoint = known["registrar"].endpoint
    scopes = ("directory", "documents.send", "documents.receive")
    revoked = await registrar.add(endpoint, AGENCY, *scopes)
    renewed = await registrar.add(endpoint, AGENCY, *scopes)
    foreign = {
        "of a revoked client": await token(session, revoked),
        "from before its key was lost": await token(session, renewed),
        "a client's own assertion": known["sys-g22"].proof().good,
        "a client's token for the API": await token(session, known["sys-g22"]),
        **{f"a token for {name}": await inside(session, known, name) for name in SERVICES},
    }
    await registrar.revoke(revoked)
    await registrar.change_key(renewed)
    # Both are over at once for who asks; every service hears of it within a minute (P15).
    said = time.monotonic()
    for name in OVER:
        for service, path in _SEEN_AT.items():
            await _until_refused(session, addresses[service] + path, foreign[name])
    say(f"revoked tokens are refused after {time.monotonic() - said:.1f} s")
    return foreign


async def inside(session: aiohttp.ClientSession, known: Mapping[str, System], to: str) -> str:
    """Return a service token for the internal routes of one service."""
    asker = known["service-provisioner"]
    resource = f"https://lienthong.vn/internal/{to}"
    return await token(session, asker, scope="internal", resource=resource)


async def _until_refused(session: aiohttp.ClientSession, url: str, good: str) -> None:
    async with asyncio.timeout(REVOKED_WITHIN_S):
        headers = {"Authorization": f"Bearer {good}"}
        while True:
            async with session.get(url, headers=headers) as answer:
                if answer.status == 401:
                    return
            await asyncio.sleep(0.2)
