"""The digest of a dispatch as it was frozen: docs makes it, signing keeps it, audits check it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import orjson

Row: TypeAlias = Mapping[str, Any]

DISPATCH = [
    "id",
    "document_id",
    "document_code",
    "sender_id",
    "sender_code",
    "lane",
    "urgency",
    "turn",
    "recipients",
    "files",
    "warnings",
    "accepted_at",
    "adopted",
]
DOCUMENT = [
    "id",
    "sender_id",
    "number",
    "notation",
    "type",
    "subject",
    "promulgated_on",
    "urgency",
    "due_on",
    "classification",
    "signer_name",
    "signer_position",
    "signer_competence",
    "recipients",
    "version",
    "client_id",
    "created_at",
]
FILE = [
    "id",
    "sender_id",
    "role",
    "position",
    "name",
    "media_type",
    "size",
    "sha256",
    "blocks",
    "signature_sha256",
]
COPY = ["id", "document_id", "sender_id", "recipient_id", "recipient_code", "lane", "accepted_at"]
"""The columns, by table of docs, that nothing changes after the dispatch."""

_DOMAIN = "lienthong/frozen/1"


def digest(dispatch: Row, document: Row, *, files: Iterable[Row], copies: Iterable[Row]) -> str:
    """Return the SHA-256 (hex) of a dispatch, its document, files and recipients' copies.

    It is of the columns above, in any order of rows. It tells nobody what stands in them: ids
    that cannot be guessed are among them.
    """
    content = [
        _DOMAIN,
        _values(dispatch, DISPATCH),
        _values(document, DOCUMENT),
        sorted((_file(one) for one in files), key=lambda values: values[0]),
        sorted((_values(one, COPY) for one in copies), key=lambda values: values[0]),
    ]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _file(row: Row) -> list[Any]:
    # A PDF has no seal beside it: its digest is what it was before others could have one.
    return _values(row, FILE if row["signature_sha256"] is not None else FILE[:-1])


def _values(row: Row, columns: Sequence[str]) -> list[Any]:
    return [_plain(row[column]) for column in columns]


def _plain(value: Any) -> Any:  # noqa: ANN401 (what a column may hold)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value
