"""A small country on a real docs database: tests send, judge, clear and look into mailboxes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from services.docs import directory, judge
from services.docs.agency import AgencyState, seeded_id
from services.docs.clear import clear_all, clear_chunk
from services.docs.dispatch import dispatch
from services.docs.document import (
    Draft,
    Named,
    RecipientChoice,
    Role,
    Urgency,
)
from services.docs.progress import Progress, acknowledged, progress, reported
from services.docs.store import dispatches, documents, mailboxes
from services.docs.store.dispatches import Dispatch
from services.docs.store.queue import Line
from shared.chain import GENESIS, Lane, link
from shared.db import Connection, Database
from shared.events import (
    DeliveryAcknowledged,
    DeliveryCleared,
    DocumentExamined,
    Event,
    VerdictWithdrawn,
)
from shared.events.base import TYPE_PREFIX
from shared.events.types import Indication
from shared.ids import AgencyId, DispatchId, DocumentId, uuid7
from shared.kafka import Record
from tests.docs.country import COMMUNES, OTHER_SENDER, SENDER, acting, seed
from tests.docs.made import attachment_of, status_of

E = TypeVar("E", bound=Event)

RECORD = Record("test", 0, 0, "", {}, b"", UUID(int=0))


@dataclass(slots=True)
class Exchange:
    """Drives the steps of docs on one database, without HTTP and Kafka."""

    db: Database
    counter: int = field(default=0)

    async def fill(self, *, communes: int = COMMUNES) -> None:
        """Fill the directory."""
        await self.db.as_worker(lambda conn: directory.load_seed(conn, seed(communes=communes)))

    async def close_agency(self, code: str, *successors: str) -> None:
        """Close an agency."""
        await self.db.as_worker(
            lambda conn: directory.move(
                conn, code, AgencyState.CLOSED, successors=successors, expected=None
            )
        )

    async def suspend(self, code: str) -> None:
        """Suspend an agency."""
        await self.db.as_worker(
            lambda conn: directory.move(
                conn, code, AgencyState.SUSPENDED, successors=(), expected=None
            )
        )

    async def draft(
        self,
        *recipients: RecipientChoice,
        sender: str = SENDER,
        urgency: Urgency = Urgency.NORMAL,
        number: str | None = None,
        files: Sequence[Role] = ("MAIN",),
        stored: bool = True,
    ) -> DocumentId:
        """Make a draft with files that are said to be stored."""
        self.counter += 1
        draft = Draft(
            number=number or str(self.counter),
            notation="VPCP-TTĐT",
            type="cong_van",
            subject="V/v triển khai liên thông văn bản điện tử",
            promulgated_on=date(2026, 11, 22),
            urgency=urgency,
            due_on=None,
            signer=None,
            recipients=recipients,
        )
        document_id = DocumentId(uuid7())

        async def write(conn: Connection) -> None:
            await documents.insert(
                conn, document_id, draft, sender=seeded_id(sender), client_id="sys-test"
            )
            for n, role in enumerate(files):
                attachment = attachment_of(document_id, n, role=role, stored=stored)
                await documents.announce(conn, attachment, sender=seeded_id(sender))

        await self.db.as_caller([seeded_id(sender)], write)
        return document_id

    async def send(
        self,
        *codes: str,
        sender: str = SENDER,
        urgency: Urgency = Urgency.NORMAL,
        number: str | None = None,
        files: Sequence[Role] = ("MAIN",),
    ) -> DispatchId:
        """Draft and dispatch to agencies named one by one."""
        document = await self.draft(
            *(Named(code) for code in codes),
            sender=sender,
            urgency=urgency,
            number=number,
            files=files,
        )
        return await self.dispatch(document, sender=sender)

    async def dispatch(
        self,
        document: DocumentId,
        *recipients: RecipientChoice,
        sender: str = SENDER,
        dispatch_id: DispatchId | None = None,
    ) -> DispatchId:
        """Dispatch a draft in a transaction of its sender."""
        return await self.db.as_caller(
            [seeded_id(sender)],
            lambda conn: dispatch(
                conn,
                dispatch_id=dispatch_id or DispatchId(uuid7()),
                document_id=document,
                sender=acting(sender),
                recipients=recipients or None,
            ),
        )

    async def judge(
        self,
        dispatch_id: DispatchId,
        indication: Indication = "TOTAL-PASSED",
        *,
        file: int | None = None,
        judgement: int = 1,
        reason: str | None = None,
        at: datetime | None = None,
        evidence: str = "00",
    ) -> None:
        """Hand in verdicts of all files, or one, as the consumer does."""
        row = await self.row(dispatch_id)
        for n, one in enumerate(row.files):
            if file in (None, n):
                event = DocumentExamined(
                    dispatch_id=dispatch_id,
                    document_id=row.document_id,
                    sha256=one.sha256,
                    judgement=judgement,
                    indication=indication,
                    reason=reason,
                    judged_at=at or datetime.now(UTC),
                    evidence_sha256=evidence * 32,
                )
                await self.db.as_worker(lambda conn, e=event: judge.examined(conn, e, RECORD))

    async def withdraw(self, dispatch_id: DispatchId, *, reason: str = "SIG-4221") -> None:
        """Hand in a withdrawal."""
        event = VerdictWithdrawn(
            dispatch_id=dispatch_id, document_id=uuid7(), judgement=1, reason=reason
        )
        await self.db.as_worker(lambda conn: judge.withdrawn(conn, event, RECORD))

    async def clear(self) -> None:
        """Clear all that may go now."""
        while await clear_all(self.db):
            pass

    async def chunk(self, *, size: int, sender: str = SENDER, lane: Lane = "normal") -> bool:
        """Clear one chunk of a sender's lane."""
        line = Line(seeded_id(sender), lane)
        return await self.db.as_worker(lambda conn: clear_chunk(conn, line, size=size))

    async def age_verdict(self, dispatch_id: DispatchId, *, seconds: float) -> None:
        """Let so many seconds of PostgreSQL's clock pass since a dispatch got its verdict."""
        await self.db.as_worker(
            lambda conn: conn.execute(
                """update dispatches set verdict_at = verdict_at - make_interval(secs => $2)
                where id = $1""",
                dispatch_id,
                seconds,
            )
        )

    async def row(self, dispatch_id: DispatchId) -> Dispatch:
        """Return a dispatch."""
        found = await self.db.as_worker(
            lambda conn: dispatches.find(
                conn, dispatch_id, senders=[seeded_id(SENDER), seeded_id(OTHER_SENDER)]
            )
        )
        assert found is not None
        return found

    async def state(self, dispatch_id: DispatchId) -> str:
        """Return the state of a dispatch."""
        return (await self.row(dispatch_id)).state

    async def progress(self, dispatch_id: DispatchId, *, sender: str = SENDER) -> Progress:
        """Return the progress as the sender sees it."""
        found = await self.db.as_caller(
            [seeded_id(sender)],
            lambda conn: progress(conn, dispatch_id, senders=[seeded_id(sender)]),
        )
        assert found is not None
        return found

    async def mailbox(self, code: str, lane: Lane = "normal") -> list[DeliveryCleared]:
        """Return an agency's entries, after checking that the chain has no gap."""
        entries = await self.db.as_worker(
            lambda conn: mailboxes.entries(conn, seeded_id(code), lane=lane, first=1, limit=10_000)
        )
        previous = GENESIS
        for sequence, one in enumerate(entries, 1):
            assert (one.sequence, one.previous_hash) == (sequence, previous.hex())
            previous = link(
                agency=one.agency_id,
                lane=lane,
                sequence=sequence,
                previous=previous,
                entry=one.entry.encode(),
            )
            assert one.hash == previous.hex()
        return entries

    async def acknowledge(self, entry: DeliveryCleared, *, receipt: str = "receipt") -> None:
        """Hand in a receipt."""
        event = DeliveryAcknowledged(
            delivery_id=entry.delivery_id,
            dispatch_id=entry.dispatch_id,
            document_id=entry.document_id,
            agency_id=entry.agency_id,
            acting_agency_id=entry.agency_id,
            acknowledged_at=datetime.now(UTC),
            receipt=receipt,
        )
        await self.db.as_worker(lambda conn: acknowledged(conn, event, RECORD))

    async def report(self, entry: DeliveryCleared, *codes: str, first: int = 1) -> None:
        """Hand in statuses of a delivery, step by step."""
        for step, code in enumerate(codes, first):
            event = status_of(entry, code, step=step)
            await self.db.as_worker(lambda conn, e=event: reported(conn, e, RECORD))

    async def told(self, event: type[E]) -> list[E]:
        """Return the events of one type in the outbox, in order."""
        rows = await self.db.as_worker(partial(_outbox, name=event.NAME))
        return [event.model_validate_json(value) for value in rows]

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        return await self.db.as_worker(
            lambda conn: conn.fetchval(f"select count(*) from {table}")  # noqa: S608
        )

    async def sees(self, code: str, query: str, *args: Any) -> Any:  # noqa: ANN401
        """Return one value as an agency's request sees it."""
        return await self.db.as_caller(
            [AgencyId(seeded_id(code))], lambda conn: conn.fetchval(query, *args)
        )


async def _outbox(conn: Connection, *, name: str) -> list[bytes]:
    rows = await conn.fetch(
        "select value from outbox where headers ->> 'ce_type' = $1 order by id",
        TYPE_PREFIX + name,
    )
    return [row["value"] for row in rows]
