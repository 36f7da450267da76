"""The connected systems as rows: what each may do and how it proves who it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.db import Connection, clock
from shared.events import ClientChanged

if TYPE_CHECKING:
    import asyncpg

_ISSUING = 0x70_6B
"""First key of the advisory locks under which a client's tokens are issued, and ended."""


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A connected system and how it proves who it is."""

    client_id: str
    state: str
    agencies: tuple[str, ...]
    scopes: tuple[str, ...]
    jwks: Mapping[str, Any]
    secret_sha256: bytes | None
    version: int
    not_before: datetime | None = None
    """Tokens issued before are refused; None while it was not read from the database."""


@dataclass(frozen=True, slots=True)
class SeedClient:
    """A client of the bootstrap file."""

    client_id: str
    agencies: tuple[str, ...]
    scopes: tuple[str, ...]
    jwks: Mapping[str, Any]
    secret_sha256: bytes | None

    def digest(self) -> bytes:
        """Return what tells whether the file's row has changed."""
        secret = None if self.secret_sha256 is None else self.secret_sha256.hex()
        row = [self.client_id, self.agencies, self.scopes, self.jwks, secret]
        return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest()


async def find_client(conn: Connection, client_id: str) -> StoredClient | None:
    """Return a client that the gateway knows."""
    row = await conn.fetchrow(
        "select client_id, state, agencies, scopes, jwks, secret_sha256, version, not_before"
        " from clients where client_id = $1",
        client_id,
    )
    return None if row is None else _client(row)


async def find_unchanging(conn: Connection, client_id: str) -> tuple[StoredClient | None, datetime]:
    """Return a client and PostgreSQL's time; no change ends its tokens before the commit.

    What is issued by it at that time is then older than any change that comes, by the same clock.
    """
    # No lock of its row: those who ask for tokens could keep the one who revokes them waiting.
    await conn.execute("select pg_advisory_xact_lock_shared($1, hashtext($2))", _ISSUING, client_id)
    return await find_client(conn, client_id), await clock(conn)


async def lock_versions(conn: Connection) -> int:
    """Return the newest version; whoever asks holds all other changes off until its commit."""
    return int(await conn.fetchval("select version from client_versions for update"))


async def set_version(conn: Connection, version: int) -> None:
    """Note the newest version; the row is locked by `lock_versions`."""
    await conn.execute("update client_versions set version = $1", version)


async def seed_digests(conn: Connection) -> dict[str, bytes | None]:
    """Return which bootstrap row each client was made from."""
    rows = await conn.fetch("select client_id, seed_digest from clients")
    return {row["client_id"]: row["seed_digest"] for row in rows}


async def take_over(conn: Connection, seed: SeedClient, *, version: int) -> ClientChanged:
    """Insert or replace a client by its bootstrap row; return its new state.

    `not_before` of a client that was there stays: its tokens hold as far as its rights do.
    """
    row = await conn.fetchrow(
        "insert into clients"
        " (client_id, state, agencies, scopes, jwks, secret_sha256, version, seed_digest)"
        " values ($1, 'active', $2, $3, $4, $5, $6, $7)"
        " on conflict (client_id) do update set agencies = $2, scopes = $3, jwks = $4,"
        " secret_sha256 = $5, version = $6, seed_digest = $7, changed_at = clock_timestamp()"
        " returning client_id, state, agencies, scopes, not_before, version, jwks",
        seed.client_id,
        list(seed.agencies),
        list(seed.scopes),
        seed.jwks,
        seed.secret_sha256,
        version,
        seed.digest(),
    )
    if row is None:
        raise LookupError(seed.client_id)
    return _changed(row)


async def others_hold(conn: Connection, scope: str, *, than: str) -> bool:
    """Say whether an active client other than this one has a scope and a way to prove itself."""
    found = await conn.fetchval(
        "select exists (select from clients where client_id <> $1 and state = 'active'"
        " and $2 = any(scopes) and (secret_sha256 is not null"
        " or jsonb_array_length(coalesce(jwks -> 'keys', '[]')) > 0))",
        than,
        scope,
    )
    return bool(found)


async def list_clients(conn: Connection, *, after: str, limit: int) -> list[StoredClient]:
    """Return clients behind this id in the order of their ids; the services' own are left out."""
    rows = await conn.fetch(
        "select client_id, state, agencies, scopes, jwks, secret_sha256, version, not_before"
        " from clients where client_id > $1 and not 'internal' = any(scopes)"
        " order by client_id limit $2",
        after,
        limit,
    )
    return [_client(row) for row in rows]


async def insert_client(conn: Connection, client: StoredClient) -> ClientChanged | None:
    """Insert a new client; None when its id is taken."""
    row = await conn.fetchrow(
        "insert into clients (client_id, state, agencies, scopes, jwks, version)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (client_id) do nothing"
        " returning client_id, state, agencies, scopes, not_before, version, jwks",
        client.client_id,
        client.state,
        list(client.agencies),
        list(client.scopes),
        client.jwks,
        client.version,
    )
    return None if row is None else _changed(row)


async def update_client(
    conn: Connection, client: StoredClient, *, ends_tokens: bool
) -> ClientChanged:
    """Write a client's new state; `ends_tokens`: those issued until now are refused from now on."""
    if ends_tokens:  # those who issue one now finish first; then only comes the moment
        taken = "select pg_advisory_xact_lock($1, hashtext($2))"
        await conn.execute(taken, _ISSUING, client.client_id)
    row = await conn.fetchrow(
        "update clients set state = $2, agencies = $3, scopes = $4, jwks = $5, version = $6,"
        " secret_sha256 = $7, changed_at = clock_timestamp(),"
        # A token names whole seconds: this one still counts as before. A change that comes in the
        # second of another is a second later: tokens from between the two end as well.
        " not_before = case when $8 then greatest(date_trunc('second', clock_timestamp())"
        " + interval '1 second', not_before + interval '1 second') else not_before end"
        " where client_id = $1"
        " returning client_id, state, agencies, scopes, not_before, version, jwks",
        client.client_id,
        client.state,
        list(client.agencies),
        list(client.scopes),
        client.jwks,
        client.version,
        client.secret_sha256,
        ends_tokens,
    )
    if row is None:
        raise LookupError(client.client_id)
    return _changed(row)


async def take_back(conn: Connection, event: ClientChanged) -> ClientChanged:
    """Take over a client's state from an event of a time that this database does not know.

    `not_before` never goes back. Keys that the event does not tell are taken away, but from the
    services themselves: one that was deleted must not come back.
    """
    row = await conn.fetchrow(
        "insert into clients as c (client_id, state, agencies, scopes, jwks, version, not_before)"
        " values ($1, $2, $3, $4, coalesce($5::jsonb, $8::jsonb), $6, $7)"
        " on conflict (client_id) do update set state = $2, agencies = $3, scopes = $4,"
        " jwks = coalesce($5::jsonb,"
        " case when 'internal' = any(c.scopes) then c.jwks else $8::jsonb end),"
        " version = $6, not_before = greatest(c.not_before, $7), changed_at = clock_timestamp()"
        " returning client_id, state, agencies, scopes, not_before, version, jwks",
        event.client_id,
        event.state,
        list(event.agencies),
        list(event.scopes),
        event.jwks,
        event.version,
        event.not_before,
        {"keys": []},
    )
    if row is None:
        raise LookupError(event.client_id)
    return _changed(row)


async def clients_after(conn: Connection, version: int) -> list[ClientChanged]:
    """Return the present state of the clients that changed after this version, oldest first."""
    rows = await conn.fetch(
        "select client_id, state, agencies, scopes, not_before, version, jwks"
        " from clients where version > $1 order by version",
        version,
    )
    return [_changed(row) for row in rows]


async def clients_version(conn: Connection) -> int:
    """Return the version of the newest change."""
    return int(await conn.fetchval("select version from client_versions"))


def _client(row: "asyncpg.Record") -> StoredClient:
    return StoredClient(
        client_id=row["client_id"],
        state=row["state"],
        agencies=tuple(row["agencies"]),
        scopes=tuple(row["scopes"]),
        jwks=row["jwks"],
        secret_sha256=row["secret_sha256"],
        version=row["version"],
        not_before=row["not_before"],
    )


def _changed(row: "asyncpg.Record") -> ClientChanged:
    return ClientChanged(
        client_id=row["client_id"],
        state=row["state"],
        agencies=tuple(row["agencies"]),
        scopes=tuple(row["scopes"]),
        not_before=row["not_before"],
        version=row["version"],
        jwks=row["jwks"],
    )
