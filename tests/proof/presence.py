"""What must be there after quiet, told by its absence; what was refused or lost its place."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.proof.history import due
from tests.proof.judging import Facts
from tests.proof.tally import Tally

_JUDGING = 60.0
"""Seconds after its acknowledgement in which a document may still wait for its verdict."""


def all_received(facts: Facts, tally: Tally) -> None:
    """P1: a recipient that keeps on trying has received every entry of its mailbox."""
    for entry in facts.history.entries:
        if not entry.acknowledged:
            what = f"{entry.place}: {entry.delivery} is not acknowledged by its reader"
            tally.add("stuck", what)


def all_readable(facts: Facts, tally: Tally) -> None:
    """P4: of every document in a mailbox a whole copy was downloaded, and it can still be."""
    whole: set[str] = set()
    gone: dict[str, str] = {}
    for one in facts.history.fetched:
        if not one.got:
            gone[one.dispatch] = one.fault
        elif one.got == one.named and not facts.fault(one):
            whole.add(one.dispatch)
    for dispatch in dict.fromkeys(entry.dispatch for entry in facts.history.entries):
        if dispatch in gone or dispatch not in whole:
            why = gone.get(dispatch, "nobody has read it whole")
            tally.add("lost", f"file of {dispatch}: {why}")


def all_receipted(facts: Facts, tally: Tally) -> None:
    """P7: of every acknowledged entry a receipt is stored; what is wrong with one is told there."""
    stored = {one.delivery for one in facts.history.receipts if one.stored}
    for entry in facts.history.entries:
        if entry.acknowledged and entry.delivery not in stored:
            tally.add("unreceipted", f"{entry.agency} {entry.delivery}: no stored receipt")


def all_told(facts: Facts, tally: Tally) -> None:
    """P1: each entry is told in its recipient's event log, its stream and Kafka mailbox if due."""
    told = {(one.system, one.delivery) for one in facts.history.notices}
    for entry in facts.history.entries:
        system = facts.history.serving.get(entry.agency, "")
        if (f"events:{system}", entry.delivery) not in told:
            tally.add("lost", f"{entry.place}: the event log of {system} does not tell of it")
        followed = due(facts.history.streams.get(system), entry)
        if followed and (f"sse:{system}", entry.delivery) not in told:
            tally.add("lost", f"{entry.place}: the event stream of {system} did not tell of it")
        doors = {(f"{kind}:{system}", entry.delivery) for kind in ("kafka", "topic")}
        if due(facts.history.subscribed.get(system), entry) and not doors & told:
            tally.add("lost", f"{entry.place}: the Kafka mailbox of {system} does not hold it")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A valid document, or one copy of it, that was refused for good."""

    what: str
    code: str


def refusals(facts: Facts) -> Iterator[Refusal]:
    """Yield what was refused for good; what is signed with a lapsed certificate has to be."""
    for number, outcome in facts.history.outcomes.items():
        if outcome.kind == "fail" and not facts.history.invocations[number].lapse:
            yield Refusal(f"document {number}", outcome.code)
    for dispatch, standing in facts.history.standings.items():
        if _lapsed(facts, dispatch):
            continue
        for code in sorted(standing.failed):
            yield Refusal(f"{dispatch} to {code}", standing.reasons.get(code, ""))


def _lapsed(facts: Facts, dispatch: str) -> bool:
    sent = facts.of_dispatch.get(dispatch)
    return sent is not None and bool(sent.lapse)


def none_lapsed(facts: Facts, tally: Tally) -> None:
    """P6, P11: nothing is delivered whose certificate was not valid, whatever a clock says."""
    for entry in facts.history.entries:
        sent = facts.sent(entry)
        if sent is not None and sent.lapse:
            why = f"its leader's certificate is {sent.lapse}"
            tally.add("phantom", f"{entry.place}: document {sent.number} is there, though {why}")


def none_refused(facts: Facts, tally: Tally) -> int:
    """P1, P11: nothing valid is refused, not by a clock that jumps either; returns how much was.

    What is judged is judged by PostgreSQL's clock.
    """
    found = list(refusals(facts))
    for one in found:
        tally.add("refused", f"{one.what}: {one.code or 'without a code'}")
    return len(found)


def none_held(facts: Facts, tally: Tally) -> tuple[int, int]:
    """P3: a document loses its place only while a fault makes signing unable to tell.

    Returns how many have lost theirs, and how many of them then.
    """
    standings = facts.history.standings.items()
    held = [name for name, one in standings if one.held and not _lapsed(facts, name)]
    without = [dispatch for dispatch in held if not _in_doubt(facts, dispatch)]
    for dispatch in without:
        tally.add("held", f"{dispatch}: lost its place, though signing was able to tell")
    return len(held), len(held) - len(without)


def _in_doubt(facts: Facts, dispatch: str) -> bool:
    """Say whether such a fault lasted at some time between a document's beginning and verdict."""
    sent = facts.of_dispatch.get(dispatch)
    if sent is None:
        return False
    judged = facts.history.outcomes[sent.number].at + _JUDGING
    return any(sent.begun <= one.until and one.since <= judged for one in facts.history.doubts)


THERE = (all_received, all_readable, all_receipted, all_told, none_lapsed)
