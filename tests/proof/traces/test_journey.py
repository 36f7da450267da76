"""Which journeys are whole, and which are not: a tree as services make it, broken in each way."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from tests.proof.history import Outcome
from tests.proof.orders import SMALL, order
from tests.proof.traces.journey import DELIVERY, RETURNED, TO, Place, Span, faults
from tests.proof.traces.phases import Phase, Taken, ratio, told

MAIN = "11"
TO_BOTH = ("H14.2", "H14.3")


def span(
    name: str,
    service: str,
    parent: Span | None = None,
    *,
    trace: str = MAIN,
    link: Span | None = None,
    to: str = "",
    delivery: str = "",
) -> Span:
    """Return a span with an id that is made of what it is."""
    above: list[Place] = [one.place for one in (parent, link) if one is not None]
    return Span(
        trace=parent.trace if parent else trace,
        id=f"{name} {to}",
        name=name,
        service=service,
        above=tuple(above),
        tags={TO: to, DELIVERY: delivery},
    )


def sent() -> list[Span]:
    """Return a document's own trace until it is cleared."""
    root = span("POST /v1/documents", "gateway")
    asked = span("POST", "docs", root)
    taken = span("accept document", "docs", asked)
    dispatched = span("dispatch document", "docs", asked)
    told_ = span("create lienthong.documents.v1", "docs", dispatched)
    examined = span("examine file", "signing", told_)
    cleared = span("clear dispatch", "docs", dispatched)
    return [root, asked, taken, dispatched, told_, examined, cleared]


def copy(cleared: Span, code: str) -> list[Span]:
    """Return one copy's part of that trace, and the trace of its acknowledgement."""
    made = span("create lienthong.deliveries.district.normal.v1", "docs", cleared, to=code)
    entered = span("deliver entry", "notify", made, to=code, delivery=f"d-{code}")
    root = span("POST /v1/deliveries/…/acknowledgement", "gateway", trace=f"ack-{code}")
    receipt = span("acknowledge delivery", "notify", root, link=made, to=code, delivery=f"d-{code}")
    out = span("create lienthong.receipts.v1", "notify", receipt, to=code)
    returned = span(RETURNED, "docs", out, to=code, delivery=f"d-{code}")
    return [made, entered, root, receipt, out, returned]


def whole() -> list[Span]:
    """Return the journey of a document to two agencies."""
    begun = sent()
    return [*begun, *(one for code in TO_BOTH for one in copy(begun[-1], code))]


def without(*names: str) -> list[Span]:
    """Return that journey without some of its spans."""
    return [one for one in whole() if one.name not in names]


def changed(name: str, change: Callable[[Span], Span]) -> list[Span]:
    """Return that journey with one kind of span changed."""
    return [change(one) if one.name == name else one for one in whole()]


def test_a_whole_journey_has_no_fault():
    assert faults(TO_BOTH, whole()) == []
    assert faults(TO_BOTH, reversed(whole())) == []


@pytest.mark.parametrize("name", sorted({one.name for one in whole()}))
def test_no_kind_of_span_may_be_missing(name: str):
    assert faults(TO_BOTH, without(name))


@pytest.mark.parametrize("missing", range(len(whole())))
def test_no_single_span_may_be_missing(missing: int):
    every = whole()
    assert faults(TO_BOTH, every[:missing] + every[missing + 1 :]), every[missing].name


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([], "0 traces"),
        (without("dispatch document"), "0 traces"),
        ([*whole(), *(replace(one, trace="22", above=()) for one in sent())], "2 traces"),
        (
            changed("acknowledge delivery", lambda one: replace(one, above=one.above[:1])),
            "of its own",
        ),
        (
            changed(
                "acknowledge delivery",
                lambda one: replace(one, above=(*one.above[:1], ("33", "gone"))),
            ),
            "not there",
        ),
        (changed("deliver entry", lambda one: replace(one, above=())), "begins with"),
        (changed("deliver entry", lambda one: replace(one, tags={})), "no 'deliver entry' for"),
        (
            changed("acknowledge delivery", lambda one: replace(one, tags={})),
            "no 'acknowledge delivery' for H14.2",
        ),
        (without(RETURNED), f"no '{RETURNED}' for H14.3"),
        (without("examine file"), "no 'examine file'"),
        (changed("POST /v1/documents", lambda one: replace(one, service="docs")), "begins with"),
        (changed("POST /v1/documents", lambda one: replace(one, name="GET /")), "sender's POST"),
    ],
)
def test_what_is_not_whole_is_named(spans: Iterable[Span], said: str):
    assert any(said in word for word in faults(TO_BOTH, spans))


def test_each_recipient_has_its_own_entry_and_receipt():
    assert faults((*TO_BOTH, "H14.4"), whole()) == [
        f"no '{step}' for H14.4" for step in ("deliver entry", "acknowledge delivery", RETURNED)
    ]


def phase(*seconds: float, up: bool) -> Phase:
    """Return a phase whose documents took so long."""
    one = order(1, sender="G22", to=TO_BOTH, size=SMALL, urgency="normal", secret="s")  # noqa: S106
    return Phase(up, [Taken(one, Outcome("ok", 0.1), 0.1, took) for took in seconds])


def test_the_ratio_is_of_all_phases_with_jaeger_down_to_all_with_it_up():
    phases = [phase(*(0.1,) * 60, up=True), phase(*(0.3,) * 60, up=False), phase(0.2, up=True)]
    assert ratio(phases, 50) == pytest.approx(3.0)
    assert ratio(phases) == pytest.approx(1.5)
    assert ratio(list(reversed(phases))) == ratio(phases)
    with pytest.raises(ValueError, match="no values"):
        ratio(phases[:1])


def test_times_are_told_by_kind_with_the_number_of_documents():
    said = told([phase(0.2, 0.4, up=False), phase(0.6, up=False)])
    assert said.startswith("Jaeger down: 3 documents; accepted p50 100 ms, p95 100 ms")
    assert said.endswith("in a mailbox p50 400 ms, p95 600 ms, p99 600 ms")
    assert told([]) == "no document"
