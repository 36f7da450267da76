"""OCSP answers: of which certificates one is wanted, and the newest of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.signing.due import Dated
from services.signing.store.fetches import of_one_key
from shared.db import Connection

_SOONEST = timedelta(seconds=30)
"""So often, at most, a waiting file has the same certificate asked for."""
_WAITS = timedelta(minutes=1)
"""So long after that it comes before what no file waits for; a file comes again in 5 s."""


@dataclass(frozen=True, slots=True)
class Question:
    """A certificate whose state is to be asked for."""

    certificate: str
    der: bytes
    authority: str
    failures: int
    worst: int
    """The most failures of any question to its authority."""


async def want(conn: Connection, certificates: Sequence[str]) -> None:
    """Have the states of certificates asked for from now on: a verdict waits, or rests on them."""
    await conn.executemany(
        "insert into answers (certificate) values ($1) on conflict do nothing",
        [(one,) for one in sorted(certificates)],
    )


async def hurry(conn: Connection, certificates: Sequence[str]) -> None:
    """Have the states of certificates asked for before all others: a file waits for them.

    Also those that were asked for lately: such an answer may be too old for the file. Where an
    authority does not answer the pauses stay as they are.
    """
    await conn.execute(
        """
        with wanted as (
            select a.certificate, c.issuer
            from answers as a join certificates as c on c.sha256 = a.certificate
            where a.certificate = any($1)
                and (a.wanted_at is null or a.wanted_at < clock_timestamp() - $2::interval)
            for update of a skip locked
        )
        update answers as a
        set wanted_at = clock_timestamp(),
            due_at = case when exists (
                select from answers as b join certificates as d on d.sha256 = b.certificate
                where b.failures > 0 and d.issuer = wanted.issuer
            ) then a.due_at else least(a.due_at, clock_timestamp()) end
        from wanted where a.certificate = wanted.certificate
        """,
        list(certificates),
        _SOONEST,
    )


async def claim(
    conn: Connection, authorities: Sequence[str], *, lease: timedelta
) -> Question | None:
    """Take a certificate of these authorities whose state is due: what files wait for first.

    One that was registered under a name which its authority had before it was renewed is asked for
    at another name of the same key.
    """
    row = await conn.fetchrow(
        """
        with asked as (
            select i.name as issuer,
                coalesce(max(n.name) filter (where n.name = i.name), min(n.name)) as authority
            from authorities as i join authorities as n on n.name = i.name or n.key = i.key
            where n.name = any($2) group by i.name
        ), chosen as (
            select a.certificate, c.der, asked.authority
            from answers as a join certificates as c on c.sha256 = a.certificate
            join asked on asked.issuer = c.issuer
            where a.due_at <= clock_timestamp()
            order by coalesce(a.wanted_at > clock_timestamp() - $3::interval, false) desc, a.due_at
            limit 1 for update of a skip locked
        )
        update answers as a set due_at = clock_timestamp() + $1
        from chosen where a.certificate = chosen.certificate
        returning a.certificate, chosen.der, chosen.authority, a.failures, (
            select max(b.failures) from answers as b join certificates as d
            on d.sha256 = b.certificate join asked on asked.issuer = d.issuer
            where asked.authority = chosen.authority) as worst
        """,
        lease,
        list(authorities),
        _WAITS,
    )
    return Question(**dict(row)) if row else None


async def renew(conn: Connection, certificate: str, *, lease: timedelta) -> None:
    """Prolong a claim."""
    await conn.execute(
        "update answers set due_at = clock_timestamp() + $2 where certificate = $1",
        certificate,
        lease,
    )


async def put_off(
    conn: Connection, authorities: Sequence[str], *, listed: Sequence[str], pause: timedelta
) -> None:
    """Ask no more for what is due and is not of these authorities: it is not asked for so.

    Of those that are `listed`, which have lists too, answers stay that are newer than their lists:
    an older list would decide again. They are looked at after a pause.
    """
    asked = await of_one_key(conn, authorities)
    await conn.execute(
        """
        update answers as a set due_at = clock_timestamp() + $3
        from certificates as c
        where c.sha256 = a.certificate and a.due_at <= clock_timestamp()
            and c.issuer = any($2) and c.issuer <> all($1) and a.this_update > (
                select max(l.this_update) from authorities as i
                join authorities as n on n.name = i.name or n.key = i.key
                join revocation_lists as l on l.authority = n.name where i.name = c.issuer
            )
        """,
        asked,
        await of_one_key(conn, listed),
        pause,
    )
    await conn.execute(
        """
        delete from answers where due_at <= clock_timestamp() and certificate in (
            select sha256 from certificates where issuer <> all($1)
        )
        """,
        asked,
    )


async def held(conn: Connection, certificate: str) -> Dated | None:
    """Lock what is held of a certificate; return when it is from."""
    row = await conn.fetchrow(
        "select this_update, next_update from answers where certificate = $1 for update",
        certificate,
    )
    if row is None or row["this_update"] is None:
        return None
    return Dated(int(row["this_update"].timestamp()), row["this_update"], row["next_update"])


async def keep(conn: Connection, certificate: str, der: bytes, found: Dated) -> None:
    """Keep a newer answer.

    Its new number is for the release before, which may serve beside this one during an upgrade: by
    that it notices. The next release may leave it.
    """
    await conn.execute(
        """
        update answers set der = $2, this_update = $3, next_update = $4, number = default
        where certificate = $1
        """,
        certificate,
        der,
        found.this_update,
        found.next_update,
    )


async def went_well(conn: Connection, certificate: str, *, again_at: datetime) -> None:
    """Note that it was answered."""
    await conn.execute(
        """
        update answers set due_at = $2, failures = 0, failing_since = null, failure = null
        where certificate = $1
        """,
        certificate,
        again_at,
    )


async def went_wrong(conn: Connection, certificate: str, *, why: str, pause: timedelta) -> None:
    """Note that nobody answered, or with something that is not taken."""
    await conn.execute(
        """
        update answers
        set failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()),
            failure = $2, due_at = clock_timestamp() + $3
        where certificate = $1
        """,
        certificate,
        why,
        pause,
    )


async def rest(conn: Connection, authority: str, *, pause: timedelta) -> None:
    """Ask an authority that could not be reached nothing for a while: others come first."""
    await conn.execute(
        """
        update answers as a set due_at = clock_timestamp() + $2
        from certificates as c
        where c.sha256 = a.certificate and c.issuer = any($1)
            and a.due_at < clock_timestamp() + $2
        """,
        await of_one_key(conn, [authority]),
        pause,
    )


async def about(conn: Connection, certificates: Sequence[str]) -> list[bytes]:
    """Return what is held of these certificates, in their order."""
    rows = await conn.fetch(
        "select der from answers where certificate = any($1) and der is not null"
        " order by certificate",
        list(certificates),
    )
    return [row["der"] for row in rows]


async def failing(conn: Connection) -> dict[str, float]:
    """Return for each authority that is asked since when some question goes unanswered."""
    rows = await conn.fetch(
        """
        select n.name,
            coalesce(max(extract(epoch from clock_timestamp() - a.failing_since)), 0)::float8
                as seconds
        from answers as a join certificates as c on c.sha256 = a.certificate
        join authorities as i on i.name = c.issuer
        join authorities as n on n.name = i.name or n.key = i.key
        group by n.name
        """
    )
    return {row["name"]: row["seconds"] for row in rows}
