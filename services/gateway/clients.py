"""Connected systems: taken over from the bootstrap file, registered, changed, revoked, told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from services.gateway import store
from services.gateway.store import SeedClient, StoredClient
from shared import agencies, outbox
from shared.db import Connection, Database
from shared.errors import Fault, Problem, Unavailable
from shared.events import ClientChanged
from shared.events.topics import RESERVED
from shared.identity import INTERNAL
from shared.restored import Recovery
from shared.tokens import MAX_AGENCIES

_PAUSE = 0.2
_OPERATOR, _REGISTRAR = "operator", "registrar"
_log = structlog.get_logger()


class FaultyClients(Exception):  # noqa: N818
    """The bootstrap file does not describe clients; a person must look."""


def read_file(file: Path) -> list[SeedClient]:
    """Return the clients of a bootstrap file. Raises FaultyClients, which says where."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    clients: list[SeedClient] = []
    for number, row in enumerate(rows):
        try:
            secret = row.get("secret_sha256")
            clients.append(
                SeedClient(
                    client_id=row["client_id"],
                    agencies=tuple(row["agencies"]),
                    scopes=tuple(row["scopes"]),
                    jwks=row["jwks"],
                    secret_sha256=None if secret is None else bytes.fromhex(secret),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FaultyClients(f"{file.name}, client {number}: {error!r}") from error
        if len(clients[-1].agencies) > MAX_AGENCIES:
            raise FaultyClients(f"{file.name}, client {number}: over {MAX_AGENCIES} agencies")
    return clients


async def take_over(db: Database, seeds: list[SeedClient]) -> int:
    """Insert new clients and replace changed ones, each with its event; return how many.

    A client that was changed by the API since stays as it is until its row in the file changes.
    """

    async def step(conn: Connection) -> int:
        # The lock first: another instance starts beside us and must find what this one did.
        before = await store.lock_versions(conn)
        known = await store.seed_digests(conn)
        changed = [seed for seed in seeds if known.get(seed.client_id) != seed.digest()]
        events = [
            await store.take_over(conn, seed, version=before + number)
            for number, seed in enumerate(changed, 1)
        ]
        await store.set_version(conn, before + len(changed))
        for event in events:
            await agencies.apply_client(conn, event)
        if events:
            await outbox.put_all(conn, events)
        return len(events)

    return await db.as_worker(step)


async def take_back(conn: Connection, events: Sequence[ClientChanged]) -> int:
    """Take over states of clients that are newer than this database, which came back older.

    `events` in order of their versions. Each is told again, behind what an older outbox still
    sends. Returns how many there were.
    """
    version = await store.lock_versions(conn)
    newer = [one for one in events if one.version > version]
    for event in newer:
        if event.jwks is None:
            _log.error("keys of a client are not known any more", client=event.client_id)
        await _tell(conn, await store.take_back(conn, event))
    return len(newer)


@dataclass(slots=True)
class Bootstrap:
    """The task that takes the file over once, as soon as PostgreSQL lets it; and its check."""

    db: Database
    seeds: list[SeedClient]
    recovery: Recovery
    done: bool = False

    async def __call__(self, stop: asyncio.Event) -> None:
        """Try until it is done."""
        while not (self.done or stop.is_set()):
            try:
                # Before, versions would be given that others know already.
                await self.recovery.require_over()
                changed = await take_over(self.db, self.seeds)
            except Unavailable:
                await asyncio.sleep(_PAUSE)
                continue
            _log.info("bootstrap clients taken over", changed=changed, of=len(self.seeds))
            self.done = True

    async def check(self) -> str | None:
        """Say what is missing for readiness."""
        return None if self.done else "the bootstrap clients are not taken over yet"


async def restate(conn: Connection) -> None:
    """Put the present state of every client into the outbox again: their topic was lost."""
    await store.lock_versions(conn)  # a newer state than is read here must not stand before it
    await outbox.put_all(conn, await store.clients_after(conn, 0))


async def register(conn: Connection, client: StoredClient) -> StoredClient:
    """Insert a client and tell all services. Raises Problem AUT-4091 when its id is taken."""
    if client.client_id in RESERVED:
        raise Problem("AUT-4091")
    await _require_agencies(conn, client.agencies)
    made = replace(client, version=await store.lock_versions(conn) + 1)
    event = await store.insert_client(conn, made)
    if event is None:
        raise Problem("AUT-4091")
    await _tell(conn, event)
    return made


async def change(
    conn: Connection,
    client_id: str,
    edit: Callable[[StoredClient], StoredClient],
    *,
    by: str,
    expected: frozenset[int] | None = None,
) -> StoredClient:
    """Write what `edit` makes of a client, and tell all services; the same object: no change.

    Whoever loses an agency, a scope, a key or everything loses its tokens too: none issued until
    now is taken any more. Raises Problem REQ-4041, REQ-4121 when the client is in none of the
    `expected` versions, AUT-4092 when it was revoked before, AUT-4032 when it is not for the
    client `by` to change, AUT-4093 when nobody could register systems any more.
    """
    version = await store.lock_versions(conn) + 1
    client = await find(conn, client_id)
    if expected is not None and client.version not in expected:
        raise Problem("REQ-4121")
    edited = edit(client)
    if edited is client:
        return client
    if client.state == "revoked":
        raise Problem("AUT-4092")
    if by != client_id and not _may_change(client, edited):
        raise Problem("AUT-4032")
    ends = _registers(client) and not _registers(edited)
    # Decided under the lock on versions: two at once cannot both go.
    if ends and not await store.others_hold(conn, _REGISTRAR, than=client_id):
        raise Problem("AUT-4093")
    made = replace(edited, version=version)
    await _require_agencies(conn, [code for code in made.agencies if code not in client.agencies])
    event = await store.update_client(conn, made, ends_tokens=_loses(client, made))
    await _tell(conn, event)
    return made


def _registers(client: StoredClient) -> bool:
    proves = client.secret_sha256 is not None or bool(client.jwks.get("keys"))
    return client.state == "active" and _REGISTRAR in client.scopes and proves


def _may_change(before: StoredClient, after: StoredClient) -> bool:
    """Say whether a registrar may make this of a client other than itself.

    Whoever gives a client a key can act as that client. Of those with which it shares a decision
    (four eyes on the trust list) it would be the second pair too: what they have is given by the
    bootstrap file only. A registrar whose key was lost can be ended by another one, which gives
    nobody anything; an operator is for who runs the machine.
    """
    if _OPERATOR in before.scopes:
        return False
    return _REGISTRAR not in before.scopes or not _gains(before, after)


def _gains(before: StoredClient, after: StoredClient) -> bool:
    given = set(after.agencies) - set(before.agencies) or set(after.scopes) - set(before.scopes)
    return bool(given) or _has_keys_beyond(after, before)


def _loses(before: StoredClient, after: StoredClient) -> bool:
    taken = set(before.agencies) - set(after.agencies) or set(before.scopes) - set(after.scopes)
    return bool(taken) or _has_keys_beyond(before, after) or after.state != before.state


def _has_keys_beyond(client: StoredClient, other: StoredClient) -> bool:
    known = other.jwks.get("keys", [])
    return any(key not in known for key in client.jwks.get("keys", []))


async def find(conn: Connection, client_id: str) -> StoredClient:
    """Return a client that registrars look after. Raises Problem REQ-4041."""
    client = await store.find_client(conn, client_id)
    if client is None or INTERNAL in client.scopes:
        raise Problem("REQ-4041")
    return client


async def _require_agencies(conn: Connection, codes: Sequence[str]) -> None:
    known = await agencies.find(conn, codes)
    faults = [
        Fault(
            f"/agencies/{number}",
            f"{code} không phải là cơ quan đang tồn tại.",
            f"{code} is not an agency that exists now.",
        )
        for number, code in enumerate(codes)
        if code not in known or known[code].state == "closed"
    ]
    if faults:
        raise Problem("REQ-4221", faults=faults)


async def _tell(conn: Connection, event: ClientChanged) -> None:
    await store.set_version(conn, event.version)
    await agencies.apply_client(conn, event)
    await outbox.put(conn, event)
