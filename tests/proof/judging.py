"""Each promise looked up in an observer's facts: a function per promise, each adds findings."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.proof.history import Entry, Fetched, History, Invocation, Notice, Outcome, Standing
from tests.proof.offline import REVOKED
from tests.proof.tally import Tally

_NOWHERE = Standing()
_ENDS = frozenset({"cleared", "refused", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Facts:
    """A history with what has to be looked up in it."""

    history: History
    of_digest: Mapping[str, Invocation]
    of_dispatch: Mapping[str, Invocation]
    of_canary: Mapping[str, Invocation]
    of_delivery: Mapping[str, Entry]

    @classmethod
    def of(cls, history: History) -> "Facts":
        """Index a history."""
        known = history.invocations
        return cls(
            history=history,
            of_digest={one.sha256: one for one in known.values()},
            of_dispatch={
                outcome.dispatch: known[number]
                for number, outcome in history.outcomes.items()
                if outcome.dispatch
            },
            of_canary={one.canary: one for one in known.values()},
            of_delivery={entry.delivery: entry for entry in history.entries},
        )

    def sent(self, entry: Entry) -> Invocation | None:
        """Return the document that an entry is of: by its file, else by its dispatch."""
        main = entry.digests[0] if entry.digests else ""
        return self.of_digest.get(main) or self.of_dispatch.get(entry.dispatch)

    def fault(self, one: Fetched) -> str:
        """Return what is wrong with a download's signatures, but for a certificate lost since."""
        sent = self.of_dispatch.get(one.dispatch)
        lost = sent is not None and sent.number in self.history.revoked
        return "" if lost and one.fault == REVOKED else one.fault

    def acknowledged(self) -> Iterator[tuple[Invocation, Outcome]]:
        """Yield the documents that the exchange acknowledged."""
        for number, outcome in self.history.outcomes.items():
            if outcome.kind == "ok":
                yield self.history.invocations[number], outcome


def none_lost(facts: Facts, tally: Tally) -> None:
    """P1: each addressee of what was acknowledged has the entry, or the sender its refusal."""
    there = {(entry.dispatch, entry.agency) for entry in facts.history.entries}
    for sent, outcome in facts.acknowledged():
        standing = facts.history.standings.get(outcome.dispatch, _NOWHERE)
        for code in sorted(sent.to):
            here = (outcome.dispatch, code) in there
            what = f"document {sent.number} ({outcome.dispatch}) of {sent.sender} to {code}"
            if here and code in standing.failed:
                tally.add("phantom", f"{what}: is there though its sender was told of a refusal")
            elif not here and code in standing.open:
                tally.add("stuck", f"{what}: neither there nor refused")
            elif not here and code not in standing.failed:
                tally.add("lost", what)


def none_vanished(facts: Facts, tally: Tally) -> None:
    """P8, P20: what a reader once saw stands there still, with the same hash."""
    now = {(one.agency, one.lane, one.sequence): one.hash for one in facts.history.entries}
    for seen in {(s.agency, s.lane, s.sequence, s.hash) for s in facts.history.sightings}:
        agency, lane, sequence, digest = seen
        where = f"{agency} {lane} {sequence}"
        if seen[:3] not in now:
            tally.add("lost", f"{where} was seen and is not there any more")
        elif now[agency, lane, sequence] != digest:
            tally.add("corrupt", f"{where} was seen with another hash")


def one_effect_each(facts: Facts, tally: Tally) -> None:
    """P2: a document stands once in a mailbox, and only where it was sent to."""
    effects: Counter[tuple[int, str]] = Counter()
    for entry in facts.history.entries:
        sent, where = facts.sent(entry), entry.place
        if sent is None:
            tally.add("phantom", f"{where}: nobody sent it ({entry.dispatch})")
            continue
        _belongs(facts, entry, sent, tally)
        effects[sent.number, entry.agency] += 1
        if effects[sent.number, entry.agency] > 1:
            tally.add("dup_effect", f"{where}: document {sent.number} once more")


def _belongs(facts: Facts, entry: Entry, sent: Invocation, tally: Tally) -> None:
    where, outcome = entry.place, facts.history.outcomes.get(sent.number)
    if outcome is not None and outcome.kind == "fail":
        tally.add("phantom", f"{where}: document {sent.number} was refused ({outcome.code})")
    if entry.agency not in sent.to or entry.recipient != entry.agency:
        tally.add("misdelivered", f"{where}: document {sent.number} to {entry.recipient}")
    if entry.sender != sent.sender or entry.lane != sent.lane:
        tally.add("corrupt", f"{where}: document {sent.number} as {entry.sender}'s {entry.lane}")
    if entry.code != sent.code or entry.urgency != sent.urgency:
        shown = f"{entry.code} ({entry.urgency})"
        tally.add("corrupt", f"{where}: {sent.code} ({sent.urgency}) as {shown}")
    if entry.digests != (sent.sha256,):
        tally.add("corrupt", f"{where}: another file than document {sent.number}'s")


def in_order(facts: Facts, tally: Tally) -> None:
    """P3: of two documents of a sender, the one acknowledged first has the lower number.

    Unless it was held, and its sender told so. Only pairs count of which the second was begun
    after the first was acknowledged.
    """
    latest: dict[tuple[str, str, str], tuple[float, int]] = {}
    for entry in sorted(
        facts.history.entries, key=lambda one: (one.agency, one.lane, one.sequence)
    ):
        sent = facts.sent(entry)
        outcome = None if sent is None else facts.history.outcomes.get(sent.number)
        if sent is None or outcome is None:
            continue
        key = entry.agency, entry.lane, sent.sender
        begun, number = latest.get(key, (float("-inf"), 0))
        held = facts.history.standings.get(entry.dispatch, _NOWHERE).held
        if outcome.kind == "ok" and begun > outcome.at and not held:
            tally.add("reordered", f"{entry.place}: document {sent.number} after {number}")
        if sent.begun > begun:
            latest[key] = sent.begun, sent.number


def without_gaps(facts: Facts, tally: Tally) -> None:
    """P3, P8: each lane counts 1, 2, 3 …, and each hash follows from the one before."""
    lanes: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in facts.history.entries:
        lanes[entry.agency, entry.lane].append(entry)
    for (agency, lane), entries in lanes.items():
        expected = 1
        for entry in sorted(entries, key=lambda one: one.sequence):
            if entry.sequence != expected:
                tally.add("gaps", f"{agency} {lane}: {entry.sequence} where {expected} is due")
            if not entry.follows:
                tally.add("corrupt", f"{entry.place}: its hash does not follow")
            expected = entry.sequence + 1
    for where in facts.history.gaps_seen:
        tally.add("gaps", f"{where}, as a reader saw it")


def bytes_as_sent(facts: Facts, tally: Tally) -> None:
    """P4, P5: what was downloaded are the bytes that were sent to this agency, rightly signed."""
    for one in facts.history.fetched:
        sent = facts.of_dispatch.get(one.dispatch)
        what = f"{one.agency}: file of {one.dispatch}"
        if not one.got:
            continue  # it is lost, see `presence`
        if one.got != one.named or (sent is not None and one.got != sent.sha256):
            tally.add("corrupt", f"{what}: other bytes than were sent")
        if fault := facts.fault(one):
            tally.add("corrupt", f"{what}: {fault}")
        marked = facts.of_canary.get(one.canary)
        if marked is not None and one.agency not in marked.to:
            tally.add("misdelivered", f"{what}: holds document {marked.number}")
    for what in facts.history.refused:
        tally.add("corrupt", what)


def receipts_kept(facts: Facts, tally: Tally) -> None:
    """P7, P8: every acknowledgement has one receipt, which verifies, is kept and is told on."""
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for one in facts.history.receipts:
        what = f"{one.agency} {one.delivery}"
        if one.fault:
            tally.add("unreceipted", f"{what}: {one.fault}")
        elif not texts[one.delivery]:
            _stands(facts, one.delivery, what, tally)
        if one.sha256:
            texts[one.delivery].add(one.sha256)
    for delivery, some in texts.items():
        if len(some) > 1:
            tally.add("dup_effect", f"{delivery}: {len(some)} different receipts")


def _stands(facts: Facts, delivery: str, what: str, tally: Tally) -> None:
    entry = facts.of_delivery.get(delivery)
    if entry is None:
        tally.add("phantom", f"{what}: a receipt without a document")
        return
    standing = facts.history.standings.get(entry.dispatch, _NOWHERE)
    if not entry.acknowledged:
        tally.add("unreceipted", f"{what}: its mailbox knows of no receipt")
    elif entry.agency not in standing.acknowledged:
        tally.add("unreceipted", f"{what}: its sender was not told")


def told_once(facts: Facts, tally: Tally) -> None:
    """P2, P5: an arrival is told once, with one id, and to the recipient's system only."""
    ids: defaultdict[tuple[str, int, str], set[str]] = defaultdict(set)
    for one in facts.history.notices:
        _addressed(facts, one, tally)
        ids[one.system, one.log, one.delivery].add(one.event)
    for (system, _, delivery), some in ids.items():
        if len(some) > 1:
            tally.add("dup_effect", f"{system} was told of {delivery} {len(some)} times")


def told_in_order(facts: Facts, tally: Tally) -> None:
    """P3: through one door the arrivals of a lane are told in the order of their numbers.

    What is told once more is passed over: only the first time counts.
    """
    known: set[tuple[str, str]] = set()
    last: dict[tuple[str, str, str], int] = {}
    for one in facts.history.notices:
        if not one.number or (one.system, one.delivery) in known:
            continue
        known.add((one.system, one.delivery))
        lane = one.system, one.agency, one.lane
        if one.number < last.get(lane, 0):
            where = f"{one.agency} {one.lane} {one.number}"
            tally.add("reordered", f"{one.system} was told of {where} after {last[lane]}")
        last[lane] = max(one.number, last.get(lane, 0))


def senders_told(facts: Facts, tally: Tally) -> None:
    """P1, P2: a sender is told once of each change, and in the end that its dispatch went."""
    ids: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in facts.history.changes:
        ids[one.dispatch, one.change, one.recipient].add(one.event)
    for (dispatch, change, _), some in ids.items():
        # Signing may say more than once that it cannot tell yet.
        if len(some) > 1 and change != "waiting":
            tally.add("dup_effect", f"{dispatch}: told {len(some)} times that it is {change}")
    ended = {dispatch for dispatch, change, _ in ids if change in _ENDS}
    for entry in facts.history.entries:
        if entry.dispatch in facts.of_dispatch and entry.dispatch not in ended:
            ended.add(entry.dispatch)
            tally.add("lost", f"{entry.dispatch}: its sender was not told that it went")


def _addressed(facts: Facts, one: Notice, tally: Tally) -> None:
    what = f"{one.system}: event {one.event}"
    system = one.system.partition(":")[2]
    entry = facts.of_delivery.get(one.delivery)
    if facts.history.serving.get(one.agency) != system or one.leak:
        tally.add("misdelivered", f"{what} of {one.agency}")
    elif entry is None:
        tally.add("phantom", f"{what}: no entry {one.delivery}")
    elif entry.agency != one.agency:
        tally.add("misdelivered", f"{what}: delivery of {entry.agency}")


def statuses_once(facts: Facts, tally: Tally) -> None:
    """P2: a status that was reported stands once in the history; none stands there besides."""
    begun: defaultdict[str, set[str]] = defaultdict(set)
    recorded: defaultdict[str, set[str]] = defaultdict(set)
    for report in facts.history.reports:
        begun[report.delivery].add(report.code)
        if report.recorded:
            recorded[report.delivery].add(report.code)
    for delivery, codes in facts.history.statuses.items():
        for code, times in Counter(codes).items():
            if times > 1:
                tally.add("dup_effect", f"{delivery}: status {code} {times} times")
            if code not in begun[delivery]:
                tally.add("phantom", f"{delivery}: status {code}, which nobody reported")
        for code in recorded[delivery] - set(codes):
            tally.add("lost", f"{delivery}: status {code}")


def ended(facts: Facts, tally: Tally) -> None:
    """P1, P9: nothing is under way after quiet."""
    for what in facts.history.unquiet:
        tally.add("stuck", what)


KEPT = (
    none_lost,
    none_vanished,
    one_effect_each,
    in_order,
    without_gaps,
    bytes_as_sent,
    receipts_kept,
    told_once,
    told_in_order,
    senders_told,
    statuses_once,
    ended,
)
