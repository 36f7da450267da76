"""What notify deletes in time: answers past their days, rows of subscriptions that have ended."""

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from services.notify.__main__ import background
from services.notify.store import subscriptions
from shared.db import Connection
from shared.internal import Internal
from shared.kafka import KafkaAccess
from tests.fixtures.eventually import eventually
from tests.notify.running import Running
from tests.shared.conftest import key_file
from tests.shared.transport import look

_ANSWERED = (
    "insert into idempotency select 'c', gen_random_uuid(), 'POST', '/', 'k', '\\x00', 201, '{}',"
    " '', now() - interval '31 days'"
)
_ENDED = (
    "insert into subscriptions (id, client_id, kind, state, topic, ended_at)"
    " values (gen_random_uuid(), 'c', 'kafka', 'ended', 'its own', now())"
)
_WRITTEN = (
    "insert into outbox (event_id, topic, key, headers, value, created_at, published_at, parked_at)"
    " select gen_random_uuid(), $1, 'k', '{}', '{}', now() - interval '1 hour',"
    " case when $2 = 'published' then now() end, case when $2 = 'parked' then now() end"
    " from generate_series(1, $3)"
)
_ROWS_READ = (
    "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'outbox'"
)


async def test_answers_past_their_time_are_deleted(notify: Running, tmp_path: Path):
    await look(notify.databases, _ANSWERED, dsn=notify.databases.owner)
    key = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    settings = notify.settings.model_copy(update={"client_key": key})
    nowhere = KafkaAccess("127.0.0.1:1", "notify", "unused")
    stop = asyncio.Event()

    async def gone() -> bool:
        count = "select count(*) from idempotency"
        return (await look(notify.databases, count, dsn=notify.databases.owner))[0][0] == 0

    async with (
        Internal.open(settings, {"docs": "http://127.0.0.1:1"}) as internal,
        asyncio.TaskGroup() as group,
    ):
        for task in background(notify.db, nowhere, internal, notify.ears):
            group.create_task(task(stop))
        try:
            await eventually(gone, "the old answer is gone")
        finally:
            stop.set()


async def test_rows_of_an_ended_subscription_are_found_among_those_that_were_sent(notify: Running):
    await look(notify.databases, _ENDED)
    await look(notify.databases, _WRITTEN, "another's", "published", 20_000)
    for state in ("published", "waiting", "parked"):
        await look(notify.databases, _WRITTEN, "its own", state, 10)
    await look(notify.databases, "analyze outbox", dsn=notify.databases.owner)

    async def sweep(conn: Connection) -> int:
        before = await conn.fetchval(_ROWS_READ)
        assert await subscriptions.sweep(conn)
        return int(await conn.fetchval(_ROWS_READ) - before)

    assert await notify.db.as_worker(sweep) < 200
    left = await look(notify.databases, "select topic, count(*) from outbox group by topic")
    assert [(row[0], row[1]) for row in left] == [("another's", 20_000)]
    assert await notify.db.as_worker(subscriptions.count_unswept) == 0
