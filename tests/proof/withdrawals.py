"""What became of dispatches, told in the right logs; and that what is revoked is withdrawn."""

from collections.abc import Iterator

from tests.proof.judging import Facts
from tests.proof.tally import Tally


def told_to_whom_it_concerns(facts: Facts, tally: Tally) -> None:
    """P5: a sender's log tells what became of its dispatch, a holder's of a withdrawn copy."""
    for one in facts.history.changes:
        sent = facts.of_dispatch.get(one.dispatch)
        if sent is None:
            continue
        copy = one.recipient if one.change == "withdrawn" else ""
        if one.agency != (copy or sent.sender) or (copy and copy not in sent.to):
            tally.add("misdelivered", f"{one.dispatch}: {one.agency} was told it is {one.change}")


def withdrawn_as_due(facts: Facts, tally: Tally) -> None:
    """P1: who lost a certificate has the document withdrawn; sender and holders are told.

    No other is. A revocation that was never answered may have come to pass or not.
    """
    changes = facts.history.changes
    told = {(one.dispatch, one.recipient) for one in changes if one.change == "withdrawn"}
    for dispatch, whom in sorted({*_due(facts)} - told):
        tally.add("lost", f"{dispatch}: {whom or 'its sender'} was not told it is withdrawn")
    revoked = {facts.history.outcomes[number].dispatch for number in facts.history.revoked}
    for dispatch in sorted({dispatch for dispatch, _ in told} - revoked):
        tally.add("phantom", f"{dispatch}: withdrawn, though no certificate of it was revoked")


def _due(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield each dispatch that has to be withdrawn, with who has to be told; empty: its sender."""
    answered = {number for number, yes in facts.history.revoked.items() if yes}
    dispatches = {facts.history.outcomes[number].dispatch for number in answered}
    yield from ((dispatch, "") for dispatch in dispatches)
    for entry in facts.history.entries:
        if entry.dispatch in dispatches:
            yield entry.dispatch, entry.agency


WITHDRAWN = (told_to_whom_it_concerns, withdrawn_as_due)
