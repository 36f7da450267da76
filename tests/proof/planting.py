"""A history without a fault, and what changes it: for tests of the checker."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from tests.proof.history import (
    Change,
    Entry,
    Fetched,
    History,
    Invocation,
    Notice,
    Outcome,
    Receipt,
    Report,
    Shown,
    Sighting,
    Standing,
    Timeline,
)

Planting: TypeAlias = Callable[[History], object]


def sent(
    number: int, *to: str, begun: float, at: float | None = None
) -> tuple[Invocation, Outcome]:
    """Return a document of A to some, and its acknowledgement."""
    one = Invocation(
        number=number,
        sender="A",
        lane="normal",
        urgency="normal",
        code=f"{number}/CM",
        subject=f"subject {number}",
        to=frozenset(to),
        sha256=f"sha-{number}",
        canary=f"canary-{number}",
        begun=begun,
    )
    end = begun + 0.5 if at is None else at
    return one, Outcome("ok", end, dispatch=f"dispatch-{number}", document=f"document-{number}")


def entry(number: int, agency: str, sequence: int) -> Entry:
    """Return a document's entry in a mailbox, as it has to be."""
    return Entry(
        agency=agency,
        lane="normal",
        sequence=sequence,
        hash=f"hash-{agency}-{sequence}",
        delivery=f"delivery-{number}-{agency}",
        dispatch=f"dispatch-{number}",
        sender="A",
        recipient=agency,
        code=f"{number}/CM",
        urgency="normal",
        digests=(f"sha-{number}",),
        follows=True,
        acknowledged=True,
    )


def clean() -> History:
    """Return a history without a fault: three documents of A, to B and C, to B, and unknown."""
    history = History(serving={"B": "sys-b", "C": "sys-c", "D": "sys-d"})
    history.subscribed = {"sys-b": {}, "sys-c": {("C", "normal"): 0}}
    history.streams = {"sys-b": {}, "sys-c": {("C", "normal"): 0}}
    for one, outcome in (sent(1, "B", "C", begun=1), sent(2, "B", begun=2)):
        history.invocations[one.number], history.outcomes[one.number] = one, outcome
    history.invocations[3], _ = sent(3, "B", begun=3)
    history.outcomes[3] = Outcome("unknown", 3.5)
    history.entries = [entry(1, "B", 1), entry(2, "B", 2), entry(1, "C", 1)]
    history.standings = {
        "dispatch-1": Standing(acknowledged=frozenset({"B", "C"})),
        "dispatch-2": Standing(acknowledged=frozenset({"B"})),
    }
    for one in history.entries:
        sha, number = one.digests[0], one.digests[0][-1]
        history.sightings.append(Sighting(one.agency, one.lane, one.sequence, one.hash))
        history.fetched.append(Fetched(one.agency, one.dispatch, sha, sha, f"canary-{number}"))
        for stored in (False, True):
            receipt = Receipt(one.delivery, one.agency, f"receipt-{one.delivery}", stored=stored)
            history.receipts.append(receipt)
        system, kind = history.serving[one.agency], "delivery.arrived"
        for door in ("events", "kafka", "sse"):
            told = Notice(
                f"{door}:{system}",
                one.agency,
                kind,
                one.delivery,
                f"event-{one.delivery}",
                lane=one.lane,
                number=one.sequence,
            )
            history.notices.append(told)
    for number in (1, 2):
        dispatch = f"dispatch-{number}"
        history.changes.append(Change(dispatch, "cleared", "", f"cleared-{number}", "A"))
    _as_its_sender_sees(history)
    return history


def _as_its_sender_sees(history: History) -> None:
    for number in (1, 2):
        shown = Shown(f"{number}/CM", "normal", f"subject {number}")
        history.documents[f"document-{number}"] = shown
        history.timelines[f"document-{number}"] = Timeline()
    history.timelines["document-1"] = Timeline((("delivery-1-B", "03"),))
    history.latest = {"delivery-1-B": "03"}
    history.reports = [Report("delivery-1-B", "03"), Report("delivery-1-B", "03", recorded=True)]
    history.statuses = {"delivery-1-B": ("03",)}


def at(history: History, number: int, agency: str) -> int:
    """Return the place of a document's entry in the history's list."""
    wanted = f"delivery-{number}-{agency}"
    return next(i for i, one in enumerate(history.entries) if one.delivery == wanted)


def change(number: int, agency: str, **values: object) -> Planting:
    """Return what changes an entry."""

    def plant(history: History) -> None:
        place = at(history, number, agency)
        history.entries[place] = replace(history.entries[place], **values)

    return plant


def without(number: int, agency: str) -> Planting:
    """Return what takes an entry away, as if it had never been there."""

    def plant(history: History) -> None:
        gone = history.entries.pop(at(history, number, agency))
        name = gone.delivery
        history.sightings = [s for s in history.sightings if s.hash != gone.hash]
        history.fetched = [
            f for f in history.fetched if (f.agency, f.dispatch) != (agency, gone.dispatch)
        ]
        history.receipts = [r for r in history.receipts if r.delivery != name]
        history.notices = [n for n in history.notices if n.delivery != name]
        history.standings[gone.dispatch] = Standing(acknowledged=frozenset({"B"} - {agency}))

    return plant


def add(where: str, what: object) -> Planting:
    """Return what adds a fact to one of the history's lists."""
    return lambda history: getattr(history, where).append(what)


def stands(number: int, standing: Standing, *first: Planting) -> Planting:
    """Return what changes what the sender is told, after other changes."""

    def plant(history: History) -> None:
        for one in first:
            one(history)
        history.standings[f"dispatch-{number}"] = standing

    return plant


def untold(door: str, delivery: str) -> Planting:
    """Return what takes away the notices of a delivery that came through one door."""

    def plant(history: History) -> None:
        history.notices = [n for n in history.notices if (n.system, n.delivery) != (door, delivery)]

    return plant


def fetched(*instead: Fetched) -> Planting:
    """Return what puts other downloads in the place of those of the second document."""

    def plant(history: History) -> None:
        others = [f for f in history.fetched if f.dispatch != "dispatch-2"]
        history.fetched = [*others, *instead]

    return plant


def withdrawn(number: int, *, untold_to: str = "", more: Change | None = None) -> Planting:
    """Return what withdraws a document, and tells its sender and holders but one; and `more`."""

    def plant(history: History) -> None:
        dispatch = f"dispatch-{number}"
        history.revoked[number] = True
        holders = [one.agency for one in history.entries if one.dispatch == dispatch]
        history.changes += [
            Change(dispatch, "withdrawn", "" if who == "A" else who, f"withdrawn-{who}", who)
            for who in ("A", *holders)
            if who != untold_to
        ]
        history.changes += [] if more is None else [more]

    return plant


def unstored(history: History) -> None:
    """Let a receipt be handed out that is not there after quiet."""
    history.receipts = [
        r for r in history.receipts if not (r.stored and r.delivery == "delivery-1-C")
    ]


def swapped(history: History) -> None:
    """Number two documents of one sender the wrong way round."""
    change(1, "B", sequence=2, hash="hash-B-2")(history)
    change(2, "B", sequence=1, hash="hash-B-1")(history)


def refused(history: History) -> None:
    """Refuse the third one."""
    history.outcomes[3] = Outcome("fail", 3.5, code="DOC-4221")


def lapsed(*, there: bool) -> Planting:
    """Return what makes the second document one of a lapsed certificate, refused or still there."""

    def plant(history: History) -> None:
        history.invocations[2] = replace(history.invocations[2], lapse="expired")
        if not there:
            without(2, "B")(history)
            told = Standing(held=True, failed=frozenset({"B"}), reasons={"B": "SIG-4224"})
            history.standings["dispatch-2"] = told

    return plant


def refused_and_there(history: History) -> None:
    """Refuse the third one, and deliver it."""
    refused(history)
    history.entries.append(entry(3, "B", 3))


def held(history: History) -> None:
    """Hold the first of two, and tell the sender."""
    swapped(history)
    told = replace(history.standings["dispatch-1"], held=True)
    history.standings["dispatch-1"] = told
