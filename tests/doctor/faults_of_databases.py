"""Faults in the databases: a changed migration, rows that wait, stand aside, or stand still."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from infra.stack.folder import TREE
from tests.doctor.planting import Ground, Planted

_MIGRATION = "shared/0001_outbox.sql"
_TRACE = "0af7651916cd43dd8448eb211c80319c"


@asynccontextmanager
async def migration_altered(ground: Ground) -> AsyncGenerator[Planted]:
    change = "update migrations set checksum = $1 where name = $2"
    async with ground.owner("gateway") as database:
        right = await database.fetchval(
            "select checksum from migrations where name = $1", _MIGRATION
        )
        await database.execute(change, b"another", _MIGRATION)
        try:
            yield Planted(f"gateway: {_MIGRATION} was changed after it ran", "git log -- shared/")
        finally:
            await database.execute(change, right, _MIGRATION)


@asynccontextmanager
async def event_stuck(ground: Ground) -> AsyncGenerator[Planted]:
    topic = "lienthong.unheard.v1"
    async with ground.owner("notify") as database:
        await database.execute(
            "insert into outbox (event_id, topic, key, headers, value, created_at)"
            " values ($1, $2, '', '{}', '', clock_timestamp() - interval '1 hour')",
            uuid.uuid4(),
            topic,
        )
        try:
            yield Planted(f"notify: 1 events for {topic} wait since 36", "make logs P=notify")
        finally:
            await database.execute("delete from outbox where topic = $1", topic)


@asynccontextmanager
async def record_parked(ground: Ground) -> AsyncGenerator[Planted]:
    """Park an event of the directory that can be handled (again), so that its release ends it."""
    async with ground.owner("docs") as database:
        row = await database.fetchrow(
            "select topic, key, event_id, headers, value from outbox"
            " where topic = 'lienthong.agencies.v1' order by id limit 1"
        )
    assert row is not None, "seeding tells every agency"
    async with ground.owner("gateway") as database:
        number = await database.fetchval(
            "insert into parked (consumer_group, topic, partition, record_offset, key, event_id,"
            " headers, value, cause, tries) values ('lienthong.gateway.agencies', $1, 0, 0, $2, $3,"
            " $4::jsonb || jsonb_build_object('traceparent', $5::text), $6, 'planted', 3)"
            " returning id",
            *(row["topic"], row["key"], row["event_id"], row["headers"]),
            f"00-{_TRACE}-b7ad6b7169203331-01",
            row["value"],
        )
    name = f"gateway/record-{number}"
    listed = await operate(ground)
    assert name in listed, listed
    assert f"trace={_TRACE}" in listed, listed
    try:
        yield Planted(f"{name} of lienthong.agencies.v1: planted, trace {_TRACE}", f"ID={name}")
    finally:
        await operate(ground, "--release", name)


async def operate(ground: Ground, *words: str) -> str:
    """Run what `make parked` and `make release` run; return what it says."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "infra.operate", *words],
        check=False,
        cwd=TREE,
        env={"LIENTHONG_RUN": str(ground.folder.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@asynccontextmanager
async def lane_stopped(ground: Ground) -> AsyncGenerator[Planted]:
    async with ground.owner("notify") as database:
        code, agency = await database.fetchrow(
            "select code, id from known_agencies where id not in (select agency_id from lanes)"
            " order by code desc limit 1"
        ) or ("", None)
        await database.execute(
            "insert into lanes (agency_id, lane, hash, stopped)"
            " values ($1, 'urgent', decode(repeat('00', 32), 'hex'), 'another hash (1)')",
            agency,
        )
        try:
            yield Planted(f"{code}/urgent has stopped after 0: another hash (1)", "operators.md")
        finally:
            await database.execute("delete from lanes where agency_id = $1", agency)


@asynccontextmanager
async def signed_file_lost(ground: Ground) -> AsyncGenerator[Planted]:
    document = uuid.uuid4()
    async with ground.owner("docs") as database:
        await database.execute(
            "insert into documents (id, sender_id, number, notation, type, subject, promulgated_on,"
            " urgency, classification, client_id)"
            " values ($1, $1, '1', 'X', 'cong_van', 'x', '2025-06-20', 'normal', 'none', 'x')",
            document,
        )
        await database.execute(
            "insert into signatures (id, document_id, attachment_id, sender_id, client_id, kind,"
            " certificate, source_sha256, source_size, state, signed_sha256, signed_size,"
            " signed_at, next_try_at) values ($1, $1, $1, $1, 'planted', 'leader', $2, $2, 1,"
            " 'made', $2, 1, now(), now() + interval '1 hour')",
            document,
            "ab" * 32,
        )
        try:
            yield Planted("1 signed files are not in their drafts", "make logs P=docs")
        finally:
            await database.execute("delete from signatures where id = $1", document)
            await database.execute("delete from documents where id = $1", document)
