"""The trust list: changes as they were proposed and decided, and the list that they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from services.signing.pipe import CertificateFacts
from services.signing.trustlist import (
    CHANGES,
    AddAuthority,
    AnyChange,
    Entry,
    after,
)
from shared.db import Connection

if TYPE_CHECKING:
    from asyncpg import Record

State = Literal["proposed", "approved", "refused", "withdrawn"]
_FACTS = TypeAdapter(CertificateFacts)
_DECIDING = 0x7472_7573_74
"""Key of the advisory lock under which changes are decided: each meets the list before it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change with who wanted it, why, and what became of it."""

    id: UUID
    reason: str
    change: AnyChange
    certificate: CertificateFacts | None
    proposed_by: str | None
    proposed_at: datetime
    state: State
    decided_by: str | None
    decided_at: datetime | None
    version: int | None


@dataclass(frozen=True, slots=True)
class TrustList:
    """All authorities that are or were trusted, after the last approved change."""

    version: int
    entries: dict[str, Entry]


async def alone(conn: Connection) -> None:
    """Be the only one that decides, until this transaction ends."""
    await conn.execute("select pg_advisory_xact_lock($1)", _DECIDING)


async def together(conn: Connection) -> None:
    """Let nobody decide on a change until this transaction ends."""
    await conn.execute("select pg_advisory_xact_lock_shared($1)", _DECIDING)


async def is_newer(conn: Connection, version: int) -> bool:
    """Say whether changes were approved after this version of the list."""
    return bool(
        await conn.fetchval(
            "select exists (select from trust_changes where state = 'approved' and version > $1)",
            version,
        )
    )


async def current(conn: Connection) -> TrustList:
    """Return the list that the approved changes lead to."""
    rows = await conn.fetch(
        "select version, change from trust_changes where state = 'approved' order by version"
    )
    entries: dict[str, Entry] = {}
    for row in rows:
        entries = after(entries, CHANGES.validate_python(row["change"]), row["version"])
    return TrustList(rows[-1]["version"] if rows else 0, entries)


async def propose(
    conn: Connection,
    id_: UUID,
    change: AnyChange,
    *,
    reason: str,
    certificate: CertificateFacts | None,
    by: str,
) -> None:
    """Keep a proposal."""
    await conn.execute(
        """
        insert into trust_changes (id, reason, change, certificate, proposed_by)
        values ($1, $2, $3, $4, $5)
        """,
        id_,
        reason,
        change.model_dump(mode="json"),
        _FACTS.dump_python(certificate, mode="json") if certificate else None,
        by,
    )


async def begin(
    conn: Connection, id_: UUID, change: AddAuthority, *, reason: str, version: int
) -> None:
    """Keep a change with which the list begins: nobody proposed it."""
    await conn.execute(
        """
        insert into trust_changes (id, reason, change, state, decided_at, version)
        values ($1, $2, $3, 'approved', clock_timestamp(), $4)
        """,
        id_,
        reason,
        change.model_dump(mode="json"),
        version,
    )


async def approved_rows(conn: Connection) -> list[dict[str, Any]]:
    """Return the rows of all approved changes as JSON, in order of their versions."""
    rows = await conn.fetch(
        "select to_jsonb(t) as row from trust_changes as t where state = 'approved'"
        " order by version"
    )
    return [row["row"] for row in rows]


async def mark(conn: Connection) -> str:
    """Return a digest of all approved changes as they stand: of others it is another one."""
    return await conn.fetchval(
        "select encode(sha256(convert_to("
        "coalesce(string_agg(t::text, '' order by t.version), ''), 'UTF8')), 'hex')"
        " from trust_changes as t where t.state = 'approved'"
    )


async def take_back(conn: Connection, row: dict[str, Any]) -> None:
    """Keep a change as it was decided in a time which this database does not know.

    Only while it recovers: else the database refuses the row. One that waited is decided by that.
    """
    await conn.execute(
        f"insert into trust_changes ({_COLUMNS})"  # noqa: S608
        f" select {_COLUMNS} from jsonb_populate_record(null::trust_changes, $1)"
        " on conflict (id) do update set state = 'approved', decided_by = excluded.decided_by,"
        " decided_at = excluded.decided_at, version = excluded.version"
        " where trust_changes.state = 'proposed'",
        row,
    )


async def decide(
    conn: Connection, id_: UUID, *, state: State, by: str, version: int | None = None
) -> None:
    """Write what became of an open proposal."""
    await conn.execute(
        """
        update trust_changes
        set state = $2, decided_by = $3, decided_at = clock_timestamp(), version = $4
        where id = $1 and state = 'proposed'
        """,
        id_,
        state,
        by,
        version,
    )


async def find(conn: Connection, id_: UUID) -> Proposal | None:
    """Return a proposal."""
    row = await conn.fetchrow(f"select {_COLUMNS} from trust_changes where id = $1", id_)  # noqa: S608
    return _proposal(row) if row else None


async def page(
    conn: Connection, *, state: State | None, before: UUID | None, limit: int
) -> list[Proposal]:
    """Return proposals, the newest first, older than `before`."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from trust_changes"  # noqa: S608
        " where ($1::text is null or state = $1) and ($2::uuid is null or id < $2)"
        " order by id desc limit $3",
        state,
        before,
        limit,
    )
    return [_proposal(row) for row in rows]


async def open_ones(conn: Connection) -> Sequence[AnyChange]:
    """Return the changes that wait for a decision."""
    rows = await conn.fetch("select change from trust_changes where state = 'proposed'")
    return [CHANGES.validate_python(row["change"]) for row in rows]


async def note_import(
    conn: Connection, key: str, *, version: int, made_at: datetime
) -> tuple[int, datetime] | None:
    """Note that an export is imported; return the newer one by its signer's key, if any was.

    Then nothing is noted. The row stays locked: of two imports the second meets the first.
    """
    noted = await conn.fetchval(
        """
        insert into trust_imports as i (key, version, made_at) values ($1, $2, $3)
        on conflict (key) do update set version = excluded.version, made_at = excluded.made_at
        where i.version <= excluded.version and i.made_at <= excluded.made_at
        returning true
        """,
        key,
        version,
        made_at,
    )
    if noted:
        return None
    row = await conn.fetchrow("select version, made_at from trust_imports where key = $1", key)
    return (row["version"], row["made_at"]) if row else None


_COLUMNS = (
    "id, reason, change, certificate, proposed_by, proposed_at, state, decided_by, decided_at,"
    " version"
)


def _proposal(row: "Record") -> Proposal:
    values: dict[str, Any] = dict(row)
    values["change"] = CHANGES.validate_python(row["change"])
    facts = row["certificate"]
    values["certificate"] = _FACTS.validate_python(facts) if facts else None
    return Proposal(**values)
