"""Rows of `directory`, `agencies` and `agency_codes`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from services.docs.agency import Agency, AgencyState, fold, folded
from services.docs.store.where import Where, plan_for_values
from shared.db import Connection
from shared.ids import AgencyId

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = """a.id, a.code, a.code_qcvn102, a.old_codes, a.name, a.level, a.parent_id, a.state,
    a.valid_from, a.valid_to, a.successors, a.synthetic, a.version"""


def _agency(row: "Record") -> Agency:
    return Agency(
        id=row["id"],
        code=row["code"],
        code_qcvn102=row["code_qcvn102"],
        old_codes=tuple(row["old_codes"]),
        name=row["name"],
        level=row["level"],
        parent_id=row["parent_id"],
        state=AgencyState(row["state"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        successors=tuple(row["successors"]),
        synthetic=row["synthetic"],
        version=row["version"],
    )


async def next_version(conn: Connection) -> int:
    """Count the directory on; its row stays locked, so versions become visible in their order."""
    return await conn.fetchval("update directory set version = version + 1 returning version")


async def version(conn: Connection) -> int:
    """Return the directory's version."""
    return await conn.fetchval("select version from directory")


async def epoch(conn: Connection) -> UUID:
    """Return which life of this database it is: cursors of another one are refused."""
    return await conn.fetchval("select epoch from database_epoch")


async def lock_seed(conn: Connection) -> tuple[int, str | None]:
    """Lock the directory; return its version and the digest of the seed that filled it."""
    row = await conn.fetchrow("select version, seed from directory for update")
    if row is None:
        raise LookupError("the directory has lost its row")
    return row["version"], row["seed"]


async def seeded(conn: Connection, *, digest: str, version: int) -> None:
    """Remember which seed filled the directory, and its version."""
    await conn.execute("update directory set seed = $1, version = $2", digest, version)


async def reach_version(conn: Connection, version: int) -> None:
    """Count the locked directory on to a version that others know already."""
    await conn.execute("update directory set version = $1 where version < $1", version)


async def insert(conn: Connection, agencies: Sequence[Agency]) -> list[str]:
    """Insert agencies with all their codes; return the codes that were taken already."""
    await conn.executemany(
        """insert into agencies (id, code, code_qcvn102, old_codes, name, folded, level, parent_id,
            state, valid_from, valid_to, successors, synthetic, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        on conflict do nothing""",
        [
            (
                agency.id,
                agency.code,
                agency.code_qcvn102,
                agency.old_codes,
                agency.name,
                folded(agency.name, agency.codes),
                agency.level,
                agency.parent_id,
                agency.state.value,
                agency.valid_from,
                agency.valid_to,
                agency.successors,
                agency.synthetic,
                agency.version,
            )
            for agency in agencies
        ],
    )
    codes = [code for agency in agencies for code in agency.codes]
    ids = [agency.id for agency in agencies for _ in agency.codes]
    rows = await conn.fetch(
        """insert into agency_codes (code, agency_id)
        select c.code, c.id from unnest($1::text[], $2::uuid[]) as c (code, id)
        on conflict do nothing returning code""",
        codes,
        ids,
    )
    given = {row["code"] for row in rows}
    return [code for code in codes if code not in given]


async def set_standing(conn: Connection, agency: Agency) -> None:
    """Write an agency's state, end of validity, successors and version."""
    await conn.execute(
        """update agencies set state = $2, valid_to = $3, successors = $4, version = $5
        where id = $1""",
        agency.id,
        agency.state.value,
        agency.valid_to,
        agency.successors,
        agency.version,
    )


async def find(conn: Connection, code: str) -> Agency | None:
    """Return the agency that a code of any form names."""
    row = await conn.fetchrow(
        f"""select {_COLUMNS} from agency_codes as c join agencies as a on a.id = c.agency_id
        where c.code = $1""",  # noqa: S608 (fixed column names)
        code,
    )
    return None if row is None else _agency(row)


async def lock(conn: Connection, code: str) -> Agency | None:
    """Lock the directory, then return the agency that a code of any form names."""
    await conn.execute("select from directory for update")
    return await find(conn, code)


async def by_ids(conn: Connection, ids: Sequence[UUID]) -> dict[AgencyId, Agency]:
    """Return the agencies with these ids."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from agencies as a where a.id = any($1)",  # noqa: S608
        ids,
    )
    return {row["id"]: _agency(row) for row in rows}


async def below(conn: Connection, root: AgencyId) -> list[AgencyId]:
    """Return the ids of all agencies below one, at any depth."""
    rows = await conn.fetch(
        """with recursive below as (
            select id from agencies where parent_id = $1
            union
            select a.id from agencies as a join below as b on a.parent_id = b.id)
        select id from below""",
        root,
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which agencies a list shall hold; None: no matter."""

    q: str | None = None
    """Beginnings of words of the name, or of a code of any form; all of them, in any order."""
    level: str | None = None
    state: AgencyState | None = None
    codes: Sequence[str] | None = None
    """Codes of any form."""
    parent: AgencyId | None = None
    under: Sequence[AgencyId] | None = None


async def page(conn: Connection, wanted: Wanted, *, after: str, limit: int) -> list[Agency]:
    """Return agencies in order of their codes, behind the code `after`."""
    where = Where()
    where.add('a.code > {} collate "C"', after)
    where.add("a.level = {}", wanted.level)
    where.add("a.state = {}", wanted.state)
    where.add("a.parent_id = {}", wanted.parent)
    where.add("a.id = any({}::uuid[])", wanted.under)
    where.add("a.id in (select agency_id from agency_codes where code = any({}))", wanted.codes)
    where.add("a.words @@ {}::text::tsquery", _query(wanted.q))
    await plan_for_values(conn)
    rows = await conn.fetch(
        f"""select {_COLUMNS} from agencies as a where {where}
        order by a.code collate "C" limit {where.bind(limit)}""",  # noqa: S608
        *where.values,
    )
    return [_agency(row) for row in rows]


def _query(q: str | None) -> str | None:
    """Return what `words` must match. A word has no quote and no backslash after `fold`."""
    if q is None:
        return None
    return " & ".join(f"'{word}':*" for word in fold(q).split()) or _NOTHING


_NOTHING = ""
"""A query that matches nothing: what was asked for holds no word."""


async def changed_since(conn: Connection, after: int, *, limit: int) -> list[Agency]:
    """Return the present state of agencies that changed after a version, in order of change."""
    rows = await conn.fetch(
        f"""select {_COLUMNS} from agencies as a where a.version > $1
        order by a.version limit $2""",  # noqa: S608
        after,
        limit,
    )
    return [_agency(row) for row in rows]
