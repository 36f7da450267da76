"""One signature by a kept key: what was asked for, what was intended, what was made, who did it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from infra.audit.cogroup import Case
from infra.audit.files import place_of
from infra.audit.finding import Books, Finding, Row, differing

_ASKED = ("document", "attachment", "agency", "certificate", "source_sha256", "source_size", "kind")
_MADE = ("signed_sha256", "signed_size", "signed_at")
_STATES = {
    "requested": ("requested",),
    "intended": ("requested",),
    "made": ("made", "applied", "failed", "requested"),
    "failed": ("failed", "requested"),
}
"""What docs may say, by what signing says; `requested` as long as the news is on its way."""


def check_signature(key: tuple[UUID], case: Case, books: Books, blobs: Path) -> Iterator[Finding]:
    """Yield what is wrong with one signature."""
    where = f"signature {key[0]}"
    books.counted["signatures"] += len(case["signing"])
    _pair(case, books)
    for side, other in (("docs", "signing"), ("signing", "docs")):
        if case[other] and not case[side]:
            yield Finding(where, f"is not at {side}", passing=True)
    for one in case["signing"]:
        yield from _asked(where, one, case)
        yield from _intent(where, one, case)
        yield from _uses(where, one, case)
        yield from _bytes(where, one, case, blobs)
    if not case["signing"]:
        yield from (
            Finding(where, f"was never asked for, but has an {name}")
            for name in ("intent", "use")
            if case[name]
        )


def _pair(case: Case, books: Books) -> None:
    """Count intents, signatures made, and those of both that lack the other half of their pair.

    An intent may wait for its signature, or have failed; what it may not lack is a request.
    """
    made = [one for one in case["signing"] if one["state"] == "made"]
    intents = case["intent"]
    books.counted["intents"] += len(intents)
    books.counted["made"] += len(made)
    without_request = len(intents) if not case["signing"] else 0
    books.counted["orphan"] += max(0, len(made) - len(intents)) + without_request


def _asked(where: str, one: Row, case: Case) -> Iterator[Finding]:
    for asked in case["docs"]:
        yield from differing(where, "signing against docs", asked, one, _ASKED)
        yield from _states(where, asked, one)
    for draft in case["draft"]:
        yield from _draft(where, one, draft)


def _states(where: str, docs: Row, signing: Row) -> Iterator[Finding]:
    state = signing["state"]
    if docs["state"] not in _STATES[state]:
        yield Finding(where, f"is {docs['state']} at docs and {state} at signing", passing=True)
    elif docs["state"] == "requested" and state in ("made", "failed"):
        yield Finding(where, f"docs does not know yet that it is {state}", passing=True)
    if state != "made" and any(signing[name] is not None for name in _MADE):
        yield Finding(where, f"is {state} at signing, and holds what was made")
    # One that failed after it was made keeps what was made.
    made = docs["state"] in ("made", "applied")
    columns = [name for name in _MADE if made or docs[name] is not None]
    yield from differing(where, "docs against signing", signing, docs, columns)
    if state == "failed" and docs["state"] == "failed":
        yield from differing(where, "docs against signing", signing, docs, ("reason",))


def _draft(where: str, signing: Row, draft: Row) -> Iterator[Finding]:
    if draft["code"] not in (None, signing["document_code"]):
        yield Finding(where, f"is for {signing['document_code']}, its document is {draft['code']}")
    if draft["role"] not in (None, signing["role"]):
        yield Finding(where, f"is for a {signing['role']}, its file is a {draft['role']}")


def _intent(where: str, one: Row, case: Case) -> Iterator[Finding]:
    """A signature is made only for what was written down before, once."""
    intents = case["intent"]
    if one["state"] in ("intended", "made") and not intents:
        yield Finding(where, f"is {one['state']} without an intent")
    if one["state"] == "requested" and intents:
        yield Finding(where, "has an intent, and is only requested")
    for intent in intents:
        if one["state"] == "made" and intent["signing_time"] != one["signed_at"]:
            said = f"signed at {one['signed_at']}, intended for {intent['signing_time']}"
            yield Finding(where, said)


def _uses(where: str, one: Row, case: Case) -> Iterator[Finding]:
    """The key was opened, used and its signature released, once each, for this file."""
    outcomes = [use["outcome"] for use in case["use"]]
    if len(outcomes) != one["uses"]:
        yield Finding(where, f"{len(outcomes)} uses of a key are noted, {one['uses']} were counted")
    wanted = {"intended": int(bool(case["intent"])), "released": int(one["state"] == "made")}
    for outcome, count in wanted.items():
        if outcomes.count(outcome) != count:
            said = f"{outcomes.count(outcome)} uses of a key are {outcome}, not {count}"
            yield Finding(where, said)
    if case["intent"] and "activated" not in outcomes:
        yield Finding(where, "has an intent, but its key was never opened")
    for use in case["use"]:
        said = {
            "certificate": one["certificate"],
            "agency": one["agency"],
            "sha256": one["source_sha256"],
            "person": use["registered"],
        }
        yield from differing(f"{where}: use of the key", use["outcome"], said, use, said)


def _bytes(where: str, one: Row, case: Case, blobs: Path) -> Iterator[Finding]:
    """The signed file is the prepared one, its gap filled with what was intended."""
    if one["state"] != "made":
        return
    for intent in case["intent"]:
        try:
            prepared = place_of(blobs, intent["prepared_sha256"]).read_bytes()
            signed = place_of(blobs, one["signed_sha256"]).read_bytes()
        except OSError:
            continue  # the walk over all files names it
        start, end = intent["gap_start"], intent["gap_end"]
        digest = hashlib.sha256(prepared[:start] + prepared[end:]).digest()
        # In the container the attributes have another tag: [0] for SET.
        inside = intent["attributes"][1:].hex().encode()
        holds = {
            "the intent's attributes hold another digest": digest in intent["attributes"],
            "the gap does not hold the intent's attributes": inside in signed[start:end].lower(),
            "the file before the gap is another": prepared[:start] == signed[:start],
            "the file after the gap is another": prepared[end:] == signed[end:],
            "the file is of another size": len(signed) == one["signed_size"],
            "the attributes are not whole": intent["attributes"][:1] == b"\x31",
        }
        for said, well in holds.items():
            if not well:
                yield Finding(where, said)
