"""Clients to begin with: the bootstrap file, taken over at start, told to all services."""

import asyncio
import json
from pathlib import Path

import structlog

from services.gateway import store
from services.gateway.store import SeedClient
from shared import agencies, outbox
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.process import Task
from shared.tokens import MAX_AGENCIES

_PAUSE = 0.2
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


def bootstrap(db: Database, seeds: list[SeedClient]) -> Task:
    """Return the task that takes the file over once, as soon as PostgreSQL lets it."""

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                changed = await take_over(db, seeds)
            except Unavailable:
                await asyncio.sleep(_PAUSE)
                continue
            _log.info("bootstrap clients taken over", changed=changed, of=len(seeds))
            return

    return task


async def restate(conn: Connection) -> None:
    """Put the present state of every client into the outbox again: their topic was lost."""
    await outbox.put_all(conn, await store.clients_after(conn, 0))
