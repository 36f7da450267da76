"""Certificates: who registered them for whom, and what state they are in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from services.signing.certificate import Kind, Registered, Registration, State, binds
from services.signing.signature import Holder
from shared.db import Connection
from shared.ids import AgencyId

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate as its agency finds it."""

    sha256: str
    kind: Kind
    agency_id: AgencyId
    agency_code: str
    person: str | None
    not_before: datetime
    not_after: datetime
    state: State
    reason: str | None
    failed_tries: int
    """Wrong PINs since the last right one."""


async def insert(conn: Connection, rows: Sequence[Registration]) -> int:
    """Register certificates; one that is known stays as it is. Returns how many were new."""
    done = await conn.fetch(
        """
        insert into certificates
            (sha256, der, serial, issuer, kind, agency_code, person, not_before, not_after)
        select new.sha256, new.der, new.serial, new.issuer, new.kind, new.agency_code, new.person,
            new.not_before, new.not_after
        from unnest($1::text[], $2::bytea[], $3::numeric[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::timestamptz[], $9::timestamptz[])
            as new (sha256, der, serial, issuer, kind, agency_code, person, not_before, not_after)
        order by new.sha256
        on conflict (sha256) do nothing
        returning sha256
        """,
        [row.sha256 for row in rows],
        [row.der for row in rows],
        [row.serial for row in rows],
        [row.issuer for row in rows],
        [row.kind for row in rows],
        [row.agency_code for row in rows],
        [row.person for row in rows],
        [row.not_before for row in rows],
        [row.not_after for row in rows],
    )
    return len(done)


async def unbound_codes(conn: Connection) -> list[str]:
    """Return the codes of certificates whose agency was not known when they were registered."""
    rows = await conn.fetch(
        """
        select distinct agency_code from certificates
        where agency_id is null and agency_code is not null
        """
    )
    return [row["agency_code"] for row in rows]


async def bind(conn: Connection, *, code: str, agency: AgencyId) -> None:
    """Bind the certificates registered under a code to the agency that it names now, for good."""
    await conn.execute(
        "update certificates set agency_id = $2 where agency_code = $1 and agency_id is null",
        code,
        agency,
    )


async def lock_used(conn: Connection, digests: Sequence[str]) -> dict[str, Registered]:
    """Lock the certificates of a verdict for share: none is revoked until it commits."""
    rows = await conn.fetch(
        """
        select sha256, kind, agency_id, issuer, state, changed_in, revoked_at, retired
        from certificates where sha256 = any($1) order by sha256 for share
        """,
        list(digests),
    )
    return {row["sha256"]: _registered(row) for row in rows}


async def known(conn: Connection, digests: Sequence[str]) -> dict[str, Registered]:
    """Return those of some certificates that are registered; what is read may change at once."""
    rows = await conn.fetch(
        "select sha256, kind, agency_id, issuer, state, changed_in, revoked_at, retired"
        " from certificates where sha256 = any($1)",
        list(digests),
    )
    return {row["sha256"]: _registered(row) for row in rows}


async def lock_holder(conn: Connection, sha256: str) -> Holder | None:
    """Lock a certificate that is to sign for share: it is not revoked until this commits."""
    row = await conn.fetchrow(
        """
        select sha256, kind, agency_id, issuer, state, changed_in, revoked_at, retired, der,
            person, not_before, not_after
        from certificates where sha256 = $1 for share
        """,
        sha256,
    )
    if row is None:
        return None
    return Holder(
        registered=_registered(row),
        der=row["der"],
        person=row["person"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        binds=binds(row["der"]),
    )


async def page(
    conn: Connection,
    *,
    agencies: Sequence[AgencyId],
    kind: Kind | None,
    after: str,
    limit: int,
) -> list[Listed]:
    """Return what these agencies sign with, by digest, behind the digest `after`."""
    rows = await conn.fetch(
        """
        select c.sha256, c.kind, c.agency_id, c.agency_code, c.person, c.not_before, c.not_after,
            c.state, c.reason, coalesce(t.failed, 0) as failed_tries
        from certificates as c left join key_tries as t on t.certificate = c.sha256
        where c.agency_id = any($1) and c.kind in ('leader', 'seal')
            and ($2::text is null or c.kind = $2) and c.sha256 > $3
        order by c.sha256 limit $4
        """,
        agencies,
        kind,
        after,
        limit,
    )
    return [Listed(**dict(row)) for row in rows]


async def lock(conn: Connection, sha256: str) -> Registered | None:
    """Lock one certificate for a change of its state."""
    row = await conn.fetchrow(
        """
        select sha256, kind, agency_id, issuer, state, changed_in, revoked_at, retired
        from certificates where sha256 = $1 for update
        """,
        sha256,
    )
    return _registered(row) if row else None


async def change(
    conn: Connection,
    sha256: str,
    *,
    state: State,
    reason: str | None,
    changed_in: int | None,
    since: datetime | None = None,
    retired: bool = False,
) -> bool:
    """Write a new state; a revoked one has its verdicts withdrawn from now on.

    `changed_in`: None: as it was. `since`: when a list says that it was revoked; None: now, or
    when it was suspended. `retired`: for a reason that spares what a time-stamping unit made
    before; of any other certificate it says nothing. False: it is revoked, for good, perhaps
    since the caller looked.
    """
    return bool(
        await conn.fetchval(
            """
            update certificates
            set state = $2, reason = $3, changed_in = coalesce($4, changed_in),
                retired = kind = 'timestamp' and $2 = 'revoked' and $6,
                withdrawing = $2 = 'revoked', withdrawn_to = null,
                revoked_at = case when $2 = 'good' then null
                    else coalesce($5, revoked_at, date_trunc('second', clock_timestamp())) end
            where sha256 = $1 and state <> 'revoked' returning true
            """,
            sha256,
            state,
            reason,
            changed_in,
            since,
            retired,
        )
    )


def _registered(row: "Record") -> Registered:
    return Registered(
        sha256=row["sha256"],
        kind=row["kind"],
        agency_id=row["agency_id"],
        issuer=row["issuer"],
        state=row["state"],
        changed_in=row["changed_in"],
        revoked_at=row["revoked_at"],
        retired=row["retired"],
    )
