"""How certificates stand against revocation lists: what one says of them, and what ours says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from services.signing.certificate import State
from shared.db import Connection

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Revoked:
    """An entry of a revocation list."""

    serial: int
    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Distrusted:
    """A certificate of another authority that is revoked here, whoever revoked it."""

    sha256: str
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A certificate that stands otherwise than listed."""

    sha256: str
    serial: int
    issuer: str
    state: State
    listed: State


async def serials_of(conn: Connection, issuers: Sequence[str]) -> list[int]:
    """Return the serial numbers of all registered certificates of an authority, by its names."""
    rows = await conn.fetch("select serial from certificates where issuer = any($1)", issuers)
    return [int(row["serial"]) for row in rows]


async def suspended_of(conn: Connection, issuers: Sequence[str]) -> list[bytes]:
    """Return the suspended certificates (DER) of an authority, by its names."""
    rows = await conn.fetch(
        "select der from certificates where issuer = any($1) and state = 'suspended'", issuers
    )
    return [row["der"] for row in rows]


async def other_states(
    conn: Connection,
    issuers: Sequence[str],
    *,
    revoked: Sequence[int],
    suspended: Sequence[int],
    most: int | None = None,
    spoken_of: Sequence[int] | None = None,
    as_of: datetime | None = None,
) -> list[Otherwise]:
    """Return certificates of an authority, by its names, that stand otherwise than listed.

    What is revoked stays so, whatever a list says. No other than those `spoken_of` are good for
    not being named; None: all are. An answer (OCSP) from after `as_of` is newer than the list:
    whom it speaks of is revoked by the list, and else as it was answered.
    """
    rows = await conn.fetch(
        """
        select sha256, serial, issuer, state, listed from (
            select c.sha256, c.serial, c.issuer, c.state, case
                when revoked.serial is not null then 'revoked'
                when suspended.serial is not null then 'suspended' else 'good' end as listed
            from certificates as c
            left join unnest($2::numeric[]) as revoked (serial) on revoked.serial = c.serial
            left join unnest($3::numeric[]) as suspended (serial) on suspended.serial = c.serial
            where c.issuer = any($1)) as c
        where state <> listed and state <> 'revoked'
            and (listed <> 'good' or $5::numeric[] is null or serial = any($5))
            and (listed = 'revoked' or not exists (select from answers as a
                where a.certificate = c.sha256 and a.this_update > $6::timestamptz))
        order by sha256 limit $4
        """,
        issuers,
        revoked,
        suspended,
        most,
        spoken_of,
        as_of,
    )
    return [_otherwise(row) for row in rows]


def _otherwise(row: "Record") -> Otherwise:
    return Otherwise(row["sha256"], int(row["serial"]), row["issuer"], row["state"], row["listed"])


async def date_back(
    conn: Connection,
    issuers: Sequence[str],
    since: Mapping[int, datetime],
    *,
    retired: Collection[int],
) -> list[str]:
    """Move the dates of revoked certificates back to what is said now; return their digests.

    Verdicts are withdrawn anew: a time stamp between the dates proves no longer what it did. So
    does none of a unit that was retired, and is not among the serial numbers that are `retired`.
    """
    rows = await conn.fetch(
        """
        update certificates as c
        set revoked_at = least(c.revoked_at, said.since), withdrawing = true, withdrawn_to = null,
            retired = c.retired and said.retired
        from unnest($2::numeric[], $3::timestamptz[], $4::boolean[])
            as said (serial, since, retired)
        where c.issuer = any($1) and c.serial = said.serial and c.state = 'revoked'
            and (c.revoked_at > said.since or (c.retired and not said.retired))
        returning c.sha256
        """,
        issuers,
        list(since),
        list(since.values()),
        [serial in retired for serial in since],
    )
    return [row["sha256"] for row in rows]


async def date_back_one(conn: Connection, sha256: str, since: datetime, *, retired: bool) -> bool:
    """Do as `date_back` does with one certificate; say whether anything has changed."""
    return bool(
        await conn.fetchval(
            """
            update certificates
            set revoked_at = least(revoked_at, $2), withdrawing = true, withdrawn_to = null,
                retired = retired and $3
            where sha256 = $1 and state = 'revoked'
                and (revoked_at > $2 or (retired and not $3)) returning true
            """,
            sha256,
            since,
            retired,
        )
    )


async def revoked(conn: Connection, authority: str) -> list[Revoked]:
    """Return what belongs on the next revocation list of an authority."""
    rows = await conn.fetch(
        """
        select serial, revoked_at, reason from certificates
        where issuer = $1 and kind <> 'authority' and state <> 'good' order by serial
        """,
        authority,
    )
    return [Revoked(int(row["serial"]), row["revoked_at"], row["reason"]) for row in rows]


async def distrusted(conn: Connection) -> list[Distrusted]:
    """Return what is revoked and of which no list of ours tells, in order of the digests.

    Time-stamping units are left out: only their authorities' lists and answers revoke them.
    """
    rows = await conn.fetch(
        """
        select sha256, reason, revoked_at as since from certificates
        where issuer <> 'issuing' and kind <> 'timestamp' and state = 'revoked' order by sha256
        """
    )
    return [Distrusted(**dict(row)) for row in rows]


async def revoke_again(conn: Connection, said: Sequence[Distrusted]) -> list[str]:
    """Revoke those of some certificates that are not, or not since so long; return their digests.

    Verdicts that rest on them are withdrawn; those that are not registered are left out.
    """
    rows = await conn.fetch(
        """
        update certificates as c
        set state = 'revoked', reason = said.reason, revoked_at = said.since, withdrawing = true,
            withdrawn_to = null
        from unnest($1::text[], $2::text[], $3::timestamptz[]) as said (sha256, reason, since)
        where c.sha256 = said.sha256 and (c.state <> 'revoked' or c.revoked_at > said.since)
        returning c.sha256
        """,
        [one.sha256 for one in said],
        [one.reason for one in said],
        [one.since for one in said],
    )
    return [row["sha256"] for row in rows]
