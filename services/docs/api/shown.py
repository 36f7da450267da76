"""Documents in the shape of the API: as their sender sees them, and as recipients do."""

from collections.abc import Sequence
from typing import Any

from services.docs import directory
from services.docs.agency import Agency
from services.docs.api.answers import warning
from services.docs.api.attachments import as_json as attachment_as_json
from services.docs.api.drafts import card_as_json
from services.docs.document import Document, choices_as_json
from services.docs.store import agencies
from services.docs.store import documents as store
from shared.db import Connection
from shared.ids import DocumentId


async def own_items(conn: Connection, found: Sequence[Document]) -> list[dict[str, Any]]:
    """Return documents as their sender sees them: recipients as named, and remarks."""
    senders = await agencies.by_ids(conn, [one.sender_id for one in found])
    earlier = await store.earlier(conn, [one.id for one in found])
    return [
        {
            **as_json(one, senders[one.sender_id]),
            "recipients": choices_as_json(one.draft.recipients),
            "warnings": _warnings(one, earlier.get(one.id)),
        }
        for one in found
    ]


async def seen_items(conn: Connection, ids: Sequence[DocumentId]) -> list[dict[str, Any]]:
    """Return documents as recipients see them."""
    found = await store.by_ids(conn, ids)
    senders = await agencies.by_ids(conn, [one.sender_id for one in found])
    return [as_json(one, senders[one.sender_id]) for one in found]


def _warnings(document: Document, earlier: store.Earlier | None) -> list[dict[str, Any]]:
    warnings: list[dict[str, Any]] = []
    if document.draft.promulgated_on > directory.today():
        warnings.append(warning("DOC-2011"))
    if earlier is not None:
        named = {
            "document_id": earlier.document_id,
            "dispatch_id": earlier.dispatch_id,
            "created_at": earlier.created_at,
        }
        warnings.append(warning("DOC-2012") | named)
    return warnings


def as_json(document: Document, sender: Agency) -> dict[str, Any]:
    """Return a document as recipients see it; whom else it went to is its sender's alone."""
    return {
        "id": document.id,
        "state": document.state,
        "code": document.draft.code,
        **card_as_json(document.draft),
        "sender": {"id": sender.id, "code": sender.code, "name": sender.name},
        "attachments": [attachment_as_json(one) for one in document.attachments],
        "created_at": document.created_at,
        "warnings": [],
    }
