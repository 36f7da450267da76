"""Where each recipient's copy stands, in the shape of the API."""

from typing import Any

from services.docs.store.progress import Standing
from shared.errors import problem_types

COLUMNS = {
    "recipient_code": "recipient.code",
    "recipient_name": "recipient.name",
    "level": "recipient.level",
    "transport": "transport",
    "status": "status",
    "status_since": "status_since",
    "lane": "lane",
    "sequence": "sequence",
    "hash": "hash",
    "accepted_at": "accepted_at",
    "cleared_at": "cleared_at",
    "acknowledged_at": "acknowledged_at",
    "acknowledged_by": "acknowledged_by",
    "reason": "reason.code",
    "reason_title": "reason.title",
    "successors": "successors",
    "id": "id",
}


def as_item(row: Standing) -> dict[str, Any]:
    """Return one copy in the shape of the API."""
    return {
        "id": row.id,
        "recipient": {
            "id": row.recipient_id,
            "code": row.recipient_code,
            "name": row.recipient_name,
            "level": row.level,
        },
        "transport": row.transport,
        "status": row.status or None,
        "status_since": row.status_at,
        "lane": row.lane,
        "sequence": row.sequence,
        "hash": None if row.hash is None else row.hash.hex(),
        "accepted_at": row.accepted_at,
        "cleared_at": row.cleared_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "reason": reason(row.reason),
        "successors": row.successors,
    }


def reason(code: str | None) -> dict[str, str] | None:
    """Return a reason in both languages; a code of a newer service than this stands alone."""
    if code is None:
        return None
    row = problem_types().get(code)
    if row is None:
        return {"code": code, "title": code, "title_en": code}
    return {"code": code, "title": row.title, "title_en": row.title_en}
