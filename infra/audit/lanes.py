"""A mailbox lane: docs' chain and notify's, from genesis to the heads, and the senders' order."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row
from shared.chain import GENESIS, Lane, link


def check_lane(key: tuple[UUID, Lane], case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with one (agency, lane)."""
    agency, lane = key
    name = f"mailbox {books.name(agency)} {lane}"
    books.counted["lanes"] += 1
    books.counted["entries"] += len(case["docs"])
    docs, notify = case["docs"], case["notify"]
    yield from _chain(f"{name} %s at docs", key, docs)
    yield from _chain(f"{name} %s at notify", key, notify)
    yield from _head(f"{name} head at docs", docs, case["docs_head"], missing=False)
    yield from _head(f"{name} head at notify", notify, case["lane"], missing=False)
    yield from _compared(name, docs, notify)
    yield from _seen(name, case)
    yield from _order(name, docs)
    for row in case["lane"]:
        if row["stopped"] is not None:
            yield Finding(f"{name} at notify", f"has stopped: {row['stopped']}")
        if row["behind"] is not None:
            yield Finding(f"{name} at notify", f"misses entries to {row['behind']}", passing=True)


def _chain(where: str, key: tuple[UUID, Lane], entries: Sequence[Row]) -> Iterator[Finding]:
    agency, lane = key
    last, previous = 0, GENESIS
    for row in entries:
        number = row["sequence"]
        place = where % number
        if number != last + 1:
            yield Finding(place, f"follows {last}: {number - last - 1} entries are missing")
        elif row["previous_hash"] != previous:
            yield Finding(place, "does not continue the entry before it")
        made = link(
            agency=agency,
            lane=lane,
            sequence=number,
            previous=row["previous_hash"],
            entry=row["content"],
        )
        if made != row["hash"]:
            yield Finding(place, "its hash does not follow from number, previous hash and content")
        last, previous = number, row["hash"]


def _head(
    where: str, entries: Sequence[Row], heads: Sequence[Row], *, missing: bool
) -> Iterator[Finding]:
    number, made = (entries[-1]["sequence"], entries[-1]["hash"]) if entries else (0, GENESIS)
    if not heads:
        if number and not missing:
            yield Finding(where, f"is missing; the last entry is {number}")
        return
    (head,) = heads
    if (head["sequence"], head["hash"]) != (number, made):
        said = "with another hash" if head["sequence"] == number else f"is {head['sequence']}"
        yield Finding(where, f"{said}; the last entry is {number}")


def _compared(name: str, docs: Sequence[Row], notify: Sequence[Row]) -> Iterator[Finding]:
    """Compare number by number, whatever is missing on either side."""
    theirs = {row["sequence"]: row for row in notify}
    ours = {row["sequence"]: row for row in docs}
    for number in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(number), theirs.get(number)
        if one is None or other is None:
            absent = "docs" if one is None else "notify"
            yield Finding(f"{name} {number}", f"is not at {absent}", passing=True)
        elif any(one[part] != other[part] for part in ("previous_hash", "hash", "content")):
            yield Finding(f"{name} {number}", "docs and notify hold different entries")


def _seen(name: str, case: Case) -> Iterator[Finding]:
    """What docs believes that notify has: senders are told `available` by it."""
    hashes = {row["sequence"]: row["hash"] for row in case["docs"]} | {0: GENESIS}
    head = case["docs_head"][0]["sequence"] if case["docs_head"] else 0
    seen = case["seen"][0] if case["seen"] else None
    if seen is None:
        if head:
            yield Finding(f"{name} as seen by docs", "notify was never seen there", passing=True)
        return
    if hashes.get(seen["sequence"]) != seen["hash"]:
        said = f"{seen['sequence']} with a hash that no entry has"
        yield Finding(f"{name} as seen by docs", said)
    if seen["sequence"] != head:
        said = f"notify was seen at {seen['sequence']}, the head is {head}"
        yield Finding(f"{name} as seen by docs", said, passing=True)


def _order(name: str, docs: Sequence[Row]) -> Iterator[Finding]:
    """One sender's documents stand in the order of its turns, but for those that were held."""
    turns: dict[UUID, int] = {}
    for row in docs:
        sender, turn = row["sender"], row["turn"]
        if turn is None:
            continue
        if turn <= turns.get(sender, 0) and not row["held"]:
            said = f"has turn {turn} of its sender, after turn {turns.get(sender, 0)}"
            yield Finding(f"{name} {row['sequence']} at docs", said)
        turns[sender] = max(turn, turns.get(sender, 0))


def check_line(key: tuple[UUID, Lane], case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with the turns of one (sender, lane): 1 to the last, each once."""
    sender, lane = key
    where = f"turns of {books.name(sender)} {lane}"
    last = case["last"][0]["last_turn"] if case["last"] else 0
    given = [row["turn"] for row in case["turn"]]
    if given != list(range(1, last + 1)):
        gaps = sorted(set(range(1, last + 1)) ^ set(given))
        yield Finding(where, f"the last is {last}; missing or too many: {gaps[:5]}")
