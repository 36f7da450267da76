"""The demo's own eyes: what its recipients and its last line must not overlook. No stack needed."""

import datetime as dt
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from infra.client import Json
from infra.demo.count import Count, chain_faults
from infra.demo.figures import Figures
from infra.demo.plan import FIRST_NUMBER, number_after
from infra.demo.receive import Findings
from infra.demo.send import Sent
from infra.trace import Span, arrange, tell
from shared import chain

AGENCY = UUID(int=7)
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


def mailbox(entries: int) -> list[Json]:
    """Return a good lane."""
    items: list[Json] = []
    previous = chain.GENESIS
    for sequence in range(1, entries + 1):
        entry = f'{{"n":{sequence}}}'
        made = chain.link(
            agency=AGENCY,
            lane="urgent",
            sequence=sequence,
            previous=previous,
            entry=entry.encode(),
        )
        items.append(
            {
                "sequence": sequence,
                "previous_hash": previous.hex(),
                "hash": made.hex(),
                "entry": entry,
            }
        )
        previous = made
    return items


def test_a_whole_mailbox_has_no_faults() -> None:
    assert chain_faults(AGENCY, "urgent", mailbox(5)) == []


@pytest.mark.parametrize("lost", range(4))
def test_a_missing_entry_is_named(lost: int) -> None:
    items = mailbox(5)
    del items[lost]
    assert chain_faults(AGENCY, "urgent", items)


def test_an_altered_a_swapped_and_a_foreign_entry_are_named() -> None:
    altered, swapped = mailbox(3), mailbox(3)
    altered[1]["entry"] = '{"n":9}'
    swapped[0], swapped[1] = swapped[1], swapped[0]
    assert chain_faults(AGENCY, "urgent", altered)
    assert chain_faults(AGENCY, "urgent", swapped)
    assert chain_faults(uuid4(), "urgent", mailbox(3))
    assert chain_faults(AGENCY, "normal", mailbox(3))


def figures(count: Count, findings: Findings | None = None) -> Figures:
    sent = Sent("d", accepted_at=NOW, accept_ms=10, recipients=3, trace="t")
    return Figures(1.0, sent, count, findings or Findings(), spans=1)


def good() -> Count:
    arrived = NOW + dt.timedelta(seconds=2)
    return Count(delivered=3, acknowledged=3, last_arrival=arrived)


def test_the_last_line_is_good_only_when_everybody_got_it_once_and_whole() -> None:
    assert figures(good()).good()
    assert figures(good()).line().startswith("DEMO recipients=3 delivered=3 acknowledged=3 ")
    assert "last_delivery_s=2.00" in figures(good()).line()


@pytest.mark.parametrize(
    ("name", "value"),
    [("delivered", 2), ("acknowledged", 2), ("duplicates", 1), ("gaps", 1)],
)
def test_one_wrong_count_is_not_good(name: str, value: int) -> None:
    count = good()
    setattr(count, name, value)
    assert not figures(count).good()


def test_one_corrupt_file_is_not_good() -> None:
    assert not figures(good(), Findings(corrupt={("H14", "a1")})).good()


@pytest.mark.parametrize(
    ("used", "following"),
    [
        ([], str(FIRST_NUMBER)),
        (["12a", "9000", "9100b", "", "²"], "9001"),
        (["12a"], str(FIRST_NUMBER)),
        (["7816"], "7817"),
    ],
)
def test_the_next_number_follows_the_highest_plain_one(used: list[str], following: str) -> None:
    assert number_after(used) == following


def span(
    trace: str, name: str, start: int, *, parent: str = "", link: tuple[str, str] | None = None
) -> Span:
    """Return a span whose id is its name."""
    return Span(
        trace=trace,
        id=name,
        name=name,
        service="docs",
        start_us=start,
        duration_us=1,
        tags={},
        parents=[(trace, parent)] if parent else [],
        links=[link] if link else [],
    )


def test_a_trace_hangs_below_the_span_that_one_of_its_own_links_to() -> None:
    spans = [
        span("a", "send", 1),
        span("a", "deliver", 2, parent="send"),
        span("b", "POST", 10),
        span("b", "acknowledge", 11, parent="POST", link=("a", "deliver")),
    ]

    [root] = arrange(spans)

    [deliver] = root.below
    assert [below.name for below in deliver.below] == ["POST"]
    assert [below.name for below in deliver.below[0].below] == ["acknowledge"]


def test_a_trace_without_a_code_says_how_to_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(tmp_path, "", everything=False) == 2
    assert "make trace CODE=" in capsys.readouterr().err


def test_links_in_a_circle_lose_no_span() -> None:
    spans = [span("a", "x", 1, link=("b", "y")), span("b", "y", 2, link=("a", "x"))]
    [root] = arrange(spans)
    assert [root.name, *(below.name for below in root.below)] == ["x", "y"]
