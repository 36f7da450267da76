"""What makes a journey whole: one trace from the sender's request to each receipt, no loose end."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Place: TypeAlias = tuple[str, str]
"""Trace and span: where a span is found."""

TO, DELIVERY = "lienthong.agency.to", "lienthong.delivery.id"
DISPATCHED, ENTERED, ACKNOWLEDGED = "dispatch document", "deliver entry", "acknowledge delivery"
STEPS = ("accept document", DISPATCHED, "examine file", "clear dispatch")
"""What a document goes through once, before its copies part."""
RETURNED = "process lienthong.receipts.v1"
"""The sender's side takes a receipt in."""
_DOOR = "gateway"


@dataclass(frozen=True, slots=True)
class Span:
    """One span as Jaeger tells it."""

    trace: str
    id: str
    name: str
    service: str
    above: tuple[Place, ...] = ()
    """What it names as its origin: its parent, or what it follows from."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def place(self) -> Place:
        """Return where it is found."""
        return self.trace, self.id

    @property
    def begins(self) -> bool:
        """Say whether its trace begins with it; it may follow from another trace."""
        return all(trace != self.trace for trace, _ in self.above)

    def tag(self, name: str) -> str:
        """Return what it says of itself; empty when it says nothing."""
        return self.tags.get(name, "")


def faults(to: Collection[str], spans: Iterable[Span]) -> list[str]:
    """Return what a document's journey lacks of being one whole trace; nothing: it is whole.

    `to` are the codes of its recipients, `spans` all of the traces that carry its number.
    """
    every = {span.place: span for span in spans}
    traces = {span.trace for span in every.values() if span.name == DISPATCHED}
    if len(traces) != 1:
        return [f"{len(traces)} traces of {len(every)} spans have a '{DISPATCHED}'"]
    (trace,) = traces
    own = [span for span in every.values() if span.trace == trace]
    below = _below(every, trace)
    return [
        *_loose(every),
        *_begun(every, own),
        *(f"no '{step}' in its trace" for step in STEPS if not _named(own, step)),
        *_received(to, own, [every[place] for place in below]),
        *_apart(every, below),
    ]


def _loose(every: Mapping[Place, Span]) -> Iterator[str]:
    """Yield each span whose origin is nowhere."""
    for span in every.values():
        if any(place not in every for place in span.above):
            yield f"'{span.name}' of {span.service} hangs below a span that is not there"


def _begun(every: Mapping[Place, Span], own: Sequence[Span]) -> Iterator[str]:
    """Yield what is wrong with the beginnings: each trace has one, a request at the gateway."""
    if not any(span.name.startswith("POST ") for span in own if span.begins):
        yield "its trace does not begin with the sender's POST"
    for trace in {span.trace for span in every.values()}:
        roots = [span for span in every.values() if span.trace == trace and span.begins]
        if [root.service for root in roots] != [_DOOR]:
            words = ", ".join(sorted(f"'{root.name}' of {root.service}" for root in roots))
            yield f"a trace begins with {words or 'nothing'}"


def _received(to: Collection[str], own: Sequence[Span], below: Sequence[Span]) -> Iterator[str]:
    """Yield what is missing of each recipient's entry, acknowledgement and receipt."""
    for code in to:
        copies = {span.tag(DELIVERY) for span in _named(own, ENTERED) if span.tag(TO) == code}
        receipts = [span for span in _named(below, ACKNOWLEDGED) if span.tag(DELIVERY) in copies]
        returned = [span for span in _named(below, RETURNED) if span.tag(DELIVERY) in copies]
        found = {ENTERED: copies, ACKNOWLEDGED: receipts, RETURNED: returned}
        yield from (f"no '{step}' for {code}" for step, some in found.items() if not some)


def _apart(every: Mapping[Place, Span], below: Collection[Place]) -> Iterator[str]:
    """Yield each trace that carries the number and hangs nowhere below the document's own."""
    hanging = {trace for trace, _ in below}
    for trace in {span.trace for span in every.values()} - hanging:
        names = [span.name for span in every.values() if span.trace == trace and span.begins]
        yield f"a trace of its own: {', '.join(names) or trace}"


def _below(every: Mapping[Place, Span], trace: str) -> set[Place]:
    """Return the spans of a trace, and all that hangs below them."""
    lower: dict[Place, list[Place]] = {}
    for span in every.values():
        for place in span.above:
            lower.setdefault(place, []).append(span.place)
    found: set[Place] = set()
    waiting = [place for place in every if place[0] == trace]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += lower.get(place, ())
    return found


def _named(spans: Iterable[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]
