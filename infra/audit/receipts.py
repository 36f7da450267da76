"""Receipts: the same bytes on both sides, verified offline, one for each acknowledged delivery."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.receipts.checks import Failed, Trust, take_apart, verify

_SAID = ("delivery", "dispatch", "document", "agency", "acting", "acknowledged_at")


def check_receipts(where: str, case: Case, books: Books, trust: Trust) -> Iterator[Finding]:
    """Yield what is wrong with the receipts of one delivery."""
    docs, notify = case["docs_receipt"], case["notify_receipt"]
    books.counted["receipts"] += len(notify)
    for side, there, other in (("docs", docs, notify), ("notify", notify, docs)):
        if other and not there:
            yield Finding(where, f"its receipt is not at {side}", passing=True)
        for row in there:
            yield from _receipt(f"{where}: receipt at {side}", row, case, trust)
    if docs and notify and docs[0]["receipt"] != notify[0]["receipt"]:
        yield Finding(where, "docs and notify hold different receipts")
    if notify or docs:
        if not case["docs"] and not case["notify"]:
            yield Finding(where, "has a receipt, and is in no mailbox")
        return
    if case["docs_status"] or case["notify_status"]:
        yield Finding(where, "has statuses and no receipt")


def _receipt(where: str, row: Row, case: Case, trust: Trust) -> Iterator[Finding]:
    if failure := _unsound(row["receipt"], trust):
        yield Finding(where, failure)
        return
    claims = take_apart(row["receipt"]).claims
    said: dict[str, Any] = {
        "delivery": claims["delivery_id"],
        "dispatch": claims["dispatch_id"],
        "document": claims["document_id"],
        "agency": claims["to"]["id"],
        "acting": claims["acted"]["id"],
        "acknowledged_at": claims["acknowledged_at"],
    }
    found = {name: str(row[name]) for name in said}
    found["acknowledged_at"] = row["acknowledged_at"].isoformat()
    yield from differing(where, "row against the signed text", said, found, _SAID)
    if "sender" in row and str(row["sender"]) != claims["from"]["id"]:
        yield Finding(where, "row against the signed text: sender")
    for side in ("docs", "notify"):
        for entry in case[side]:
            if entry["sequence"] is not None:
                yield from _entry(f"{where}, entry at {side}", entry, claims)


def _entry(where: str, entry: Row, claims: dict[str, Any]) -> Iterator[Finding]:
    """The receipt is of this very entry: its place, its hash, its files."""
    found = {
        "lane": entry["lane"],
        "sequence": entry["sequence"],
        "hash": entry["hash"].hex(),
        "files": _files(entry["content"]),
    }
    said = {name: claims[name] for name in ("lane", "sequence", "hash")}
    said["files"] = {(one["id"], one["sha256"], one["size"]) for one in claims["files"]}
    yield from differing(where, "against the receipt", said, found, said)


def _files(content: bytes) -> set[tuple[Any, ...]] | None:
    try:
        files = json.loads(content)["files"]
        return {(one["id"], one["sha256"], one["size"]) for one in files}
    except (ValueError, LookupError, TypeError):
        return None


def _unsound(text: str, trust: Trust) -> str | None:
    """Return the first check that a receipt does not pass."""
    return _verified(text, trust)


@lru_cache(maxsize=65_536)
def _verified(text: str, trust: Trust) -> str | None:
    """The same text and root give the same answer: verified once in a process."""
    try:
        failed = [check for check in verify(text, trust) if check.failure is not None]
    except Failed as failure:
        return str(failure)
    return None if not failed else f"{failed[0].en}: does not hold ({failed[0].failure})"
