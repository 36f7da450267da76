"""What the gateway keeps in PostgreSQL: clients, used assertions, token keys, traffic."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.gateway.keys import Published, SigningKey
from shared.db import Connection
from shared.events import ClientChanged

if TYPE_CHECKING:
    import asyncpg


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


@dataclass(slots=True)
class Traffic:
    """What passed a connection point since the last flush."""

    requests: int = 0
    errors: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


async def find_client(conn: Connection, client_id: str) -> StoredClient | None:
    """Return a client that the gateway knows."""
    row = await conn.fetchrow(
        "select client_id, state, agencies, scopes, jwks, secret_sha256, version"
        " from clients where client_id = $1",
        client_id,
    )
    return None if row is None else _client(row)


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
        " returning client_id, state, agencies, scopes, not_before, version",
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


async def list_clients(conn: Connection, *, after: str, limit: int) -> list[StoredClient]:
    """Return clients behind this id in the order of their ids; the services' own are left out."""
    rows = await conn.fetch(
        "select client_id, state, agencies, scopes, jwks, secret_sha256, version"
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
        " returning client_id, state, agencies, scopes, not_before, version",
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
    row = await conn.fetchrow(
        "update clients set state = $2, agencies = $3, scopes = $4, jwks = $5, version = $6,"
        " secret_sha256 = $7, changed_at = clock_timestamp(),"
        # A token names whole seconds: this one still counts as before.
        " not_before = case when $8 then date_trunc('second', clock_timestamp())"
        " + interval '1 second' else not_before end where client_id = $1"
        " returning client_id, state, agencies, scopes, not_before, version",
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


async def clients_after(conn: Connection, version: int) -> list[ClientChanged]:
    """Return the present state of the clients that changed after this version, oldest first."""
    rows = await conn.fetch(
        "select client_id, state, agencies, scopes, not_before, version"
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
    )


def _changed(row: "asyncpg.Record") -> ClientChanged:
    return ClientChanged(
        client_id=row["client_id"],
        state=row["state"],
        agencies=tuple(row["agencies"]),
        scopes=tuple(row["scopes"]),
        not_before=row["not_before"],
        version=row["version"],
    )


async def use_assertion(
    conn: Connection, *, client_id: str, jti: str, expires_at: datetime
) -> bool:
    """Note the use of a client assertion; False when it was used before."""
    await conn.execute(
        "delete from assertions where ctid in (select ctid from assertions"
        " where expires_at < clock_timestamp() - interval '1 minute'"
        " limit 10 for update skip locked)"
    )
    used = await conn.fetchval(
        "insert into assertions (client_id, jti, expires_at) values ($1, $2, $3)"
        " on conflict do nothing returning true",
        client_id,
        jti,
        expires_at,
    )
    return used is True


async def publish_keys(conn: Connection, keys: Sequence[SigningKey]) -> None:
    """Note that these keys lie in the folder now."""
    await conn.executemany(
        "insert into token_keys (kid, jwk) values ($1, $2) on conflict (kid)"
        " do update set jwk = $2, seen_at = clock_timestamp()",
        [(key.kid, key.jwk) for key in keys],
    )


async def published_keys(conn: Connection, *, kept: timedelta) -> tuple[datetime, list[Published]]:
    """Return PostgreSQL's time and the keys that may still have valid tokens."""
    now: datetime = await conn.fetchval("select clock_timestamp()")
    rows = await conn.fetch(
        "select kid, jwk, published_at from token_keys where seen_at > $1"
        " order by published_at, kid",
        now - kept,
    )
    return now, [Published(row["kid"], row["jwk"], row["published_at"]) for row in rows]


async def add_traffic(
    conn: Connection, sums: Mapping[str, Traffic], *, seen: Mapping[str, datetime]
) -> None:
    """Add what passed to each connection point's row, in the order of their ids."""
    await conn.executemany(
        "insert into connection_points as p"
        " (client_id, requests, errors, bytes_in, bytes_out, last_seen)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (client_id) do update set"
        " requests = p.requests + $2, errors = p.errors + $3, bytes_in = p.bytes_in + $4,"
        " bytes_out = p.bytes_out + $5, last_seen = greatest(p.last_seen, $6)",
        [
            (name, t.requests, t.errors, t.bytes_in, t.bytes_out, seen[name])
            for name, t in sorted(sums.items())
        ],
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A connection point: a client and what has passed through it."""

    client_id: str
    agencies: tuple[str, ...]
    state: str
    traffic: Traffic
    last_seen: datetime | None


async def points(conn: Connection, *, codes: Sequence[str] | None) -> list[Point]:
    """Return the connection points of agencies with these codes; None: of all agencies."""
    rows = await conn.fetch(
        "select c.client_id, c.agencies, c.state, p.requests, p.errors, p.bytes_in, p.bytes_out,"
        " p.last_seen from clients c left join connection_points p on p.client_id = c.client_id"
        " where cardinality(c.agencies) > 0 and ($1::text[] is null or c.agencies && $1)"
        " order by c.client_id",
        None if codes is None else list(codes),
    )
    return [
        Point(
            client_id=row["client_id"],
            agencies=tuple(row["agencies"]),
            state=row["state"],
            traffic=Traffic(
                *(row[n] or 0 for n in ("requests", "errors", "bytes_in", "bytes_out"))
            ),
            last_seen=row["last_seen"],
        )
        for row in rows
    ]
