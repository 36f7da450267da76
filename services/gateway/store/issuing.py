"""What issuing tokens keeps: assertions that were used, keys that are published."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.gateway.keys import Published, SigningKey
from shared.db import Connection, clock


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
    now = await clock(conn)
    rows = await conn.fetch(
        "select kid, jwk, published_at from token_keys where seen_at > $1"
        " order by published_at, kid",
        now - kept,
    )
    return now, [Published(row["kid"], row["jwk"], row["published_at"]) for row in rows]
