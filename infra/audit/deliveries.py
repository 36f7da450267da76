"""One delivery: docs' copy, notify's entry, what waits, the receipt, what was reported of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.audit.receipts import check_receipts
from infra.audit.statuses import check_statuses
from infra.receipts.checks import Trust

Content: TypeAlias = Mapping[str, Any]

_BOTH = ("dispatch document sender agency level lane sequence previous_hash hash content").split()  # noqa: SIM905 (read as words)


def check_delivery(key: tuple[UUID], case: Case, books: Books, trust: Trust) -> Iterator[Finding]:
    """Yield what is wrong with one delivery."""
    (delivery,) = key
    docs, notify = _one(case, "docs"), _one(case, "notify")
    where = f"delivery {delivery}"
    known = docs or notify
    if known is not None:
        where += f" to {books.name(known['agency'])}"
        if known["sequence"] is not None:
            where += f" ({known['lane']} {known['sequence']})"
    numbered = docs is not None and docs["sequence"] is not None
    if notify is None and numbered:
        yield Finding(where, "is in no mailbox at notify", passing=True)
    if notify is not None and not numbered:
        yield Finding(where, "is at notify and has no number at docs", passing=True)
    if notify is not None and docs is not None and numbered:
        yield from differing(where, "docs against notify", notify, docs, _BOTH)
    if docs is not None:
        yield from _of_docs(where, docs)
    yield from _waiting(where, case)
    yield from check_receipts(where, case, books, trust)
    yield from check_statuses(where, case, books)


def _one(case: Case, name: str) -> Row | None:
    rows = case[name]
    return rows[0] if rows else None


def _of_docs(where: str, docs: Row) -> Iterator[Finding]:
    if docs["document_code"] is None:
        yield Finding(where, "docs has no dispatch of it")
        return
    if docs["recipient_code"] not in docs["codes"]:
        yield Finding(where, f"recipient_code {docs['recipient_code']} never named its agency")
    if docs["sequence"] is not None:
        yield from _content(where, docs)
    elif docs["level"] != docs["agency_level"]:  # a numbered one is compared with its entry
        yield Finding(where, f"is for the level {docs['level']}")


def _content(where: str, docs: Row) -> Iterator[Finding]:
    """What the entry says against the rows that it was made of."""
    try:
        content: Content = json.loads(docs["content"])
        said = {
            "delivery": content["delivery_id"],
            "dispatch": content["dispatch_id"],
            "document": content["document_id"],
            "document_code": content["code"],
            "urgency": content["urgency"],
            "sender": content["from"]["id"],
            "sender_code": content["from"]["code"],
            "agency": content["to"]["id"],
            "cleared_at": content["cleared_at"],
            "files": [_file(one, "id") for one in content["files"]],
        }
        named = content["to"]["code"] in docs["codes"]
    except (ValueError, LookupError, TypeError) as error:
        yield Finding(where, f"its entry cannot be read: {error!r}")
        return
    row = {name: str(docs[name]) for name in said}
    row["cleared_at"] = docs["cleared_at"].isoformat()
    row["files"] = [_file(one, "attachment_id") for one in docs["files"]]  # pyright: ignore[reportArgumentType] -- compared, not used
    yield from differing(where, "docs against its entry", said, row, said)
    if not named:
        yield Finding(where, "its entry names its agency by a code that it never had")


def _file(file: Content, id_: str) -> tuple[Any, ...]:
    named = (file[name] for name in ("role", "media_type", "size", "sha256"))
    return (file[id_], *named, file.get("signature_sha256"))


def _waiting(where: str, case: Case) -> Iterator[Finding]:
    """An entry waits for its acknowledgement until there is a receipt, and no longer."""
    notify, waiting = _one(case, "notify"), _one(case, "waiting")
    receipted = bool(case["notify_receipt"])
    if waiting is None:
        if notify is not None and not receipted:
            yield Finding(where, "neither waits for its acknowledgement nor has a receipt")
        return
    if notify is None:
        yield Finding(where, "waits for its acknowledgement and is in no mailbox")
        return
    if receipted:
        yield Finding(where, "still waits for its acknowledgement and has a receipt")
    columns = ("agency", "lane", "sequence")
    yield from differing(where, "what waits against its entry", notify, waiting, columns)
