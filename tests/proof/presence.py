"""What must be there after quiet, told by its absence: receptions, files, receipts, notices."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.proof.history import due
from tests.proof.judging import Facts
from tests.proof.tally import Tally


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
        elif one.got == one.named and not one.fault:
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
    """Yield what was refused for good: every document of the load is valid."""
    for number, outcome in facts.history.outcomes.items():
        if outcome.kind == "fail":
            yield Refusal(f"document {number}", outcome.code)
    for dispatch, standing in facts.history.standings.items():
        for code in sorted(standing.failed):
            yield Refusal(f"{dispatch} to {code}", standing.reasons.get(code, ""))


def none_refused(facts: Facts, tally: Tally, may_refuse: AbstractSet[str]) -> tuple[int, int]:
    """P1, P11: nothing valid is refused but for a reason that a fault may have given.

    Returns how much was refused, and how much of it for such a reason.
    """
    found = list(refusals(facts))
    for one in found:
        if one.code not in may_refuse:
            tally.add("refused", f"{one.what}: {one.code or 'without a code'}")
    return len(found), sum(one.code in may_refuse for one in found)


THERE = (all_received, all_readable, all_receipted, all_told)
