"""The projection of directory and clients that every service keeps."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import BaseModel

from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import AgencyChanged, ClientChanged
from shared.events.topics import Service
from shared.events.types import AGENCIES, CLIENTS
from shared.ids import AgencyId
from shared.internal import Internal
from shared.kafka import KafkaAccess, Record
from shared.process import Task

if TYPE_CHECKING:
    import asyncpg

POLL_SECONDS = 15.0
_BEHIND_SECONDS = 1.0
_COLUMNS = "id, code, code_qcvn102, old_codes, level, parent_id, state, successors, version"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownAgency:
    """What the projection knows of an agency."""

    id: AgencyId
    code: str
    level: str
    parent_id: AgencyId | None
    state: str
    successors: tuple[AgencyId, ...]
    version: int
    other_codes: tuple[str, ...] = ()
    """Its QCVN 102 and old codes."""


@dataclass(frozen=True, slots=True)
class KnownClient:
    """What the projection knows of a client."""

    client_id: str
    active: bool
    agencies: frozenset[str]
    scopes: frozenset[str]
    not_before: datetime
    version: int


async def apply_agency(conn: Connection, event: AgencyChanged) -> None:
    """Take over a newer state of an agency; an older one changes nothing."""
    await conn.execute(
        "insert into known_agencies (id, code, code_qcvn102, old_codes, level, parent_id, state,"
        " valid_from, valid_to, successors, version)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " on conflict (id) do update set code = $2, code_qcvn102 = $3, old_codes = $4, level = $5,"
        " parent_id = $6, state = $7, valid_from = $8, valid_to = $9, successors = $10,"
        " version = $11 where known_agencies.version < $11",
        event.agency_id,
        event.code,
        event.code_qcvn102,
        list(event.old_codes),
        event.level,
        event.parent_id,
        event.state,
        event.valid_from,
        event.valid_to,
        list(event.successors),
        event.version,
    )


async def apply_client(conn: Connection, event: ClientChanged) -> None:
    """Take over a newer state of a client; an older one changes nothing."""
    await conn.execute(
        "insert into known_clients (client_id, state, agencies, scopes, not_before, version)"
        " values ($1, $2, $3, $4, $5, $6)"
        " on conflict (client_id) do update set state = $2, agencies = $3, scopes = $4,"
        " not_before = $5, version = $6 where known_clients.version < $6",
        event.client_id,
        event.state,
        list(event.agencies),
        list(event.scopes),
        event.not_before,
        event.version,
    )


async def find(conn: Connection, codes: Sequence[str]) -> dict[str, KnownAgency]:
    """Return the agencies that these codes name (present, QCVN 102 or old codes), by code asked.

    A present code wins over an old one of another agency.
    """
    rows = await conn.fetch(
        f"select {_COLUMNS} from known_agencies"  # noqa: S608 (fixed column names)
        " where code = any($1) or code_qcvn102 = any($1) or old_codes && $1",
        list(codes),
    )
    known = [_agency(row) for row in rows]
    found = {code: agency for agency in known for code in agency.other_codes}
    found |= {agency.code: agency for agency in known}
    return {code: found[code] for code in codes if code in found}


async def by_ids(conn: Connection, ids: Sequence[AgencyId]) -> dict[AgencyId, KnownAgency]:
    """Return the agencies with these ids."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from known_agencies where id = any($1)",  # noqa: S608
        list(ids),
    )
    return {agency.id: agency for agency in map(_agency, rows)}


async def closed_into(conn: Connection, ids: Sequence[AgencyId]) -> dict[AgencyId, KnownAgency]:
    """Return the closed agencies that these agencies succeed, in any number of steps."""
    rows = await conn.fetch(
        "with recursive ended (id) as ("  # noqa: S608 (fixed column names)
        " select id from known_agencies where state = 'closed' and successors && $1"
        " union select earlier.id from ended join known_agencies earlier"
        " on earlier.state = 'closed' and earlier.successors @> array[ended.id]"
        f") select {_COLUMNS} from known_agencies where id in (select ended.id from ended)",
        list(ids),
    )
    return {agency.id: agency for agency in map(_agency, rows)}


async def client(conn: Connection, client_id: str) -> KnownClient | None:
    """Return what is known of a client."""
    row = await conn.fetchrow(
        "select client_id, state, agencies, scopes, not_before, version"
        " from known_clients where client_id = $1",
        client_id,
    )
    if row is None:
        return None
    return KnownClient(
        client_id=row["client_id"],
        active=row["state"] == "active",
        agencies=frozenset(row["agencies"]),
        scopes=frozenset(row["scopes"]),
        not_before=row["not_before"],
        version=row["version"],
    )


async def directory_version(conn: Connection) -> int:
    """Return the highest version that the projection holds, 0 when empty."""
    return int(await conn.fetchval("select coalesce(max(version), 0) from known_agencies"))


async def clients_version(conn: Connection) -> int:
    """Return the highest version of a client that the projection holds, 0 when empty."""
    return int(await conn.fetchval("select coalesce(max(version), 0) from known_clients"))


def _agency(row: "asyncpg.Record") -> KnownAgency:
    others = row["old_codes"] if row["code_qcvn102"] is None else [row["code_qcvn102"]]
    return KnownAgency(
        id=AgencyId(row["id"]),
        code=row["code"],
        level=row["level"],
        parent_id=row["parent_id"],
        state=row["state"],
        successors=tuple(row["successors"]),
        version=row["version"],
        other_codes=(*others, *row["old_codes"]),
    )


class _Agencies(BaseModel):
    version: int
    items: tuple[AgencyChanged, ...]


class _Clients(BaseModel):
    version: int
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
    await apply_agency(conn, event)


async def _on_client(conn: Connection, event: ClientChanged, _record: Record) -> None:
    await apply_client(conn, event)


async def _agencies_after(db: Database, internal: Internal, version: int) -> int:
    raw = await internal.get("docs", "/internal/agencies", after=version)
    page = _Agencies.model_validate(raw)

    async def apply(conn: Connection) -> None:
        for item in page.items:
            await apply_agency(conn, item)

    await db.as_worker(apply)
    return page.version


async def _clients_after(db: Database, internal: Internal, version: int) -> int:
    raw = await internal.get("gateway", "/internal/clients", after=version)
    page = _Clients.model_validate(raw)

    async def apply(conn: Connection) -> None:
        for item in page.items:
            await apply_client(conn, item)

    await db.as_worker(apply)
    return page.version


def checks(
    db: Database, *, service: Service, internal: Internal
) -> dict[str, Callable[[], Awaitable[str | None]]]:
    """Return the readiness checks that every service has: PostgreSQL, and the projection once."""

    async def postgresql() -> str | None:
        return None if await db.ready() else "PostgreSQL does not answer, or is not migrated"

    found: dict[str, Callable[[], Awaitable[str | None]]] = {"postgresql": postgresql}
    if service != "docs":
        found["directory"] = _Reached(db, internal, "docs", "/internal/agencies", directory_version)
    if service != "gateway":
        found["clients"] = _Reached(db, internal, "gateway", "/internal/clients", clients_version)
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
                page = await self.internal.get(self.owner, self.path, after=mine)
            except Unavailable as error:
                return error.en
            self.reached = page["version"] > 0 and not page["items"]
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
