"""How the projection of directory and clients keeps up with its owners, and says when it has."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pydantic import BaseModel

from shared import agencies
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import AgencyChanged, ClientChanged
from shared.events.topics import Service
from shared.events.types import AGENCIES, CLIENTS
from shared.internal import Internal, shaped
from shared.kafka import KafkaAccess, Record
from shared.process import Task

POLL_SECONDS = 15.0
_BEHIND_SECONDS = 1.0
_log = structlog.get_logger()


class _Page(BaseModel):
    version: int
    items: tuple[Any, ...]


class _Agencies(_Page):
    items: tuple[AgencyChanged, ...]


class _Clients(_Page):
    items: tuple[ClientChanged, ...]


def follow(
    db: Database, access: KafkaAccess, *, service: Service, internal: Internal
) -> list[Task]:
    """Return the tasks that keep the projection: two consumers, and a poll of the owners (15 s).

    The owner of the one or the other writes it in its own transactions and only follows the rest.
    """

    tasks: list[Task] = []
    if service != "docs":
        tasks.append(_consumer(db, access, service, AGENCIES, On(AgencyChanged, _on_agency)))
        tasks.append(_poll("docs", partial(_agencies_after, db, internal)))
    if service != "gateway":
        tasks.append(_consumer(db, access, service, CLIENTS, On(ClientChanged, _on_client)))
        tasks.append(_poll("gateway", partial(_clients_after, db, internal)))
    return tasks


def _consumer(db: Database, access: KafkaAccess, service: Service, topic: str, on: On[Any]) -> Task:
    return consume(db, access, service=service, topics=[topic], handlers=[on], inbox=False)


async def _on_agency(conn: Connection, event: AgencyChanged, _record: Record) -> None:
    await agencies.apply_agency(conn, event)


async def _on_client(conn: Connection, event: ClientChanged, _record: Record) -> None:
    await agencies.apply_client(conn, event)


async def _agencies_after(db: Database, internal: Internal, version: int) -> int:
    raw = await internal.get("docs", "/internal/agencies", after=version)
    page = shaped(_Agencies, raw, what="docs (/internal/agencies)")

    async def apply(conn: Connection) -> None:
        for item in page.items:
            await agencies.apply_agency(conn, item)

    await db.as_worker(apply)
    return page.version


async def _clients_after(db: Database, internal: Internal, version: int) -> int:
    raw = await internal.get("gateway", "/internal/clients", after=version)
    page = shaped(_Clients, raw, what="gateway (/internal/clients)")

    async def apply(conn: Connection) -> None:
        for item in page.items:
            await agencies.apply_client(conn, item)

    await db.as_worker(apply)
    return page.version


def checks(
    db: Database, *, service: Service, internal: Internal
) -> dict[str, Callable[[], Awaitable[str | None]]]:
    """Return the readiness checks of the projection: that it was once as new as its owners."""
    found: dict[str, Callable[[], Awaitable[str | None]]] = {}
    if service != "docs":
        found["directory"] = _Reached(
            db, internal, "docs", "/internal/agencies", agencies.directory_version
        )
    if service != "gateway":
        found["clients"] = _Reached(
            db, internal, "gateway", "/internal/clients", agencies.clients_version
        )
    return found


@dataclass(slots=True)
class _Reached:
    """Says whether the projection has once been as new as its owner; then it always answers None.

    Later lags are no reason to take no requests: a token newer than the projection gets its 503.
    """

    db: Database
    internal: Internal
    owner: Service
    path: str
    version: Callable[[Connection], Awaitable[int]]
    reached: bool = False

    async def __call__(self) -> str | None:
        if not self.reached:
            try:
                mine = await self.db.as_worker(self.version)
                raw = await self.internal.get(self.owner, self.path, after=mine)
                page = shaped(_Page, raw, what=f"{self.owner} ({self.path})")
            except Unavailable as error:
                return error.en
            self.reached = page.version > 0 and not page.items
        return None if self.reached else f"behind {self.owner}"


def _poll(owner: Service, after: Callable[[int], Awaitable[int]]) -> Task:
    async def task(stop: asyncio.Event) -> None:
        # The cursor is what was polled, not what the topic has brought: a lost event is found.
        version = 0
        while not stop.is_set():
            pause = _BEHIND_SECONDS
            try:
                reached = await after(version)
            except Unavailable as error:
                _log.info("owner not polled", owner=owner, cause=error.en)
            else:
                if reached and reached == version:
                    pause = POLL_SECONDS
                version = reached
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()

    return task
