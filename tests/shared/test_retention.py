"""What is old goes in parts, and looking for it reads what is due and nothing else."""

from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from shared import healing, idempotency, relay
from shared.db import Connection
from shared.events.types import DOCUMENTS
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.effects import put
from tests.shared.transport import look, waiting

_PUBLISHED = (
    "insert into outbox"
    ' (event_id, topic, key, headers, value, published_at, cluster, partition, "offset")'
    " select gen_random_uuid(), $1, 'k', '{}', '{}', now() - interval '1 day' * $2::int, 'now', 0,"
    " n from generate_series(1, $3) as n"
)
_HANDLED = (
    "insert into inbox select 'g', gen_random_uuid(), now() - interval '1 day' * $1::int"
    " from generate_series(1, $2)"
)
_ANSWERED = (
    "insert into idempotency select 'c', gen_random_uuid(), 'POST', '/', 'k', '\\x00', 201, '{}',"
    " '', now() - interval '1 day' * $1::int from generate_series(1, $2)"
)
_ROWS_READ = (
    "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_xact_user_tables"
    " where relname in ('outbox', 'inbox', 'idempotency')"
)


async def _fill(ground: Ground, *, published: int, handled: int, answered: int) -> None:
    """Write 12,000 rows of each kind, of these ages in days."""
    await look(ground.databases, _PUBLISHED, DOCUMENTS, published, 12_000)
    await look(ground.databases, _HANDLED, handled, 12_000)
    await look(ground.databases, _ANSWERED, answered, 12_000, dsn=ground.databases.owner)


async def _tidy(ground: Ground) -> bool:
    async with ground.db.alone() as conn:
        return await healing.tidy(conn)


async def test_looking_for_what_is_old_reads_nothing_while_nothing_is(ground: Ground):
    await _fill(ground, published=36, handled=193, answered=29)  # each a day before its end
    await look(ground.databases, _PUBLISHED, "dead letters", 96, 12_000)
    await look(ground.databases, "analyze", dsn=ground.databases.owner)
    async with ground.db.alone(plan_cache_mode="force_generic_plan") as conn, conn.transaction():
        before = await conn.fetchval(_ROWS_READ)
        assert not await healing.tidy(conn)
        assert await conn.fetchval(_ROWS_READ) - before < 20

    async def sweep(conn: Connection) -> int:
        before = await conn.fetchval(_ROWS_READ)
        assert not await idempotency.forget(conn)
        return int(await conn.fetchval(_ROWS_READ) - before)

    assert await ground.db.as_worker(sweep) < 20


async def test_what_is_old_goes_in_parts_and_the_rest_stays(ground: Ground):
    await _fill(ground, published=36, handled=193, answered=29)
    await _fill(ground, published=38, handled=195, answered=31)
    for left in (19_000, 14_000, 12_000):
        assert await _tidy(ground) == (left > 12_000)
        assert await ground.db.as_worker(idempotency.forget) == (left > 12_000)
        for table in ("outbox", "inbox", "idempotency"):
            (row,) = await look(ground.databases, f"select count(*) from {table}")  # noqa: S608
            assert row[0] == left, table


@pytest.mark.parametrize("lock_timeout", ["100ms", "0"], ids=["behind a lock", "for too long"])
async def test_what_cannot_be_deleted_ends_no_lead(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, lock_timeout: str
):
    monkeypatch.setattr(relay, "_FENCE", {"lock_timeout": lock_timeout})
    monkeypatch.setattr(relay, "_TIDY_SECONDS", 0.5)
    topic = ground.fresh_topic()
    await look(ground.databases, _PUBLISHED, DOCUMENTS, 1000, 1)
    await look(ground.databases, 'update outbox set "offset" = null')
    with capture_logs() as logs:
        patient = {"idle_in_transaction_session_timeout": "0", "transaction_timeout": "0"}
        async with ground.db.alone(**patient) as other, other.transaction():
            await other.execute("select from outbox for update")
            async with ground.running(relay.relay(ground.db, ground.access, service="docs")):
                await eventually(lambda: _said(logs, "old rows not deleted"), "it is tried")
                await put(ground, topic, ("k", 1))
                await eventually(lambda: _idle(ground), "the same leader goes on")
    assert not _said(logs, "relay lost its lead")


def _said(logs: Sequence[Mapping[str, object]], event: str) -> bool:
    return any(one["event"] == event for one in logs)


async def _idle(ground: Ground) -> bool:
    return await waiting(ground.databases) == 0
