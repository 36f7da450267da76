"""What the audit reads of mailboxes: sorted streams of rows of docs and notify; never a write."""

from collections.abc import AsyncGenerator
from typing import TypeAlias
from uuid import UUID

from infra.audit.finding import Row
from infra.postgres.provision import Connection

_BATCH = 500
Query: TypeAlias = tuple[str, str]
"""The service whose database it is, and the question; sorted by the key of its case."""

LANES: dict[str, Query] = {
    "docs_head": (
        "docs",
        """select agency_id as agency, lane, sequence, hash from mailbox_heads
        order by 1, lane collate "C" """,
    ),
    "seen": (
        "docs",
        """select agency_id as agency, lane, sequence, hash from seen_heads
        order by 1, lane collate "C" """,
    ),
    "docs": (
        "docs",
        """select d.recipient_id as agency, d.lane, d.sequence, d.previous_hash, d.hash,
            d.entry as content, p.sender_id as sender, p.turn, exists (select from
            dispatch_changes as c where c.dispatch_id = p.id and c.change = 'held') as held
        from deliveries as d left join dispatches as p on p.id = d.dispatch_id
        where d.sequence is not null order by 1, d.lane collate "C", d.sequence""",
    ),
    "lane": (
        "notify",
        """select agency_id as agency, lane, sequence, hash, behind, stopped from lanes
        order by 1, lane collate "C" """,
    ),
    "notify": (
        "notify",
        """select agency_id as agency, lane, sequence, previous_hash, hash, content from entries
        order by 1, lane collate "C", sequence""",
    ),
}
"""By (agency, lane)."""

DELIVERIES: dict[str, Query] = {
    "docs": (
        "docs",
        """select d.id as delivery, d.dispatch_id as dispatch, d.document_id as document,
            d.sender_id as sender, d.recipient_id as agency, d.recipient_code, d.level, d.lane,
            d.reason, d.successors, d.sequence, d.previous_hash, d.hash, d.entry as content,
            d.cleared_at, d.accepted_at, d.status, d.status_step, d.status_at,
            p.document_code, p.sender_code, p.urgency, p.files,
            array(select c.code from agency_codes as c where c.agency_id = d.recipient_id) as codes,
            (select a.level from agencies as a where a.id = d.recipient_id) as agency_level
        from deliveries as d left join dispatches as p on p.id = d.dispatch_id order by d.id""",
    ),
    "docs_receipt": (
        "docs",
        """select delivery_id as delivery, dispatch_id as dispatch, document_id as document,
            recipient_id as agency, acting_id as acting, acknowledged_at, receipt
        from receipts order by 1""",
    ),
    "docs_status": (
        "docs",
        """select delivery_id as delivery, step, code, dispatch_id as dispatch,
            document_id as document, recipient_id as agency, acting_id as acting, reported_at,
            words_sha256
        from statuses order by 1, 2""",
    ),
    "notify": (
        "notify",
        """select delivery_id as delivery, dispatch_id as dispatch, document_id as document,
            sender_id as sender, agency_id as agency, level, lane, sequence, previous_hash, hash,
            content
        from entries order by 1""",
    ),
    "waiting": (
        "notify",
        """select delivery_id as delivery, agency_id as agency, lane, sequence from waiting
        order by 1""",
    ),
    "notify_receipt": (
        "notify",
        """select delivery_id as delivery, dispatch_id as dispatch, document_id as document,
            agency_id as agency, sender_id as sender, acting_agency_id as acting,
            acknowledged_at, receipt
        from receipts order by 1""",
    ),
    "notify_status": (
        "notify",
        """select delivery_id as delivery, step, code, dispatch_id as dispatch,
            document_id as document, agency_id as agency, sender_id as sender,
            acting_agency_id as acting, client_id, reported_at, arrival_number, staff_name,
            staff_department, note, salt
        from statuses order by 1, 2""",
    ),
}
"""By delivery."""

DOCUMENTS: dict[str, Query] = {
    "document": (
        "docs",
        """select d.id as document, d.code, d.state,
            exists (select from dispatches as p where p.document_id = d.id) as sent
        from documents as d order by d.id""",
    ),
}
"""By document."""

LINES: dict[str, Query] = {
    "last": (
        "docs",
        """select sender_id as sender, lane, last_turn from turns
        order by 1, lane collate "C" """,
    ),
    "turn": (
        "docs",
        """select sender_id as sender, lane, turn from dispatches where turn is not null
        order by 1, lane collate "C", turn""",
    ),
}
"""By (sender, lane)."""


async def stream(connection: Connection, question: str) -> AsyncGenerator[Row]:
    """Yield the rows of a question in its order; one batch of them is in memory."""
    cursor = await connection.cursor(question)
    while rows := await cursor.fetch(_BATCH):
        for row in rows:
            yield dict(row)


async def agency_codes(docs: Connection) -> dict[UUID, str]:
    """Return the present code of every agency."""
    rows = await docs.fetch("select id, code from agencies")
    return {row["id"]: row["code"] for row in rows}


async def codes_ever(docs: Connection) -> dict[str, UUID]:
    """Return every code that names or has named an agency."""
    rows = await docs.fetch("select code, agency_id from agency_codes")
    return {row["code"]: row["agency_id"] for row in rows}
