"""What senders are shown after quiet: documents as they were written, statuses as they came."""

from collections import Counter

from tests.proof.history import Shown
from tests.proof.judging import Facts
from tests.proof.tally import Tally


def as_written(facts: Facts, tally: Tally) -> None:
    """P1, P4: a sender is shown each document that was acknowledged, as it was handed in."""
    for sent, outcome in facts.acknowledged():
        shown = facts.history.documents.get(outcome.document)
        what = f"document {sent.number} ({outcome.document})"
        if shown is None:
            tally.add("lost", f"{what}: {sent.sender} is not shown it")
        elif shown != Shown(sent.code, sent.urgency, sent.subject):
            tally.add("corrupt", f"{what}: {sent.sender} is shown {shown}")


def statuses_told(facts: Facts, tally: Tally) -> None:
    """P1: a status that was recorded stands in its sender's timeline."""
    history = facts.history
    document = {outcome.dispatch: outcome.document for outcome in history.outcomes.values()}
    for delivery, code in {(one.delivery, one.code) for one in history.reports if one.recorded}:
        entry = facts.of_delivery.get(delivery)
        if entry is None or entry.dispatch not in document:
            continue  # an entry that is lost or that nobody sent, told there
        timeline = history.timelines.get(document[entry.dispatch])
        if timeline is None:
            tally.add("lost", f"{delivery}: status {code}: no timeline of its document was read")
        elif not timeline.fault and (delivery, code) not in timeline.statuses:
            tally.add("lost", f"{delivery}: status {code} is not in its sender's timeline")


def timelines_whole(facts: Facts, tally: Tally) -> None:
    """P2: what was asked for is there, and tells each status once."""
    for name, timeline in facts.history.timelines.items():
        if timeline.fault:
            tally.add("lost", f"timeline of {name}: {timeline.fault}")
        for (delivery, code), times in Counter(timeline.statuses).items():
            if times > 1:
                tally.add("dup_effect", f"{delivery}: status {code} {times} times in the timeline")


def nothing_made_up(facts: Facts, tally: Tally) -> None:
    """P2: no sender is shown a status that nobody reported, in timelines or lists of copies."""
    begun = {(one.delivery, one.code) for one in facts.history.reports}
    for timeline in facts.history.timelines.values():
        for delivery, code in set(timeline.statuses) - begun:
            tally.add("phantom", f"{delivery}: the timeline tells status {code}")
    for delivery, code in set(facts.history.latest.items()) - begun:
        tally.add("phantom", f"{delivery}: its sender is shown status {code}")


SHOWN = (as_written, statuses_told, timelines_whole, nothing_made_up)
