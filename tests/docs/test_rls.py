"""Row-level security: who sees which rows, asked of PostgreSQL itself with no filter of ours."""

import asyncpg
import pytest

from services.docs.agency import seeded_id
from shared.db import Connection, Database
from tests.docs.country import OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.fixtures.stack import Databases

OF_AGENCIES = (
    "documents",
    "attachments",
    "turns",
    "dispatches",
    "deliveries",
    "mailbox_heads",
    "verdicts",
    "receipts",
    "statuses",
    "dispatch_changes",
)
"""Tables that hold what some agencies may know and others not."""


@pytest.fixture
async def story(exchange: Exchange) -> Exchange:
    """One document sent, judged, delivered and acknowledged by one of two; one that waits."""
    cleared = await exchange.send(PROVINCE, commune(1), files=("MAIN", "ANNEX"))
    await exchange.judge(cleared)
    await exchange.clear()
    [entry] = await exchange.mailbox(PROVINCE)
    await exchange.acknowledge(entry)
    await exchange.report(entry, "01", "03")
    await exchange.send(commune(1), sender=OTHER_SENDER)
    return exchange


async def _counts(db: Database, *codes: str) -> dict[str, int]:
    async def count(conn: Connection) -> dict[str, int]:
        return {
            table: await conn.fetchval(f"select count(*) from {table}")  # noqa: S608 (own list)
            for table in OF_AGENCIES
        }

    return await db.as_caller([seeded_id(code) for code in codes], count)


async def test_the_worker_and_the_owner_see_every_row(story: Exchange, databases: Databases):
    owner = await asyncpg.connect(databases.owner)
    try:
        owned = {
            table: await owner.fetchval(f"select count(*) from {table}")  # noqa: S608
            for table in OF_AGENCIES
        }
    finally:
        await owner.close()
    worked = {table: await story.count(table) for table in OF_AGENCIES}
    assert owned == worked
    assert worked == {
        "documents": 2,
        "attachments": 3,
        "turns": 2,
        "dispatches": 2,
        "deliveries": 3,
        "mailbox_heads": 2,
        "verdicts": 2,
        "receipts": 1,
        "statuses": 2,
        "dispatch_changes": 1,
    }


async def test_nobody_is_shown_nothing(story: Exchange, databases: Databases):
    assert set((await _counts(story.db)).values()) == {0}
    app = await asyncpg.connect(databases.app)
    try:
        unset = {
            table: await app.fetchval(f"select count(*) from {table}")  # noqa: S608
            for table in OF_AGENCIES
        }
    finally:
        await app.close()
    assert set(unset.values()) == {0}, "without a setting the policies fail closed"


async def test_a_sender_sees_what_it_sent(story: Exchange):
    assert await _counts(story.db, SENDER) == {
        "documents": 1,
        "attachments": 2,
        "turns": 1,
        "dispatches": 1,
        "deliveries": 2,
        "mailbox_heads": 0,
        "verdicts": 2,
        "receipts": 1,
        "statuses": 2,
        "dispatch_changes": 1,
    }


async def test_a_recipient_sees_what_has_a_number_in_its_mailbox(story: Exchange):
    of_province, of_commune = (
        await _counts(story.db, PROVINCE),
        await _counts(story.db, commune(1)),
    )
    assert (of_province["documents"], of_province["attachments"]) == (1, 2)
    assert (of_province["deliveries"], of_province["receipts"]) == (1, 1)
    assert of_commune["documents"] == 1, "the second one still waits for its verdict"
    assert (of_commune["deliveries"], of_commune["receipts"]) == (1, 0)
    assert (of_province["statuses"], of_commune["statuses"]) == (2, 0)
    assert of_province["verdicts"] == of_commune["verdicts"] == 2, "of the files that they hold"
    assert of_province["dispatches"] == of_commune["dispatches"] == 0
    assert of_province["dispatch_changes"] == of_commune["dispatch_changes"] == 0


async def test_a_stranger_sees_nothing(story: Exchange):
    assert set((await _counts(story.db, commune(5))).values()) == {0}


async def test_a_recipient_cannot_write_to_what_it_reads(story: Exchange):
    async def deface(conn: Connection) -> str:
        return await conn.execute("update documents set subject = 'x'")

    async def forge(conn: Connection) -> str:
        return await conn.execute("update documents set sender_id = $1", seeded_id(PROVINCE))

    assert await story.db.as_caller([seeded_id(PROVINCE)], deface) == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await story.db.as_caller([seeded_id(SENDER)], forge)


async def test_every_table_of_agencies_data_is_guarded(databases: Databases):
    owner = await asyncpg.connect(databases.owner)
    try:
        rows = await owner.fetch(
            """select c.relname, c.relrowsecurity and c.relforcerowsecurity as guarded
            from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relkind = 'r'"""
        )
    finally:
        await owner.close()
    open_to_all = {
        "agencies", "agency_codes", "directory", "known_agencies", "known_clients",
        "database_epoch", "migrations", "seen_heads", "sightings",
        "outbox", "outbox_lost", "inbox", "offsets", "parked", "idempotency",
    }  # fmt: skip
    assert {row["relname"] for row in rows if not row["guarded"]} <= open_to_all
    assert {row["relname"] for row in rows if row["guarded"]} >= set(OF_AGENCIES)
