"""Statuses of a delivery: the same on both sides, in steps without gaps, by allowed moves only."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import orjson

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing

ARRIVED = "01"
_MOVES: Mapping[str, Sequence[str]] = {
    "01": ("02", "03"),
    "02": (),
    "03": ("04", "05"),
    "04": ("05", "06"),
    "05": ("06",),
    "06": ("05",),
}
"""As docs/agency.md promises them, reopening (06 to 05) among them."""
_BOTH = ("code", "dispatch", "document", "agency", "acting", "reported_at")
_WORDS = ("client_id", "arrival_number", "staff_name", "staff_department", "note")


def check_statuses(where: str, case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with the statuses of one delivery."""
    docs, notify = case["docs_status"], case["notify_status"]
    books.counted["statuses"] += len(notify)
    yield from _compared(where, docs, notify, books)
    yield from _steps(f"{where}: status %s at docs", docs)
    yield from _steps(f"{where}: status %s at notify", notify)
    for copy in case["docs"]:
        yield from _latest(where, copy, case)
    for row in notify:
        yield from _of_receipt(where, row, case)


def _compared(
    where: str, docs: Sequence[Row], notify: Sequence[Row], books: Books
) -> Iterator[Finding]:
    ours, theirs = ({row["step"]: row for row in rows} for rows in (docs, notify))
    for step in sorted(ours.keys() | theirs.keys()):
        if step not in ours or step not in theirs:
            absent = "docs" if step not in ours else "notify"
            yield Finding(f"{where}: status {step}", f"is not at {absent}", passing=True)
        else:
            name = f"{where}: status {step}"
            yield from differing(name, "docs against notify", theirs[step], ours[step], _BOTH)
            yield from _words(name, theirs[step], ours[step]["words_sha256"], books)


def _words(where: str, row: Row, witnessed: str | None, books: Books) -> Iterator[Finding]:
    """What people wrote is what docs was told the digest of."""
    said = [row[name] for name in _WORDS]
    if row["salt"] is None:
        if any(one is not None for one in said) and witnessed is not None:
            yield Finding(where, "its words have lost the salt of their digest")
        books.counted["words_lost"] += witnessed is not None  # a restored notify has no words
        return
    made = hashlib.sha256(row["salt"] + orjson.dumps(said)).hexdigest()
    if made != witnessed:
        yield Finding(where, "its words, or the system they came by, are not those that were sent")


def _steps(where: str, rows: Sequence[Row]) -> Iterator[Finding]:
    last, code = 0, ARRIVED
    for row in rows:
        if row["step"] != last + 1:
            yield Finding(where % row["step"], f"follows step {last}", passing=True)
        elif row["code"] not in _MOVES.get(code, ()):
            yield Finding(where % row["step"], f"{row['code']} may not follow {code}")
        last, code = row["step"], row["code"]


def _latest(where: str, copy: Row, case: Case) -> Iterator[Finding]:
    """The latest status that lists show is the last one that is kept."""
    expected = ("", 0, None)
    if case["docs_receipt"]:
        expected = (ARRIVED, 0, case["docs_receipt"][0]["acknowledged_at"])
    if case["docs_status"]:
        last = case["docs_status"][-1]
        expected = (last["code"], last["step"], last["reported_at"])
    found = (copy["status"], copy["status_step"], copy["status_at"])
    if found != expected:
        yield Finding(where, f"docs shows status {found[:2]}, the last kept one is {expected[:2]}")


def _of_receipt(where: str, row: Row, case: Case) -> Iterator[Finding]:
    for receipt in case["notify_receipt"]:
        columns = ("dispatch", "document", "agency", "sender")
        name = f"{where}: status {row['step']}"
        yield from differing(name, "notify against the receipt", receipt, row, columns)
