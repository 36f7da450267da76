"""Statuses of a delivery: the same on both sides, in steps without gaps, by allowed moves only."""

from collections.abc import Iterator, Mapping, Sequence

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


def check_statuses(where: str, case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with the statuses of one delivery."""
    docs, notify = case["docs_status"], case["notify_status"]
    books.counted["statuses"] += len(notify)
    yield from _compared(where, docs, notify)
    yield from _steps(f"{where}: status %s at docs", docs)
    yield from _steps(f"{where}: status %s at notify", notify)
    for copy in case["docs"]:
        yield from _latest(where, copy, case)
    for row in notify:
        yield from _of_receipt(where, row, case)


def _compared(where: str, docs: Sequence[Row], notify: Sequence[Row]) -> Iterator[Finding]:
    ours, theirs = ({row["step"]: row for row in rows} for rows in (docs, notify))
    for step in sorted(ours.keys() | theirs.keys()):
        if step not in ours or step not in theirs:
            absent = "docs" if step not in ours else "notify"
            yield Finding(f"{where}: status {step}", f"is not at {absent}", passing=True)
        else:
            name = f"{where}: status {step}"
            yield from differing(name, "docs against notify", theirs[step], ours[step], _BOTH)


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
