"""The projection of directory and clients that every service keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.db import Connection
from shared.events import AgencyChanged, ClientChanged
from shared.ids import AgencyId

if TYPE_CHECKING:
    import asyncpg

_COLUMNS = "id, code, code_qcvn102, old_codes, level, parent_id, state, successors, version"


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
