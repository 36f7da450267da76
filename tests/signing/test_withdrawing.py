"""Withdrawing what rests on a revoked certificate: in batches, once, all of it, and in time."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.signing import revoke
from services.signing.finding import REVOKED
from services.signing.store import standing, withdrawals
from shared.db import Connection
from tests.fixtures.eventually import eventually
from tests.signing.desk import AGENCIES, SENDER, Desk
from tests.signing.test_heeding import resting

PROMISED_SECONDS = 60
MANY = int(os.environ.get("VERDICTS", "5000"))
"""`VERDICTS=100000 pytest -s …` tells how long those of an issuing CA take."""
_GONE = (
    "update certificates set state = 'revoked', reason = 'keyCompromise',"
    " revoked_at = '2026-02-01', withdrawing = true where sha256 = $1"
)

_READ = """
select sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint
from pg_class as c left join pg_index as i on i.indexrelid = c.oid
where coalesce(i.indrelid, c.oid) in ('verdict_certificates'::regclass, 'examinations'::regclass)
"""
"""How many rows and entries of indexes a transaction has read where verdicts are."""


async def a_seal(desk: Desk) -> str:
    """Return the digest of a registered certificate."""
    return await desk.db.as_worker(
        lambda conn: conn.fetchval("select min(sha256) from certificates where kind = 'seal'")
    )


async def revoked(desk: Desk, certificate: str, *, seconds: float = 20) -> None:
    """Have a certificate revoked, and wait until nothing of it is left to be withdrawn."""

    async def none_left() -> bool:
        return not await desk.db.look(withdrawals.waiting)

    await desk.execute(_GONE, certificate)
    await eventually(none_left, "all is withdrawn", timeout=seconds)


async def told(desk: Desk) -> list[str]:
    """Return the dispatches whose verdicts were withdrawn, as often as that was told."""
    said = await desk.said()
    return sorted(one["dispatch_id"] for one in said if "verdict.withdrawn" in one["type"])


async def test_what_takes_several_batches_is_withdrawn_once(
    idle_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoke, "_AT_ONCE", 2)
    seal = await a_seal(idle_desk)
    made = [str(one) for one in await resting(idle_desk, seal, 5)]
    await revoked(idle_desk, seal)
    assert await told(idle_desk) == made
    await revoked(idle_desk, seal)
    assert await told(idle_desk) == made, "from the beginning once more: nothing is told twice"


async def test_a_batch_goes_on_where_the_one_before_it_ended(idle_desk: Desk) -> None:
    seal = await a_seal(idle_desk)
    made = await resting(idle_desk, seal, 3)

    async def step(conn: Connection) -> None:
        await conn.execute(_GONE, seal)
        assert await batch(conn, seal, most=2) == (made[:2], made[1])
        await withdrawals.go_on(conn, seal, behind=made[1])
        await conn.execute("delete from withdrawals")
        assert await batch(conn, seal, most=2) == (made[2:], None)

    await idle_desk.db.as_worker(step)


async def batch(conn: Connection, certificate: str, *, most: int) -> tuple[list[UUID], UUID | None]:
    """Withdraw a batch from where the row says; return its dispatches, and the last looked at."""
    behind = await withdrawals.lock(conn, certificate)
    assert behind is not None
    gone, last = await withdrawals.withdraw(
        conn, certificate, behind=behind, reason=REVOKED, most=most
    )
    return sorted(one.dispatch_id for one in gone), last


@pytest.mark.parametrize("what", ["dated back", "its time stamp revoked"])
async def test_what_becomes_due_behind_that_place_is_withdrawn_too(
    idle_desk: Desk, what: str
) -> None:
    seal = await a_seal(idle_desk)
    made = await resting(idle_desk, seal, 4)
    stamping = await idle_desk.db.as_worker(
        lambda conn: conn.fetchval("select min(sha256) from certificates where sha256 <> $1", seal)
    )

    async def step(conn: Connection) -> None:
        await conn.execute(_GONE, seal)
        await spare(conn, made[:1], by=stamping)
        assert await batch(conn, seal, most=2) == (made[1:2], made[1])
        await withdrawals.go_on(conn, seal, behind=made[1])
        if what == "dated back":
            await date_back(conn, seal, datetime(2025, 12, 1, tzinfo=UTC))
        else:
            await conn.execute(_GONE, stamping)
            await withdrawals.reopen(conn, stamping)
        assert await batch(conn, seal, most=9) == ([made[0], *made[2:]], None)

    await idle_desk.db.as_worker(step)


@pytest.mark.parametrize(
    "what", ["revoked_at = '2025-12-01', withdrawing = true", "withdrawing = true"]
)
async def test_what_the_release_before_sets_anew_is_withdrawn_from_the_first_one(
    idle_desk: Desk, what: str
) -> None:
    """It serves beside this one during an upgrade, and knows of no place to go on from."""
    seal = await a_seal(idle_desk)
    made = await resting(idle_desk, seal, 3)

    async def step(conn: Connection) -> None:
        await conn.execute(_GONE, seal)
        assert await batch(conn, seal, most=2) == (made[:2], made[1])
        await withdrawals.go_on(conn, seal, behind=made[1])
        await conn.execute("delete from withdrawals")
        await conn.execute(f"update certificates set {what} where sha256 = $1", seal)  # noqa: S608
        assert await batch(conn, seal, most=9) == (made, None)

    await idle_desk.db.as_worker(step)


async def spare(conn: Connection, dispatches: Sequence[UUID], *, by: str) -> None:
    """Have a time stamp prove that the signatures of dispatches are older than the revocation."""
    await conn.execute(
        "update verdict_certificates set proved_at = '2026-01-01', proved_by = array[$2]"
        " where dispatch_id = any($1)",
        list(dispatches),
        by,
    )


async def date_back(conn: Connection, certificate: str, since: datetime) -> None:
    """Have a list say that a certificate was revoked sooner."""
    row = await conn.fetchrow(
        "select issuer, serial from certificates where sha256 = $1", certificate
    )
    assert row
    said = {int(row["serial"]): since}
    assert await standing.date_back(conn, [row["issuer"]], said, retired=[])


async def judged(desk: Desk, certificate: str, count: int) -> None:
    """Have so many good verdicts rest on a certificate."""
    for begin in range(0, count, 20_000):
        await desk.execute(
            "insert into examinations (dispatch_id, sha256, document_id, document_code, sender_id,"
            " lane, role, size, settled, indication, judgement)"
            " select gen_random_uuid(), repeat('0', 64), gen_random_uuid(), '1/VP', $2, 'normal',"
            " 'MAIN', 1, true, 'TOTAL-PASSED', 1 from generate_series(1, $1)",
            min(20_000, count - begin),
            AGENCIES[SENDER],
        )
    await desk.execute(
        "insert into verdict_certificates (certificate, dispatch_id, sha256, judgement)"
        " select $1, dispatch_id, sha256, judgement from examinations",
        certificate,
    )


async def test_a_batch_reads_what_it_holds_however_many_went_before(idle_desk: Desk) -> None:
    seal, batches, most = await a_seal(idle_desk), 6, 500
    await judged(idle_desk, seal, batches * most)

    async def step(conn: Connection) -> list[int]:
        await conn.execute(_GONE, seal)
        rows: list[int] = []
        for _ in range(batches):
            before: int = await conn.fetchval(_READ)
            gone, last = await batch(conn, seal, most=most)
            rows.append(await conn.fetchval(_READ) - before)
            assert len(gone) == most
            assert last
            await withdrawals.go_on(conn, seal, behind=last)
        return rows

    rows = await idle_desk.db.as_worker(step)
    assert most <= rows[0] < 20 * most
    assert max(rows) < 2 * rows[0]


@pytest.mark.timeout(600)  # 100,000 rows, when they are asked for
async def test_many_verdicts_are_withdrawn_within_the_promised_time(idle_desk: Desk) -> None:
    seal = await a_seal(idle_desk)
    await judged(idle_desk, seal, MANY)
    begun = time.monotonic()
    await revoked(idle_desk, seal, seconds=300)
    seconds = time.monotonic() - begun
    print(f"WITHDRAWN verdicts={MANY} seconds={seconds:.1f}")  # noqa: T201 (asked for with -s)
    assert len(await told(idle_desk)) == MANY
    assert seconds < PROMISED_SECONDS
