"""Signing's parts as its process joins them, driven by tests: send papers, see verdicts."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson

from services.signing import recover
from services.signing.anchor import Anchor
from services.signing.bench import LIMITS, Bench
from services.signing.dispatcher import Dispatcher
from services.signing.examine import take_in
from services.signing.forks import Forks
from services.signing.keys import Authorities, KeyFiles
from services.signing.pool import Limits, Worker
from services.signing.register import Register
from services.signing.revoke import withdraw
from services.signing.turns import Turns
from services.signing.validation.material import digest
from shared import agencies
from shared.blobs import BlobStore
from shared.chain import Lane
from shared.db import Connection, Database
from shared.events import AgencyChanged, DocumentDispatched, FileRef
from shared.ids import uuid7
from shared.kafka import Record
from shared.process import repeat
from shared.restored import Recovery
from tests.fixtures.database import access_of, opened
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import CODE, OTHER, SENDER, Papers, Sheet
from tests.fixtures.stack import Backing, Databases

AGENCIES = {SENDER: uuid7(), OTHER: uuid7(), "H14": uuid7()}


@dataclass(frozen=True, slots=True)
class Seen:
    """What signing says of a file."""

    indication: str | None
    reason: str | None
    settled: bool
    strikes: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Signing without Kafka: dispatches come by `take_in`, events stay in the outbox."""

    db: Database
    databases: Databases
    papers: Papers
    blobs: BlobStore
    authorities: Authorities
    register: Register
    bench: Bench
    forks: Forks
    dispatcher: Dispatcher
    recovery: Recovery

    async def send(
        self, *sheets: Sheet, sender: str = SENDER, lane: Lane = "normal", again: UUID | None = None
    ) -> UUID:
        """Store files and take in their dispatch; returns its id."""
        for sheet in sheets:
            for content in (sheet.content, sheet.signature):
                if content is not None:
                    await self.blobs.write(_chunks(content), limit=1 << 30)
        return await self.take_in(*sheets, sender=sender, lane=lane, again=again)

    async def take_in(
        self, *sheets: Sheet, sender: str = SENDER, lane: Lane = "normal", again: UUID | None = None
    ) -> UUID:
        """Take in a dispatch of files that are stored, or should be."""
        event = DocumentDispatched(
            dispatch_id=again or uuid4(),
            document_id=uuid4(),
            document_code=CODE,
            sender_id=AGENCIES[sender],
            lane=lane,
            files=tuple(
                FileRef(
                    attachment_id=uuid4(),
                    role=sheet.role,
                    media_type="application/pdf" if sheet.signature is None else "text/csv",
                    size=len(sheet.content),
                    sha256=sheet.sha256,
                    signature_sha256=digest(sheet.signature) if sheet.signature else None,
                )
                for sheet in sheets
            ),
        )
        await self.db.as_worker(lambda conn: take_in(conn, event, _record(event)))
        return event.dispatch_id

    async def seen(self, dispatch_id: UUID) -> list[Seen]:
        """Return what is known of a dispatch's files."""

        async def step(conn: Connection) -> list[Seen]:
            rows = await conn.fetch(
                "select indication, reason, settled, strikes from examinations"
                " where dispatch_id = $1 order by role, sha256",
                dispatch_id,
            )
            return [Seen(**dict(row)) for row in rows]

        return await self.db.as_worker(step)

    async def verdicts(self, dispatch_id: UUID) -> list[Seen]:
        """Wait for final verdicts on all files of a dispatch."""

        async def settled() -> bool:
            return all(one.settled for one in await self.seen(dispatch_id))

        await eventually(settled, "all files have a final verdict", timeout=60)
        return await self.seen(dispatch_id)

    async def examine(self, *sheets: Sheet, sender: str = SENDER) -> list[Seen]:
        """Send files and wait for their verdicts; MAIN after ANNEX, as roles sort."""
        return await self.verdicts(await self.send(*sheets, sender=sender))

    async def events(self, dispatch_id: UUID) -> list[dict[str, Any]]:
        """Return what signing has said about a dispatch, in order."""
        return [one for one in await self.said() if one.get("dispatch_id") == str(dispatch_id)]

    async def said(self) -> list[dict[str, Any]]:
        """Return all that signing has said, in order."""
        rows = await self.db.as_worker(
            lambda conn: conn.fetch("select headers, value from outbox order by id")
        )
        return [{"type": row["headers"]["ce_type"], **orjson.loads(row["value"])} for row in rows]

    async def execute(self, statement: str, *values: object) -> None:
        """Change something behind signing's back."""
        await self.db.as_worker(lambda conn: conn.execute(statement, *values))


@asynccontextmanager
async def open_desk(
    backing: Backing,
    databases: Databases,
    papers: Papers,
    blobs: Path,
    *,
    limits: Limits | None = None,
    workers: int = 2,
    forks: Forks | None = None,
) -> AsyncGenerator[Desk]:
    """Open signing's parts on a database for the length of a `with`.

    `forks`: what makes the workers, where others use it, too: it takes a second to start.
    """
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(opened(databases, "signing", backing))
        for code, id_ in AGENCIES.items():
            event = _agency(code, id_)
            await db.as_worker(lambda conn, event=event: agencies.apply_agency(conn, event))
        authorities = Authorities(papers.office.folder)
        store = BlobStore(blobs)
        if forks is None:
            forks = await stack.enter_async_context(Forks.open())
        worker = Worker(LIMITS, forks)
        stack.push_async_callback(worker.end)
        keys = KeyFiles(authorities.folder / "keys")
        bench = Bench(db, store, keys, Anchor(), Turns((worker,)), forks)
        recovery = recover.recovery(bench, access_of(backing, "signing"), authorities)
        register = Register(bench, authorities, recovery)
        await register.tend()
        dispatcher = Dispatcher(bench, limits or Limits(), meet=register.meet)
        stop = asyncio.Event()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(stop.set)
        slots = dispatcher.slots(workers)
        for task in (*slots, repeat(lambda: withdraw(db), name="withdraw", bell=db.bell)):
            group.create_task(task(stop))
        yield Desk(
            db, databases, papers, store, authorities, register, bench, forks, dispatcher, recovery
        )


def _agency(code: str, id_: UUID) -> AgencyChanged:
    return AgencyChanged(
        agency_id=id_,
        code=code,
        code_qcvn102=None,
        level="central",
        parent_id=None,
        state="active",
        valid_from=date(2020, 1, 1),
        valid_to=None,
        version=id_.int >> 80,
    )


def _record(event: DocumentDispatched) -> Record:
    return Record(
        topic=event.topic(),
        partition=0,
        offset=0,
        key=event.key(),
        headers={},
        value=event.to_json(),
        event_id=uuid4(),
    )


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
