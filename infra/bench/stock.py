"""Documents stored beforehand: copies of delivered ones, numbered and chained on in mailboxes."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from infra.bench import store
from infra.bench.store import Lanes, Row, Template
from infra.postgres.provision import Connection, admin
from infra.stack.folder import Folder
from shared.chain import link
from shared.ids import uuid7

SERVICES = ("docs", "signing", "notify")
"""What has to be down meanwhile."""
_BATCH, _TEMPLATES, _TELL_EVERY = 500, 64, 4_000
_OUTBOX_ROWS = {"docs": 3, "signing": 1}
"""Events per document."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A document to be stored: the template with ids, turn and number of its own."""

    of: Template
    document: UUID
    dispatch: UUID
    delivery: UUID
    turn: int
    sequence: int
    previous: bytes
    hash: bytes
    entry: bytes


class Shelf:
    """Where lanes, turns and event logs stand, so that copies go on from there."""

    def __init__(self, lanes: Lanes, numbers: dict[UUID, int]) -> None:
        """Start from what the databases say."""
        self._heads, self._turns = dict(lanes.heads), dict(lanes.turns)
        self.numbers: defaultdict[UUID, int] = defaultdict(int, numbers)

    @property
    def lanes(self) -> Lanes:
        """Where lanes and turns stand now."""
        return Lanes(self._heads, self._turns)

    def copy(self, of: Template) -> Copy:
        """Return the next copy, in its recipient's lane and its sender's turn."""
        document, dispatch, delivery = uuid7(), uuid7(), uuid7()
        content = json.loads(of.entry) | {
            "document_id": str(document),
            "dispatch_id": str(dispatch),
            "delivery_id": str(delivery),
        }
        entry = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        last, previous = self._heads[of.recipient]
        made = link(
            agency=of.recipient, lane="normal", sequence=last + 1, previous=previous, entry=entry
        )
        self._heads[of.recipient] = last + 1, made
        self._turns[of.sender] += 1
        return Copy(
            of,
            document,
            dispatch,
            delivery,
            turn=self._turns[of.sender],
            sequence=last + 1,
            previous=previous,
            hash=made,
            entry=entry,
        )

    def event(self, agency: UUID, subject: UUID) -> Row:
        """Return the next event of an agency's log."""
        self.numbers[agency] += 1
        return {"id": uuid7(), "number": self.numbers[agency], "subject": subject}


async def fill(folder: Folder, port: int, count: int, say: Callable[[str], None]) -> None:
    """Store `count` copies of what was delivered last; every table that grows with it grows too.

    20,000 documents through the door would take longer than the rest of the bench. Raises
    ValueError when there is nothing to copy.
    """
    open_ = {name: await admin(port, folder.secret, f"lienthong_{name}") for name in SERVICES}
    try:
        templates = await store.templates(open_["docs"], _TEMPLATES)
        if not templates:
            raise ValueError("no delivered document is there to be copied: a case must run before")
        shelf = Shelf(await store.lanes(open_["docs"]), await store.event_numbers(open_["notify"]))
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            copies = [shelf.copy(templates[number % len(templates)]) for number in numbers]
            await _docs(open_["docs"], copies, shelf)
            await _signing(open_["signing"], copies)
            await _notify(open_["notify"], copies, shelf)
            if (start + _BATCH) % _TELL_EVERY == 0:
                say(f"{start + _BATCH:,} of {count:,} documents stored beforehand")
        for connection in open_.values():
            await store.analyze(connection)
    finally:
        for connection in open_.values():
            await connection.close()


async def _docs(docs: Connection, copies: Sequence[Copy], shelf: Shelf) -> None:
    async with docs.transaction():
        await store.clone(
            docs, "documents", "id", [(c.of.document, {"id": c.document}) for c in copies]
        )
        files: list[tuple[UUID, Row]] = [
            (c.of.document, {"id": uuid4(), "document_id": c.document}) for c in copies
        ]
        await store.clone(docs, "attachments", "document_id", files)
        dispatches: list[tuple[UUID, Row]] = [
            (c.of.dispatch, {"id": c.dispatch, "document_id": c.document, "turn": c.turn})
            for c in copies
        ]
        await store.clone(docs, "dispatches", "id", dispatches)
        deliveries = [
            (c.of.delivery, {"id": c.delivery, **_place(c), "entry": c.entry}) for c in copies
        ]
        await store.clone(docs, "deliveries", "id", deliveries)
        await store.clone(docs, "verdicts", "dispatch_id", _of_dispatch(copies))
        await store.published(docs, _OUTBOX_ROWS["docs"] * len(copies))
        await store.handled(docs, len(copies))
        await store.answered(docs, len(copies))
        await store.advance_docs(docs, shelf.lanes)


async def _signing(signing: Connection, copies: Sequence[Copy]) -> None:
    async with signing.transaction():
        for table in ("examinations", "verdicts", "verdict_certificates"):
            await store.clone(signing, table, "dispatch_id", _of_dispatch(copies))
        await store.published(signing, _OUTBOX_ROWS["signing"] * len(copies))
        await store.handled(signing, len(copies))


async def _notify(notify: Connection, copies: Sequence[Copy], shelf: Shelf) -> None:
    async with notify.transaction():
        entries = [
            (c.of.delivery, {"delivery_id": c.delivery, **_place(c), "content": c.entry})
            for c in copies
        ]
        await store.clone(notify, "entries", "delivery_id", entries)
        waiting: list[tuple[UUID, Row]] = [
            (c.of.delivery, {"delivery_id": c.delivery, "sequence": c.sequence}) for c in copies
        ]
        await store.clone(notify, "waiting", "delivery_id", waiting)
        arrived = [(c.of.delivery, shelf.event(c.of.recipient, c.delivery)) for c in copies]
        cleared = [(c.of.dispatch, shelf.event(c.of.sender, c.dispatch)) for c in copies]
        await store.clone(notify, "events", "subject", arrived, kind="delivery.arrived")
        await store.clone(notify, "events", "subject", cleared, kind="dispatch.changed")
        await store.handled(notify, len(copies))
        await store.advance_notify(notify, shelf.lanes, shelf.numbers)


def _of_dispatch(copies: Sequence[Copy]) -> list[tuple[UUID, Row]]:
    return [(copy.of.dispatch, {"dispatch_id": copy.dispatch}) for copy in copies]


def _place(copy: Copy) -> Row:
    """Return what docs and notify hold alike of a delivery."""
    return {
        "dispatch_id": copy.dispatch,
        "document_id": copy.document,
        "sequence": copy.sequence,
        "previous_hash": copy.previous,
        "hash": copy.hash,
    }
